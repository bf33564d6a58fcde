"""What workers have counted, read from the store."""

from __future__ import annotations

from contextlib import aclosing

from abaca.backend import Backend
from abaca.bulk import all_records, at_once, record_pages
from abaca.measures import ALL, CARRY, MINUTE, TOTALS, Carry, Measures, Sums

_PAGE = 100


async def read_totals(backend: Backend) -> Measures:
    """All that was counted since the store was made; sums that only grow, whatever expires meanwhile.

    The carry is read last: what went into it meanwhile is either named there, or was not found any more. Names stay for
    an hour, so none is dropped between the two.
    """
    stored = await all_records(at_once(backend), TOTALS, _PAGE)
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
    async with aclosing(record_pages(at_once(backend), MINUTE, f"{first:010d}", _PAGE)) as pages:
        async for page in pages:
            for record in page:
                minute = int(record.id.partition(":")[0])
                if minute > last:
                    return found
                found.setdefault(minute, Measures()).add(Measures.unpack(record.data))
    return found
