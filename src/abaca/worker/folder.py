"""Adds the sums of workers that are gone to one record, so that no count is lost with them and none counts twice.

Every worker runs one. Sums that were not written for a while are closed first, at their version: a worker that wakes up
after all finds that out with its next write and goes on in a record of its own. Then they go into the carry together
with their name, in one write. Whoever adds up leaves out what the carry names.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable

from abaca.backend import Backend
from abaca.bulk import all_records, at_once
from abaca.errors import BackendUnavailable
from abaca.logs import worker_log
from abaca.measures import ALL, CARRY, TOTALS, Carry, Sums
from abaca.model import HOUR_MS, Record, Verdict

_INTERVAL = 60.0
_SILENT_FOR = 180.0
"""Seconds; workers write at least once a minute."""
_CLOSED_KEPT_MS = HOUR_MS
_MOST_NAMES = 2000
_PAGE = 100


class Folder:
    def __init__(
        self, backend: Backend, interval: float = _INTERVAL, monotonic: Callable[[], float] | None = None
    ) -> None:
        self._backend = backend
        self._interval = interval
        self._monotonic = monotonic or time.monotonic
        self._seen: dict[str, tuple[int, float]] = {}

    async def run(self) -> None:
        while True:
            await asyncio.sleep(self._interval * random.uniform(1.0, 2.0))
            try:
                await self.fold()
            except BackendUnavailable:
                pass  # the heart says so already; the next round tries again
            except Exception as error:
                worker_log().error("adding up measures failed, trying again", error=repr(error))

    async def fold(self) -> int:
        """Answers how many sums it took in."""
        stored = await all_records(at_once(self._backend), TOTALS, _PAGE)
        (found,) = await self._backend.read(CARRY, [ALL])
        carry = Carry.unpack(found.data if found is not None else None)
        await self._let_expire([record for record in stored if record.id in carry.folded])
        names = tuple(id for id in carry.folded if id in {record.id for record in stored})
        closed = await self._closed([record for record in stored if record.id not in carry.folded])
        closed = closed[: max(0, _MOST_NAMES - len(names))]
        if not closed:
            return 0
        counted = carry.counted
        for record in closed:
            counted.add(Sums.unpack(record.data).counted)
        more = Carry(measures=counted.pack(), folded=(*names, *(record.id for record in closed)))
        version = found.version if found is not None else 0
        (verdict,) = await self._backend.put([Record(kind=CARRY, id=ALL, data=more.pack(), version=version)])
        if verdict is not Verdict.APPLIED:
            return 0  # another worker was first; what it left is for the next round
        await self._let_expire(closed)
        return len(closed)

    async def _closed(self, records: list[Record]) -> list[Record]:
        """Those that are final: closed by their worker, or now by us, because it is silent."""
        now = self._monotonic()
        before, self._seen = self._seen, {}
        for record in records:
            version, since = before.get(record.id, (record.version, now))
            self._seen[record.id] = (record.version, since if version == record.version else now)
        closed = []
        for record in records:
            if Sums.unpack(record.data).closed:
                closed.append(record)
            elif now - self._seen[record.id][1] >= _SILENT_FOR and (shut := await self._close(record)) is not None:
                closed.append(shut)
        return closed

    async def _close(self, record: Record) -> Record | None:
        data = Sums(measures=Sums.unpack(record.data).measures, closed=True).pack()
        (verdict,) = await self._backend.put([Record(kind=TOTALS, id=record.id, data=data, version=record.version)])
        if verdict is not Verdict.APPLIED:
            return None
        return Record(kind=TOTALS, id=record.id, data=data, version=record.version + 1)

    async def _let_expire(self, records: list[Record]) -> None:
        ending = [
            Record(kind=TOTALS, id=one.id, data=one.data, version=one.version, expires_ms=_CLOSED_KEPT_MS)
            for one in records
            if one.expires_ms is None
        ]
        if ending:
            await self._backend.put(ending)
