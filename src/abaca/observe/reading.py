"""What workers have counted, read from the store."""

from __future__ import annotations

from collections.abc import AsyncIterator

from abaca.backend import Backend
from abaca.measures import ALL, CARRY, MINUTE, TOTALS, Carry, Measures, Sums
from abaca.model import Record

_PAGE = 100


async def read_totals(backend: Backend) -> Measures:
    """All that was counted since the store was made; sums that only grow, whatever expires meanwhile.

    The carry is read last: what went into it meanwhile is either named there, or was not found any more. Names stay for
    an hour, so none is dropped between the two.
    """
    stored = [record async for record in _scan(backend, TOTALS, "")]
    (found,) = await backend.read(CARRY, [ALL])
    carry = Carry.unpack(found.data if found is not None else None)
    counted = carry.counted
    folded = frozenset(carry.folded)
    for record in stored:
        if record.id not in folded:
            counted.add(Sums.unpack(record.data).counted)
    return counted


async def read_minutes(backend: Backend, first: int, last: int) -> dict[int, Measures]:
    """What all workers counted in each minute from ``first`` to ``last`` (since 1970); quiet minutes are left out."""
    found: dict[int, Measures] = {}
    async for record in _scan(backend, MINUTE, f"{first:010d}"):
        minute = int(record.id.partition(":")[0])
        if minute > last:
            break
        found.setdefault(minute, Measures()).add(Measures.unpack(record.data))
    return found


async def _scan(backend: Backend, kind: str, after: str) -> AsyncIterator[Record]:
    while page := await backend.scan(kind, after, _PAGE):
        for record in page:
            yield record
        after = page[-1].id
