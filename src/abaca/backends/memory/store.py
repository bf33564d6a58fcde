"""The store in this process's memory: the executable meaning of the protocol, and the oracle of its tests."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from abaca.backends.hub import HubWatch
from abaca.backends.memory import counts
from abaca.backends.memory.audit import Audit
from abaca.backends.memory.jobs import MemoryJobs
from abaca.backends.memory.rows import Row
from abaca.backends.search import check_batch, check_new
from abaca.clock import Clock, SystemClock
from abaca.model import (
    Amended,
    Beat,
    Cancelled,
    Card,
    Change,
    Exchanged,
    Fault,
    Hint,
    History,
    Job,
    Lease,
    NewJob,
    NewUpdate,
    Page,
    Pulse,
    Query,
    Receipt,
    Requeued,
    Settle,
    State,
    Stats,
    Verdict,
    Want,
    queue_topic,
)

_encode = msgspec.json.Encoder().encode
_LONGEST_WAIT = 1.0


class MemoryBackend(MemoryJobs):
    """Every verb is one act under one lock. Usable from any thread and any event loop; lost with the process."""

    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__(clock or SystemClock())
        self._cards: dict[str, Card] = {}
        self._held: set[HubWatch] = set()
        self._unholds = 0

    @property
    def durability(self) -> str:
        return "memory: nothing survives the end of this process"

    @property
    def weaknesses(self) -> tuple[str, ...]:
        return ("memory:// weakens G1 and G4: jobs end with this process; use sqlite:/// or redis:// to keep them",)

    async def open(self) -> None: ...

    async def close(self) -> None:
        self.unhold()

    async def insert(self, jobs: Sequence[NewJob]) -> list[Receipt]:
        check_new(jobs)
        with self._lock:
            now = self._clock.now()
            return [self._insert(job, now) for job in jobs]

    async def exchange(self, done: Sequence[Settle], want: Want | None, lease: Lease) -> Exchanged:
        check_batch(done)
        with self._lock:
            now = self._clock.now()
            verdicts = [self._settle(settle, now) for settle in done]
            jobs = self._claim(want, lease, now) if want is not None else []
        if want is not None and want.hold_ms and not jobs:
            jobs = await self._hold(want, lease)
        return Exchanged(verdicts=verdicts, jobs=jobs)

    async def _hold(self, want: Want, lease: Lease) -> list[Job]:
        loop = asyncio.get_running_loop()
        ends = loop.time() + want.hold_ms / 1000
        watch = self._hub.watch([queue_topic(queue) for queue in want.queues])
        with self._lock:
            generation = self._unholds
            self._held.add(watch)
        try:
            while True:
                with self._lock:
                    now = self._clock.now()
                    jobs = self._claim(want, lease, now)
                    due = self._waiting.next_due(want)
                left = ends - loop.time()
                if jobs or left <= 0 or generation != self._unholds:
                    return jobs
                until_due = _LONGEST_WAIT if due is None else max(0.0, (due - now) / 1e6)
                await watch.next(min(left, until_due, _LONGEST_WAIT))
        finally:
            with self._lock:
                self._held.discard(watch)
            await watch.close()

    def unhold(self) -> None:
        with self._lock:
            self._unholds += 1
            held = list(self._held)
        for watch in held:
            watch.push(Hint(topic=""))

    async def reclaim(self, limit: int, lease: Lease) -> list[Job]:
        with self._lock:
            now = self._clock.now()
            ended: list[Row] = []
            for row in self._rows.values():
                if row.state is State.RUNNING and row.lease_until is not None:
                    row.lease_until = min(row.lease_until, now + row.lease_ms * 1000)
                    if row.lease_until <= now:
                        ended.append(row)
            ended.sort(key=lambda row: (row.lease_until, row.spec.id))
            for row in ended[:limit]:
                row.claim(lease.worker, lease.ms, now)
            return [row.snapshot(now) for row in ended[:limit]]

    async def beat(self, card: Card | None, beats: Sequence[Beat], lease: Lease) -> list[Pulse]:
        with self._lock:
            now = self._clock.now()
            if card is not None:
                self._cards = {id: held for id, held in self._cards.items() if counts.is_listed(held, now)}
                self._cards[card.id] = msgspec.structs.replace(card, seen_at=now)
            return [self._pulse(beat, lease, now) for beat in beats]

    async def sign_off(self, worker: str) -> None:
        with self._lock:
            self._cards.pop(worker, None)

    async def cancel(self, ids: Sequence[str]) -> list[Cancelled]:
        with self._lock:
            now = self._clock.now()
            return [self._cancel(id, now) for id in ids]

    async def requeue(self, runs: Sequence[tuple[str, int]]) -> list[Requeued]:
        with self._lock:
            now = self._clock.now()
            return [self._requeue(id, epoch, now) for id, epoch in runs]

    async def amend(self, changes: Sequence[Change]) -> list[Amended]:
        with self._lock:
            now = self._clock.now()
            return [self._amend(change, now) for change in changes]

    async def append(self, updates: Sequence[NewUpdate]) -> list[Verdict]:
        check_batch(updates)
        with self._lock:
            now = self._clock.now()
            return [self._append(update, now) for update in updates]

    async def updates(self, id: str, after: int, limit: int) -> History:
        with self._lock:
            row = self._rows.get(id)
            if row is None:
                return History()
            entries, dropped = ([], 0) if row.purged else row.slice(after, limit)
            return History(job=row.snapshot(self._clock.now()), entries=entries, dropped=dropped)

    async def get(self, ids: Sequence[str]) -> list[Job | None]:
        with self._lock:
            now = self._clock.now()
            return [row.snapshot(now) if (row := self._rows.get(id)) is not None else None for id in ids]

    async def find(self, query: Query) -> Page:
        with self._lock:
            return counts.find(self._rows, query, self._clock.now())

    async def stats(self) -> Stats:
        with self._lock:
            now = self._clock.now()
            cards = [card for card in self._cards.values() if counts.is_listed(card, now)]
            return counts.count(self._rows, self._waiting, self._totals, cards, now)

    async def purge(self, limit: int) -> int:
        with self._lock:
            now = self._clock.now()
            self._keys.sweep(now)
            past = [row for row in self._rows.values() if row.state.ended and now >= row.leaves_at]
            past.sort(key=lambda row: (row.leaves_at, row.spec.id))
            return sum(self._purge(row, now) for row in past[:limit])

    async def audit(self, repair: bool = False) -> list[Fault]:
        return await Audit(
            rows=self._rows,
            waiting=self._waiting,
            edges=self._edges,
            keys=self._keys,
            totals=self._totals,
            lock=self._lock,
            now=self._clock.now,
            repair=repair,
        ).run()

    async def watch(self, topics: Sequence[str]) -> HubWatch:
        return self._hub.watch(topics)


def from_url(url: str, clock: Clock | None) -> MemoryBackend:
    """``memory://``: a new, empty store at every call."""
    return MemoryBackend(clock)
