"""Fires schedules. Every worker runs one: the store takes the job of each tick once, whoever fires it."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import msgspec

from abaca.backend import MAX_BATCH, Backend
from abaca.bulk import all_records, at_once
from abaca.errors import BackendUnavailable
from abaca.logs import worker_log
from abaca.model import CURSOR, SCHEDULE, Inserted, Overlap, Record, Schedule
from abaca.policy.cron import due_ticks, next_tick, tick_id, tick_job

_LONGEST_PAUSE = 5.0
_SHORTEST_PAUSE = 0.05
_BELIEVE_CLOCK_FOR = 30.0
_decode = msgspec.json.Decoder(Schedule).decode


@dataclass(slots=True)
class _StoreClock:
    """The store's clock as this process last read it, carried on by the monotonic one."""

    read_at: float = float("-inf")
    instant: int = 0

    async def now(self, backend: Backend, monotonic: Callable[[], float]) -> int:
        if monotonic() - self.read_at > _BELIEVE_CLOCK_FOR:
            sent_at = monotonic()
            self.instant = (await backend.stats()).seen_at
            self.read_at = (sent_at + monotonic()) / 2
        return self.instant + round((monotonic() - self.read_at) * 1e6)


class Ticker:
    """``declared()`` names the schedules that this worker's own code declares; those of other code are left alone."""

    def __init__(
        self,
        backend: Backend,
        declared: Callable[[], Collection[str]],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._backend = backend
        self._declared = declared
        self._monotonic = monotonic
        self._clock = _StoreClock()
        self._broken: set[str] = set()

    async def run(self) -> None:
        while True:
            pause = _LONGEST_PAUSE
            try:
                pause = await self.fire()
            except BackendUnavailable:
                pass  # the heart says so already; the next round tries again
            except Exception as error:
                worker_log().error("firing schedules failed, trying again", error=repr(error))
            await asyncio.sleep(min(max(pause, _SHORTEST_PAUSE), _LONGEST_PAUSE * random.uniform(0.8, 1.0)))

    async def fire(self) -> float:
        """Fire every tick that is due; answers the seconds until the next one that is known."""
        schedules = [schedule for schedule in await self._schedules() if self._is_ours(schedule)]
        if not schedules:
            return _LONGEST_PAUSE
        now = await self._clock.now(self._backend, self._monotonic)
        for start in range(0, len(schedules), MAX_BATCH):
            await self._fire_some(schedules[start : start + MAX_BATCH], now)
        ticks = (next_tick(schedule, now) for schedule in schedules if schedule.enabled)
        return min(((tick - now) / 1e6 for tick in ticks if tick is not None), default=_LONGEST_PAUSE)

    def _is_ours(self, schedule: Schedule) -> bool:
        return schedule.declared_by is None or schedule.id in self._declared()

    async def _schedules(self) -> list[Schedule]:
        records = await all_records(at_once(self._backend), SCHEDULE)
        return [schedule for record in records if (schedule := self._read(record)) is not None]

    def _read(self, record: Record) -> Schedule | None:
        try:
            return _decode(record.data or b"")
        except msgspec.MsgspecError as error:
            if record.id not in self._broken:
                self._broken.add(record.id)
                worker_log().error("a schedule cannot be read and does not fire", schedule=record.id, error=str(error))
            return None

    async def _fire_some(self, schedules: Sequence[Schedule], now: int) -> None:
        cursors = await self._backend.read(CURSOR, [schedule.id for schedule in schedules])
        for schedule, cursor in zip(schedules, cursors, strict=True):
            if cursor is not None and cursor.data is not None:
                await self._fire_one(schedule, int(cursor.data), now)

    async def _fire_one(self, schedule: Schedule, cursor: int, now: int) -> None:
        ticks = due_ticks(schedule, cursor, now)
        if ticks and schedule.overlap is Overlap.QUEUE:
            ticks = [] if await self._lives(schedule, cursor) else ticks[:1]
        for start in range(0, len(ticks), MAX_BATCH):
            jobs = [tick_job(schedule, tick) for tick in ticks[start : start + MAX_BATCH]]
            for receipt, tick in zip(await self._backend.insert(jobs), ticks[start:], strict=False):
                if receipt.outcome is Inserted.REFUSED:
                    worker_log().warning("a tick was refused", schedule=schedule.id, tick=tick, reason=receipt.reason)

    async def _lives(self, schedule: Schedule, tick: int) -> bool:
        """Whether the job of the latest tick has not ended."""
        (job,) = await self._backend.get([tick_id(schedule.id, tick)])
        return job is not None and not job.state.ended
