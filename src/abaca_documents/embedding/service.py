"""Embeddings from a service that speaks OpenAI's `POST /embeddings`: the model is elsewhere, the vectors come back."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from collections.abc import Sequence
from email.message import Message

import msgspec

from abaca_documents.embedding.local import unit
from abaca_documents.embedding.pool import EmbedderFailed
from abaca_documents.model import Vector
from abaca_documents.protocols import Counted

BATCH = 64
LONGEST_WAIT = 30.0
AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})


class Row(msgspec.Struct):
    index: int
    embedding: list[float]


class Answer(msgspec.Struct):
    data: list[Row]


class HttpEmbedder:
    """An `Embedder` over HTTP. `url` is the address that `/embeddings` is below; `dimension` is what the model gives.

    Busy and broken answers are asked again up to `tries` times, after what `Retry-After` says or 1, 2, 4 ... seconds.
    Raises `EmbedderFailed`.
    """

    def __init__(
        self,
        url: str,
        model: str,
        dimension: int,
        *,
        token: str = "",
        tries: int = 5,
        timeout: float = 60.0,
        at_once: int = 4,
        pause: float = 1.0,
    ) -> None:
        self._url = url.rstrip("/") + "/embeddings"
        self._model = model
        self._dimension = dimension
        self._token = token
        self._tries = tries
        self._timeout = timeout
        self._pause = pause
        self._slots = asyncio.Semaphore(at_once)

    @property
    def name(self) -> str:
        return f"http:{self._model}/{self._dimension}"

    @property
    def dimension(self) -> int:
        return self._dimension

    async def embed(self, texts: Sequence[str], counted: Counted | None = None) -> list[Vector]:
        async def batch(part: Sequence[str]) -> list[Vector]:
            async with self._slots:
                vectors = await self._ask(part)
            if counted is not None:
                counted(len(part))
            return vectors

        async with asyncio.TaskGroup() as group:
            parts = [texts[at : at + BATCH] for at in range(0, len(texts), BATCH)]
            tasks = [group.create_task(batch(part)) for part in parts]
        return [vector for task in tasks for vector in task.result()]

    async def embed_query(self, text: str) -> Vector:
        return (await self._ask([text]))[0]

    async def close(self) -> None:
        """Nothing is open between two requests."""

    async def _ask(self, texts: Sequence[str]) -> list[Vector]:
        # An empty input is an error to most services, and to all of them it means nothing.
        body = msgspec.json.encode(
            {"model": self._model, "input": [text or " " for text in texts], "encoding_format": "float"}
        )
        for attempt in range(1, self._tries + 1):
            status, headers, answer = await asyncio.to_thread(self._post, body)
            if status == 200:
                return self._vectors(answer, len(texts))
            reason = answer[:300].decode("utf-8", "replace") or "no answer"
            if (status not in AGAIN and status != 0) or attempt == self._tries:
                raise EmbedderFailed(f"{self._url} answered {status or 'nothing'} after {attempt} tries: {reason}")
            await asyncio.sleep(_wait(headers.get("Retry-After"), self._pause * 2 ** (attempt - 1)))
        raise AssertionError("the last try returns or raises")

    def _post(self, body: bytes) -> tuple[int, Message, bytes]:
        headers = {"Content-Type": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        request = urllib.request.Request(self._url, body, headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=self._timeout) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read()
        except OSError as error:
            return 0, Message(), str(error).encode()

    def _vectors(self, body: bytes, count: int) -> list[Vector]:
        try:
            rows = sorted(msgspec.json.decode(body, type=Answer).data, key=lambda row: row.index)
        except msgspec.DecodeError as error:
            raise EmbedderFailed(f"{self._url} answered something else than embeddings: {error}") from error
        if [row.index for row in rows] != list(range(count)):
            raise EmbedderFailed(f"{self._url} answered {len(rows)} vectors for {count} texts")
        if any(len(row.embedding) != self._dimension for row in rows):
            raise EmbedderFailed(
                f"{self._url} answered vectors of {len(rows[0].embedding)} numbers; {self._dimension} were expected"
            )
        return [unit(row.embedding) for row in rows]


def _wait(asked: str | None, usual: float) -> float:
    try:
        seconds = float(asked) if asked else usual
    except ValueError:
        seconds = usual
    return min(max(seconds, 0.0), LONGEST_WAIT)
