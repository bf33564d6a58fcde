"""The Redis store's small versioned records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from struct import Struct
from typing import Any

from abaca.backends.redis.homes import Homes
from abaca.backends.search import check_records
from abaca.model import Record, Verdict

_HEAD = Struct("<qqq")
_FIXED = Struct("<qqB")


class RedisRecords:
    """The half of the store that knows no jobs. Records live in the first partition."""

    def __init__(self, homes: Homes, base: bytes, clock: Callable[[], bytes]) -> None:
        self._homes = homes
        self._base = base
        self._clock = clock

    async def _run(self, verb: str, *words: Any) -> Any:
        return await self._homes.here().server.run(verb, self._base, self._clock(), *words)

    async def read(self, kind: str, ids: Sequence[str]) -> list[Record | None]:
        values = await self._run("read", kind, *ids)
        return [None if value is None else _unpack(kind, id, value) for id, value in zip(ids, values, strict=True)]

    async def put(self, records: Sequence[Record], together: bool = False) -> list[Verdict]:
        check_records(records, together)
        words: list[str | bytes] = ["1" if together else ""]
        for record in records:
            life = -1 if record.expires_ms is None else record.expires_ms
            fixed = _FIXED.pack(record.version, life, record.data is None)
            words += [record.kind, record.id, fixed, record.data or b""]
        answers = await self._run("put", *words)
        return [Verdict(answer - 48) for answer in answers]

    async def scan(self, kind: str, after: str, limit: int) -> list[Record]:
        answer = await self._run("scan", kind, after, limit)
        each = iter(answer)
        return [_unpack(kind, id.decode(), value) for id, value in zip(each, each, strict=True)]


def _unpack(kind: str, id: str, value: bytes) -> Record:
    version, _, life = _HEAD.unpack_from(value)
    return Record(kind=kind, id=id, data=value[_HEAD.size :], version=version, expires_ms=None if life < 0 else life)
