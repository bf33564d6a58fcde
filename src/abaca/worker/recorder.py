"""Keeps what a worker counted in the store: one row for each minute, and its sums since it began.

Every row is absolute and written over, at a version that this worker remembers: a lost reply or a second writer
doubles nothing. Minutes are the worker's own clock's.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from abaca.backend import Backend
from abaca.errors import BackendUnavailable
from abaca.logs import worker_log
from abaca.measures import MINUTE, MINUTE_KEPT_MS, TOTALS, Measures, Sums, minute_id
from abaca.model import Record, Verdict

_MINUTE = 60
_SIGN_OF_LIFE = 60.0
_MOST_OWED = 60
"""Minutes that wait for a store that is away; of older ones only the sums are kept."""


@dataclass(slots=True)
class _Row:
    """One record of this worker. ``sent`` is what the store has, as far as is known."""

    kind: str
    id: str
    version: int = 0
    sent: bytes | None = None
    sent_at: float = float("-inf")
    expires_ms: int | None = None


class Recorder:
    """``measures()`` answers all that the worker has counted since it began."""

    def __init__(
        self,
        backend: Backend,
        worker: str,
        measures: Callable[[], Measures],
        *,
        interval: float,
        wall: Callable[[], float] | None = None,
        monotonic: Callable[[], float] | None = None,
    ) -> None:
        self._backend = backend
        self._worker = worker
        self._measures = measures
        self._interval = interval
        self._wall = wall or time.time
        self._monotonic = monotonic or time.monotonic
        self._minute = self._minute_now()
        self._before = Measures()
        self._row = self._row_of(self._minute)
        self._owed: list[tuple[_Row, bytes]] = []
        self._sums = _Row(TOTALS, worker)
        self._folded = Measures()
        self._written = Measures()
        self._lives = 1

    async def run(self) -> None:
        while True:
            await self.record()
            await asyncio.sleep(min(self._interval, _MINUTE - self._wall() % _MINUTE + 0.01))

    async def record(self, *, last: bool = False) -> None:
        """Write what has changed. ``last``: nothing will be counted any more. A store that is away is told later."""
        try:
            if not await self._write(last=last):
                await self._write(last=last)
        except BackendUnavailable:
            pass  # the heart says so already; the next round tries again
        except Exception as error:
            worker_log().error("recording measures failed, trying again", error=repr(error))

    async def _write(self, *, last: bool) -> bool:
        """Answers whether the store had what was remembered of it."""
        now = self._measures()
        self._turn(now)
        rows = list(self._owed)
        if last or now.since(self._written).cells or self._monotonic() - self._sums.sent_at >= _SIGN_OF_LIFE:
            rows += self._rows_of(now, last=last)
        if not rows:
            return True
        verdicts = await self._backend.put([_record(row, data) for row, data in rows])
        stale = []
        for (row, data), verdict in zip(rows, verdicts, strict=True):
            if verdict is Verdict.APPLIED:
                row.version, row.sent, row.sent_at = row.version + 1, data, self._monotonic()
                if row is self._sums:
                    self._written = now
            else:
                stale.append(row)
        self._owed = [(row, data) for row, data in self._owed if row.sent != data]
        for row in stale:
            await self._look_again(row)
        return not stale

    def _turn(self, now: Measures) -> None:
        """When a minute is over its row is final."""
        minute = self._minute_now()
        if minute == self._minute:
            return
        final = now.since(self._before)
        if final.cells and (data := final.pack()) != self._row.sent:
            self._owed = [*self._owed, (self._row, data)][-_MOST_OWED:]
        self._minute, self._before, self._row = minute, now, self._row_of(minute)

    def _rows_of(self, now: Measures, *, last: bool) -> list[tuple[_Row, bytes]]:
        """Sums, and the row of this minute if it has had any runs. A worker without runs has calls of the store only,
        which it makes by writing them: those wait for the sign of life."""
        rows = []
        grown = now.since(self._before)
        if grown.cells:
            rows.append((self._row, grown.pack()))
        rows.append((self._sums, Sums(measures=now.since(self._folded).pack(), closed=last).pack()))
        return rows

    async def _look_again(self, row: _Row) -> None:
        """Another version is stored than was remembered: an answer was lost, or others have closed the sums."""
        (found,) = await self._backend.read(row.kind, [row.id])
        row.version = found.version if found is not None else 0
        row.sent = found.data if found is not None else None
        if row is self._sums and (found is None or Sums.unpack(found.data).closed):
            self._begin_anew(found)

    def _begin_anew(self, found: Record | None) -> None:
        """The sums until here were taken for those of a dead worker: what comes from now on goes on apart."""
        if found is not None:
            self._folded.add(Sums.unpack(found.data).counted)
        else:
            self._folded = self._measures()
        self._lives += 1
        self._sums = _Row(TOTALS, f"{self._worker}.{self._lives}")

    def _minute_now(self) -> int:
        return int(self._wall() // _MINUTE)

    def _row_of(self, minute: int) -> _Row:
        return _Row(MINUTE, minute_id(minute, self._worker), expires_ms=MINUTE_KEPT_MS)


def _record(row: _Row, data: bytes) -> Record:
    return Record(kind=row.kind, id=row.id, data=data, version=row.version, expires_ms=row.expires_ms)
