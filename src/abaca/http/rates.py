"""Rates over all services of one store: a bucket of tokens for each key or address, as a record.

A service takes several tokens at once, so that the record is written once for many requests. The record holds one
number, the instant at which the bucket is full again (the generic cell rate algorithm); every service judges it by its
own clock, and one whose clock is off by a second is off by the tokens of a second.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import msgspec

from abaca.backend import Backend
from abaca.client import Client
from abaca.model import Record, Verdict

RATE = "rate"
"""The kind of the records that hold rates."""
PERIOD = 60.0
"""Seconds in which a bucket fills."""
_SHARE = 20
"""A service takes at most this part of a bucket at once."""
_MOST_KNOWN = 10_000
_ROUNDS = 8


class _Bucket(msgspec.Struct, frozen=True):
    """``full``: seconds since the epoch at which it is full again."""

    full: float


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Bucket).decode


@dataclass(slots=True)
class _Taken:
    """Tokens that this service has taken and not used. They are worth nothing after ``until``."""

    tokens: int
    left_in_store: int
    full: float
    until: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """The answer to one request. ``reset``: seconds until the bucket is full; ``retry``: until the next token."""

    allowed: bool
    limit: int
    remaining: int
    reset: int
    retry: int

    @property
    def headers(self) -> dict[str, str]:
        named = {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset),
        }
        return named if self.allowed else {**named, "Retry-After": str(self.retry)}


class Rates:
    """``now``: seconds since the epoch."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._taken: OrderedDict[str, _Taken] = OrderedDict()

    async def take(self, client: Client, id: str, limit: int, burst: int | None = None) -> Allowance:
        """One token of the bucket ``id``, which gets ``limit`` a minute and holds ``burst``, else as many as that."""
        size = limit if burst is None else min(burst, limit)
        now = self._now()
        taken = self._taken.get(id)
        if taken is None or not taken.tokens or now >= taken.until:
            taken = await self._reserve(client, id, limit, size, now)
        self._taken[id] = taken
        self._taken.move_to_end(id)
        if len(self._taken) > _MOST_KNOWN:
            self._taken.popitem(last=False)
        allowed = taken.tokens > 0
        if allowed:
            taken.tokens -= 1
        step = PERIOD / limit
        room = size * step
        return Allowance(
            allowed=allowed,
            limit=limit,
            remaining=taken.tokens + taken.left_in_store,
            reset=max(0, math.ceil(taken.full - now)),
            retry=max(1, math.ceil(taken.full + step - room - now)),
        )

    async def _reserve(self, client: Client, id: str, limit: int, size: int, now: float) -> _Taken:
        """Where others are faster again and again, one request passes: a limit must not be a failure."""
        step = PERIOD / limit
        for _ in range(_ROUNDS):
            (record,) = await client.ask(partial(_read, id))
            stored = now if record is None or record.data is None else max(now, _decode(record.data).full)
            room = int((now - stored) / step + size + 1e-9)
            tokens = min(room, max(1, size // _SHARE))
            if tokens <= 0:
                return _Taken(0, 0, stored, now)
            full = stored + tokens * step
            written = Record(
                kind=RATE,
                id=id,
                data=_encode(_Bucket(full)),
                version=0 if record is None else record.version,
                expires_ms=int(2 * PERIOD * 1000),
            )
            if await client.ask(partial(_put, written)) == [Verdict.APPLIED]:
                return _Taken(tokens, room - tokens, full, now + PERIOD)
        return _Taken(1, 0, now + step, now)


async def _read(id: str, backend: Backend) -> list[Record | None]:
    return await backend.read(RATE, [id])


async def _put(record: Record, backend: Backend) -> list[Verdict]:
    return await backend.put([record])
