"""The store in this process's memory: the executable meaning of the protocol, and the oracle of its tests."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from abaca.backends.hub import HintHub, HubWatch
from abaca.backends.memory import counts
from abaca.backends.memory.audit import Audit
from abaca.backends.memory.keys import Keys
from abaca.backends.memory.records import MemoryRecords
from abaca.backends.memory.rows import Row, due_time
from abaca.backends.memory.totals import Totals
from abaca.backends.memory.waiting import Waiting
from abaca.backends.search import check_batch, check_new, digest
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
    Inserted,
    Job,
    Keep,
    KeyScope,
    Kind,
    Lease,
    NewJob,
    NewUpdate,
    Page,
    Pulse,
    Query,
    Receipt,
    Record,
    Requeued,
    Settle,
    State,
    Stats,
    Transition,
    Verdict,
    Want,
    job_topic,
    queue_topic,
)

_encode = msgspec.json.Encoder().encode
_LONGEST_WAIT = 1.0


class MemoryBackend(MemoryRecords):
    """Every verb is one act under one lock. Usable from any thread and any event loop; lost with the process."""

    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__(clock or SystemClock())
        self._rows: dict[str, Row] = {}
        self._hub = HintHub()
        self._waiting = Waiting(self._rows, self._live, self._hub.publish)
        self._keys = Keys()
        self._totals = Totals()
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

    def _insert(self, new: NewJob, now: int, *, follows: bool = False) -> Receipt:
        if new.id in self._rows:
            return Receipt(id=new.id, outcome=Inserted.KNOWN)
        if new.tick is not None and not self._move_cursor(new.tick):
            return Receipt(id=new.id, outcome=Inserted.PASSED)
        holder = self._keys.holder(new.key, now) if new.key is not None else None
        if holder is not None:
            return self._insert_held(new, self._rows.get(holder), holder, now)
        full = None if follows else self._waiting.full(new.queue)
        if full is not None:
            return Receipt(id=new.id, outcome=Inserted.REFUSED, reason=full)
        row = self._rows[new.id] = Row(new, created_at=now, due_at=due_time(new, now))
        self._keys.take(new, now)
        self._waiting.enter(row)
        return Receipt(id=new.id, outcome=Inserted.INSERTED)

    def _on_put(self, record: Record) -> None:
        self._waiting.on_put(record)

    def _insert_held(self, new: NewJob, row: Row | None, holder: str, now: int) -> Receipt:
        if not new.replace or row is None or row.state is not State.WAITING:
            return Receipt(id=holder, outcome=Inserted.HELD)
        self._waiting.leave(row)
        row.spec = msgspec.structs.replace(new, id=holder)
        row.due_at = due_time(new, now)
        row.revision += 1
        self._keys.take(row.spec, now)
        self._waiting.enter(row)
        self._hub.publish(job_topic(holder))
        return Receipt(id=holder, outcome=Inserted.REPLACED)

    async def exchange(self, done: Sequence[Settle], want: Want | None, lease: Lease) -> Exchanged:
        check_batch(done)
        with self._lock:
            now = self._clock.now()
            verdicts = [self._settle(settle, now) for settle in done]
            jobs = self._claim(want, lease, now) if want is not None else []
        if want is not None and want.hold_ms and not jobs:
            jobs = await self._hold(want, lease)
        return Exchanged(verdicts=verdicts, jobs=jobs)

    def _settle(self, settle: Settle, now: int) -> Verdict:
        row = self._rows.get(settle.id)
        if row is None:
            return Verdict.STALE
        to = settle.to
        if row.state is not State.RUNNING or row.epoch != settle.epoch:
            same = row.settled_epoch == settle.epoch and row.settled_digest == digest(to)
            return Verdict.APPLIED if same else Verdict.STALE
        if to.target is State.WAITING and row.cancel:
            return Verdict.CANCEL
        row.settled_epoch, row.settled_digest = settle.epoch, digest(to)
        self._apply(row, to, now)
        return Verdict.APPLIED

    def _apply(self, row: Row, to: Transition, now: int) -> None:
        self._waiting.release(row)
        row.revision += 1
        row.attempts, row.losses, row.memo = to.attempts, to.losses, to.memo
        if to.error is not None:
            row.error = to.error
            row.state = to.target
            row.record(Kind.ERROR, _encode(to.error), now)
        if to.target is State.WAITING:
            row.state = State.WAITING
            if to.delay_ms is not None:
                row.due_at = now + to.delay_ms * 1000
            self._waiting.enter(row)
            self._hub.publish(job_topic(row.spec.id))
        else:
            row.result = to.result
            self._end(row, to.target, to.keep_ms, now)
        for new in to.then:
            self._insert(new, now, follows=True)

    def _end(self, row: Row, state: State, keep_ms: int, now: int) -> None:
        row.end(state, keep_ms, now)
        self._totals.ended[state] += 1
        self._keys.on_end(row.spec)
        self._hub.publish(job_topic(row.spec.id), row.snapshot(now))

    def _claim(self, want: Want, lease: Lease, now: int) -> list[Job]:
        claimed: list[Job] = []
        for row in self._waiting.choose(want, now):
            row.claim(lease.worker, lease.ms, now)
            self._keys.on_claim(row.spec)
            claimed.append(row.snapshot(now))
            self._hub.publish(job_topic(row.spec.id))
        return claimed

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

    def _pulse(self, beat: Beat, lease: Lease, now: int) -> Pulse:
        row = self._rows.get(beat.id)
        if row is None or row.state is not State.RUNNING or row.epoch != beat.epoch:
            return Pulse(id=beat.id, epoch=beat.epoch, alive=False)
        row.lease_ms = row.spec.lease_ms or lease.ms
        row.lease_until = now + row.lease_ms * 1000
        return Pulse(id=beat.id, epoch=beat.epoch, alive=True, cancel=row.cancel)

    async def sign_off(self, worker: str) -> None:
        with self._lock:
            self._cards.pop(worker, None)

    async def cancel(self, ids: Sequence[str]) -> list[Cancelled]:
        with self._lock:
            now = self._clock.now()
            return [self._cancel(id, now) for id in ids]

    def _cancel(self, id: str, now: int) -> Cancelled:
        row = self._rows.get(id)
        if row is None:
            return Cancelled.UNKNOWN
        if row.state.ended:
            return Cancelled.ALREADY
        if row.state is State.RUNNING:
            row.cancel = True
            self._hub.publish(job_topic(id))
            return Cancelled.FLAGGED
        self._waiting.leave(row)
        row.revision += 1
        self._end(row, State.CANCELLED, (row.spec.keep or Keep()).cancelled_ms, now)
        return Cancelled.ENDED

    async def requeue(self, runs: Sequence[tuple[str, int]]) -> list[Requeued]:
        with self._lock:
            now = self._clock.now()
            return [self._requeue(id, epoch, now) for id, epoch in runs]

    def _requeue(self, id: str, epoch: int, now: int) -> Requeued:
        row = self._rows.get(id)
        if row is None or row.purged:
            return Requeued.UNKNOWN
        if row.epoch == epoch and row.state is State.WAITING and not (row.attempts or row.losses):
            return Requeued.REQUEUED
        if row.epoch != epoch or not row.state.ended:
            return Requeued.STALE
        if row.spec.key is not None and row.spec.key_scope is not KeyScope.PERIOD:
            if self._keys.holder(row.spec.key, now) is not None:
                return Requeued.HELD
            self._keys.take(row.spec, now)
        self._totals.leave(row.state)
        row.restart(now)
        self._waiting.enter(row)
        self._hub.publish(job_topic(id))
        return Requeued.REQUEUED

    async def amend(self, changes: Sequence[Change]) -> list[Amended]:
        with self._lock:
            now = self._clock.now()
            return [self._amend(change, now) for change in changes]

    def _amend(self, change: Change, now: int) -> Amended:
        row = self._rows.get(change.id)
        if row is None or row.purged:
            return Amended.UNKNOWN
        if row.state is State.RUNNING:
            return Amended.BUSY
        if change.revision is not None and change.revision != row.revision:
            return Amended.STALE
        moves = any(
            value is not None for value in (change.run_at, change.delay_ms, change.priority, change.queue, change.args)
        )
        if (row.state.ended and moves) or (change.drop_result and not row.state.ended):
            return Amended.STALE
        row.revision += 1
        if row.state is State.WAITING:
            self._waiting.leave(row)
        if change.delete:
            self._keys.release(row.spec)
            self._forget(row)
            self._hub.publish(job_topic(change.id))
            return Amended.APPLIED
        row.change(change, now)
        if row.state is State.WAITING:
            self._waiting.enter(row)
        self._hub.publish(job_topic(change.id))
        return Amended.APPLIED

    async def append(self, updates: Sequence[NewUpdate]) -> list[Verdict]:
        check_batch(updates)
        with self._lock:
            now = self._clock.now()
            return [self._append(update, now) for update in updates]

    def _append(self, update: NewUpdate, now: int) -> Verdict:
        row = self._rows.get(update.id)
        if row is None or row.state is not State.RUNNING or row.epoch != update.epoch:
            return Verdict.STALE
        if update.seq > row.seq:
            row.seq = update.seq
            row.record(update.kind, update.data, now)
            if update.kind is Kind.PROGRESS:
                row.progress = update.data
            self._hub.publish(job_topic(update.id))
        return Verdict.APPLIED

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
            for row in past[:limit]:
                if row.purged:
                    self._forget(row)
                else:
                    row.bury()
            return len(past[:limit])

    def _forget(self, row: Row) -> None:
        if row.state.ended:
            self._totals.leave(row.state)
        del self._rows[row.spec.id]

    async def audit(self, repair: bool = False) -> list[Fault]:
        return await Audit(
            rows=self._rows,
            waiting=self._waiting,
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
