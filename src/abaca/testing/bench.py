"""A memory store that a test can look into, and whose clock is the test's."""

from __future__ import annotations

from abaca.backends.memory import MemoryBackend
from abaca.backends.memory.rows import Row
from abaca.clock import ManualClock
from abaca.durations import Duration
from abaca.model import Job, State, Want
from abaca.policy.decide import memo_of


class BenchClock(ManualClock):
    """A manual clock whose store looks again at what is due when the clock was moved."""

    store: BenchStore | None = None

    def advance(self, distance: Duration) -> None:
        """Move by seconds or by a text such as ``"1h"``. Workers that wait for work look again."""
        super().advance(distance)
        if self.store is not None:
            self.store.unhold()


class BenchStore(MemoryBackend):
    """The memory store. Nothing in it is purged by itself: a test may move the clock and still read its results."""

    def __init__(self, clock: BenchClock) -> None:
        super().__init__(clock)
        clock.store = self

    async def purge(self, limit: int) -> int:
        return 0

    async def purge_now(self, limit: int) -> int:
        return await super().purge(limit)

    def jobs(self) -> list[Job]:
        """Every job that was stored, in that order."""
        with self._lock:
            now = self._clock.now()
            return [row.snapshot(now) for row in self._rows.values()]

    def queues(self) -> set[str]:
        """Those in which a job waits or runs."""
        with self._lock:
            return {row.spec.queue for row in self._rows.values() if not row.state.ended}

    def is_quiet(self, want: Want) -> bool:
        """Whether nothing runs, and nothing that ``want`` may claim may start now."""
        with self._lock:
            if any(row.state is State.RUNNING for row in self._rows.values()):
                return False
            at = self._waiting.next_due(want)
            return at is None or at > self._clock.now()

    def next_start(self, want: Want, *, delays: bool) -> int | None:
        """When the next job may start by itself, ``None`` when there is none: one that waits for an event, or for a
        worker that knows its task, does not. Without ``delays`` only what has begun counts, and what a rate holds back.
        """
        with self._lock:
            queues = self._waiting.served(want.queues)
            times = [
                row.due_at
                for row in self._rows.values()
                if (delays or row.epoch) and row.spec.queue in queues and row.spec.lane in want.slots and _is_timed(row)
            ]
            refill = self._waiting.buckets.next_refill()
            return min(times if refill is None else [*times, refill], default=None)


def _is_timed(row: Row) -> bool:
    """Whether nothing but time keeps a job from its next run."""
    if row.state is not State.WAITING or row.blocked is not None or row.open_parents:
        return False
    memo = memo_of(row.snapshot(0))
    return not memo.waits and not memo.missing_ms
