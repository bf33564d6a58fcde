"""``Idempotency-Key``: a POST that is sent again does its work once, and gets the same answer.

A record is put before the work, with a digest of the request and the seed of the ids of new jobs; the answer is written
into it afterwards. If the service dies in between, the record says until when the work was to be done; from then on a
repetition does it again, with the same ids, so that it stores no job twice.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from functools import partial

import msgspec
from litestar.types import ASGIApp

from abaca.backend import MAX_RECORD_BYTES, Backend
from abaca.client import Client
from abaca.codec import new_id
from abaca.errors import BackendUnavailable
from abaca.http.caller import Caller
from abaca.http.errors import ApiError, Code, conflict, malformed
from abaca.http.replies import Reply
from abaca.logs import service_log
from abaca.model import DAY_MS, Record, Verdict

ANSWER = "answer"
"""The kind of the records that hold answers."""
HEADER = "Idempotency-Key"
UNDER_WAY = 10.0
"""Seconds that a request may take beside the time that it waits; then its work may be done by a repetition."""
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_REPLAYED = (b"idempotent-replay", b"true")

Work = Callable[[str], Awaitable[ASGIApp]]
"""Does what is asked for, with the seed of the ids of new jobs."""


class _Answer(msgspec.Struct, frozen=True, kw_only=True):
    """``until``: when the request that holds ``token`` will have answered. ``status`` is 0 until then."""

    digest: bytes
    seed: str
    token: str
    until: float
    status: int = 0
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Answer).decode


class Answers:
    """``now``: seconds since the epoch."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self.now = now

    async def once(self, client: Client, caller: Caller, key: str, asked: bytes, seconds: float, work: Work) -> ASGIApp:
        """The answer to a request that may have been heard before. ``asked`` is all that makes it what it is;
        ``seconds`` is how long it may wait.

        Raises ``ApiError``: 409 while the first is under way, 422 for another request under the same key.
        """
        if not _KEY.fullmatch(key):
            raise malformed(f"{HEADER} must be 1 to 255 visible ASCII characters", HEADER)
        id = hashlib.sha256(f"{caller.key}\0{caller.owner or ''}\0{key}".encode()).hexdigest()
        digest = hashlib.sha256(asked).digest()
        begun = await self._begin(client, id, digest, UNDER_WAY + seconds)
        if begun.status:
            return Reply(begun.status, begun.body, [*begun.headers, _REPLAYED])
        answer = await work(begun.seed)
        await self._end(client, id, begun, answer)
        return answer

    async def _begin(self, client: Client, id: str, digest: bytes, seconds: float) -> _Answer:
        """The stored answer, or one without a status that is this request's to fill."""
        token = secrets.token_hex(8)
        while True:
            (record,) = await client.ask(partial(_read, id))
            held = None if record is None or record.data is None else _decode(record.data)
            if held is not None and held.digest != digest:
                raise ApiError(
                    422, Code.INVALID, f"another request was made with this {HEADER}; use a new one", field=HEADER
                )
            if held is not None and (held.status or held.token == token):
                return held
            now = self.now()
            if held is not None and held.until > now:
                raise _under_way(held.until - now)
            seed = new_id() if held is None else held.seed
            mine = _Answer(digest=digest, seed=seed, token=token, until=now + seconds)
            if await client.ask(partial(_put, _record(id, mine, 0 if record is None else record.version))):
                return mine

    async def _end(self, client: Client, id: str, begun: _Answer, answer: ASGIApp) -> None:
        """Write the answer, or say that the work may be done again. A store that is away hears of neither: until the
        record's time is over a repetition is told to wait."""
        kept = answer if isinstance(answer, Reply) and _is_final(answer.status) else None
        written = _encode(
            msgspec.structs.replace(
                begun,
                until=0.0,
                status=0 if kept is None else kept.status,
                headers=() if kept is None else tuple(kept.headers),
                body=b"" if kept is None else kept.body,
            )
        )
        if len(written) > MAX_RECORD_BYTES:
            written = _encode(msgspec.structs.replace(begun, until=0.0))
        try:
            (record,) = await client.ask(partial(_read, id))
            if record is not None and record.data is not None and _decode(record.data).token == begun.token:
                answered = Record(kind=ANSWER, id=id, data=written, version=record.version, expires_ms=DAY_MS)
                await client.ask(partial(_put, answered))
        except BackendUnavailable as error:
            service_log().warning("an answer could not be kept for repetitions", error=str(error))


def _is_final(status: int) -> bool:
    """Whether a repetition would get the same answer: not when the store was away, or the caller too fast."""
    return status < 500 and status != 429


def _under_way(seconds: float) -> ApiError:
    found = conflict(f"a request with this {HEADER} is under way; send it again later")
    found.headers["Retry-After"] = str(max(1, min(2, round(seconds))))
    return found


def _record(id: str, answer: _Answer, version: int) -> Record:
    return Record(kind=ANSWER, id=id, data=_encode(answer), version=version, expires_ms=DAY_MS)


async def _read(id: str, backend: Backend) -> list[Record | None]:
    return await backend.read(ANSWER, [id])


async def _put(record: Record, backend: Backend) -> bool:
    return await backend.put([record]) == [Verdict.APPLIED]
