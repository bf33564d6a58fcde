"""Embeddings from a service that speaks OpenAI's `POST /embeddings`: the model is elsewhere, the vectors come back."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from collections.abc import Sequence
from email.message import Message
from http.client import HTTPException

import msgspec

from abaca_documents.embedding.local import unit
from abaca_documents.embedding.together import all_of
from abaca_documents.errors import EmbedderAway, EmbedderRefused
from abaca_documents.model import Vector
from abaca_documents.protocols import Counted

BATCH = 64
LONGEST_WAIT = 30.0
QUERY_TRIES = 2
QUERY_WAIT = 1.0
MOST_BYTES = 64 << 20
"""Of one answer: what a batch of the longest vectors takes, several times over."""
AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})


class Row(msgspec.Struct):
    index: int
    embedding: list[float]


class Answer(msgspec.Struct):
    data: list[Row]


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """The key is for this address and goes to no other."""

    def redirect_request(self, *_: object, **__: object) -> None:
        return None


_opener = urllib.request.build_opener(_NoRedirect)


class HttpEmbedder:
    """An `Embedder` over HTTP. `url` is the address that `/embeddings` is below; `dimension` is what the model gives.

    Busy and broken answers are asked again up to `tries` times, after what `Retry-After` says or 1, 2, 4 ... seconds;
    for a query twice, since somebody waits for it. Raises `EmbedderAway` and `EmbedderRefused`.
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
                vectors = await self._ask(part, self._tries, LONGEST_WAIT)
            if counted is not None:
                counted(len(part))
            return vectors

        parts = [texts[at : at + BATCH] for at in range(0, len(texts), BATCH)]
        answers = await all_of(batch(part) for part in parts)
        return [vector for answer in answers for vector in answer]

    async def embed_query(self, text: str) -> Vector:
        return (await self._ask([text], min(self._tries, QUERY_TRIES), QUERY_WAIT))[0]

    async def close(self) -> None:
        """Nothing is open between two requests."""

    async def _ask(self, texts: Sequence[str], tries: int, longest: float) -> list[Vector]:
        # An empty input is an error to most services, and to all of them it means nothing.
        body = msgspec.json.encode(
            {"model": self._model, "input": [text or " " for text in texts], "encoding_format": "float"}
        )
        for attempt in range(1, tries + 1):
            status, headers, answer = await asyncio.to_thread(self._post, body)
            if status == 200:
                return self._vectors(answer, len(texts))
            reason = answer[:300].decode("utf-8", "replace") or "no answer"
            told = f"{self._url} answered {status or 'nothing'} after {attempt} tries: {reason}"
            if status not in AGAIN and status != 0:
                raise EmbedderRefused(f"{told}; nothing was embedded, and trying again would meet the same")
            if attempt == tries:
                raise EmbedderAway(f"{told}; nothing was embedded, try again later")
            usual = self._pause * 2 ** (attempt - 1)
            await asyncio.sleep(min(_wait(headers.get("Retry-After"), usual), longest))
        raise AssertionError("the last try returns or raises")

    def _post(self, body: bytes) -> tuple[int, Message, bytes]:
        headers = {"Content-Type": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        request = urllib.request.Request(self._url, body, headers, method="POST")
        try:
            with _opener.open(request, timeout=self._timeout) as answer:
                return answer.status, answer.headers, answer.read(MOST_BYTES)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read(MOST_BYTES)
        except (OSError, HTTPException) as error:
            return 0, Message(), str(error).encode()

    def _vectors(self, body: bytes, count: int) -> list[Vector]:
        try:
            rows = sorted(msgspec.json.decode(body, type=Answer).data, key=lambda row: row.index)
        except msgspec.DecodeError as error:
            raise EmbedderAway(f"{self._url} answered something else than embeddings: {error}") from error
        if [row.index for row in rows] != list(range(count)):
            raise EmbedderAway(f"{self._url} answered {len(rows)} vectors for {count} texts")
        wrong = next((len(row.embedding) for row in rows if len(row.embedding) != self._dimension), None)
        if wrong is not None:
            raise EmbedderRefused(
                f"{self._url} answered vectors of {wrong} numbers; {self._dimension} were expected, as {self.name!r} "
                "says. An index keeps its dimension: reindex the collection with the embedder that is there now"
            )
        return [unit(row.embedding) for row in rows]


def _wait(asked: str | None, usual: float) -> float:
    try:
        seconds = float(asked) if asked else usual
    except ValueError:
        seconds = usual
    return max(seconds, 0.0)
