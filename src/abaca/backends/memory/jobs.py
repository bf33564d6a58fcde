"""What becomes of jobs: each method is one act, made under the store's lock."""

from __future__ import annotations

import msgspec

from abaca.backend import HELD_AGAIN_MS
from abaca.backends.hub import HintHub
from abaca.backends.memory.admission import Admission
from abaca.backends.memory.edges import Edges
from abaca.backends.memory.keys import Keys
from abaca.backends.memory.records import MemoryRecords
from abaca.backends.memory.rows import Row, due_time
from abaca.backends.memory.totals import Totals
from abaca.backends.memory.waiting import Waiting
from abaca.backends.search import digest, unknown_parent
from abaca.clock import Clock
from abaca.model import (
    Amended,
    Beat,
    Cancelled,
    Change,
    Inserted,
    Job,
    Keep,
    KeyScope,
    Kind,
    Lease,
    NewJob,
    NewUpdate,
    Pulse,
    Receipt,
    Record,
    Requeued,
    Settle,
    State,
    Transition,
    Verdict,
    Want,
    job_topic,
    shed_error,
)

_encode = msgspec.json.Encoder().encode


class MemoryJobs(MemoryRecords):
    """The half of the memory store that knows jobs."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self._rows: dict[str, Row] = {}
        self._hub = HintHub()
        self._waiting = Waiting(self._rows, self._live, self._hub.publish)
        self._admission = Admission(self._rows, self._waiting)
        self._edges = Edges(self._rows, self._waiting)
        self._keys = Keys()
        self._totals = Totals()

    def _insert(self, new: NewJob, now: int, *, follows: bool = False) -> Receipt:
        if new.id in self._rows:
            return Receipt(id=new.id, outcome=Inserted.KNOWN)
        if new.tick is not None and not self._move_cursor(new.tick):
            return Receipt(id=new.id, outcome=Inserted.PASSED)
        holder = self._keys.holder(new.key, now) if new.key is not None else None
        if holder is not None:
            return self._insert_held(new, holder, now, follows=follows)
        full = None if follows else self._admission.refusal(new, now)
        lower = None if full is None else self._admission.lower(new)
        if full is not None and lower is None:
            return full
        orphan = self._without_parent(new, new.id) if new.after and not follows else None
        if orphan is not None:
            return orphan
        if lower is not None:
            self._shed(lower, new.id, now)
        row = self._rows[new.id] = Row(new, created_at=now, due_at=due_time(new, now))
        self._keys.take(new, now)
        self._edges.count(row)
        self._waiting.enter(row)
        return Receipt(id=new.id, outcome=Inserted.INSERTED)

    def _shed(self, row: Row, by: str, now: int) -> None:
        """A waiting job makes room for another."""
        self._waiting.leave(row)
        row.revision += 1
        row.error = shed_error(by)
        row.record(Kind.ERROR, _encode(row.error), now)
        self._end(row, State.CANCELLED, (row.spec.keep or Keep()).cancelled_ms, now)

    def _without_parent(self, new: NewJob, id: str) -> Receipt | None:
        parent = self._edges.unknown(new, id)
        if parent is None:
            return None
        reason = unknown_parent(parent, new.id)
        return Receipt(id=new.id, outcome=Inserted.REFUSED, reason=reason)

    def _on_put(self, record: Record) -> None:
        self._waiting.on_put(record)

    def _insert_held(self, new: NewJob, holder: str, now: int, *, follows: bool) -> Receipt:
        row = self._rows.get(holder)
        if not new.replace or row is None or row.state is not State.WAITING:
            return Receipt(id=holder, outcome=Inserted.HELD)
        if new.after and self._edges.of_parent(holder):
            return Receipt(id=holder, outcome=Inserted.HELD)
        orphan = self._without_parent(new, holder) if new.after and not follows else None
        if orphan is not None:
            return orphan
        self._edges.drop(row)
        self._waiting.leave(row)
        row.spec = msgspec.structs.replace(new, id=holder)
        row.due_at = due_time(new, now)
        row.revision += 1
        self._keys.take(row.spec, now)
        self._edges.count(row)
        self._waiting.enter(row)
        self._hub.publish(job_topic(holder))
        return Receipt(id=holder, outcome=Inserted.REPLACED)

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
            if row.unmet:
                self._edges.count(row)
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
        self._edges.drop(row)
        self._edges.on_end(row.spec.id, state, now)
        self._hub.publish(job_topic(row.spec.id), row.snapshot(now))

    def _claim(self, want: Want, lease: Lease, now: int) -> list[Job]:
        claimed: list[Job] = []
        for row in self._waiting.choose(want, now):
            if row.deadline is not None and row.deadline < now:
                self._totals.late[row.spec.queue] += 1
            row.claim(lease.worker, lease.ms, now)
            self._keys.on_claim(row.spec)
            claimed.append(row.snapshot(now))
            self._hub.publish(job_topic(row.spec.id))
        return claimed

    def _pulse(self, beat: Beat, lease: Lease, now: int) -> Pulse:
        row = self._rows.get(beat.id)
        if row is None or row.state is not State.RUNNING or row.epoch != beat.epoch:
            return Pulse(id=beat.id, epoch=beat.epoch, alive=False)
        row.lease_ms = row.spec.lease_ms or lease.ms
        row.lease_until = now + row.lease_ms * 1000
        return Pulse(id=beat.id, epoch=beat.epoch, alive=True, cancel=row.cancel)

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
        ended = row.state
        row.restart(now)
        self._edges.count(row)
        self._waiting.enter(row)
        self._edges.on_restart(id, ended)
        self._hub.publish(job_topic(id))
        return Requeued.REQUEUED

    def _amend(self, change: Change, now: int) -> Amended:
        row = self._rows.get(change.id)
        if row is None or row.purged:
            return Amended.UNKNOWN
        if row.state is State.RUNNING:
            return Amended.BUSY
        if change.revision is not None and change.revision != row.revision:
            return Amended.STALE
        moves = any(value is not None for value in (change.run_at, change.delay_ms, change.priority, change.queue))
        if (row.state.ended and moves) or (change.drop_result and not row.state.ended):
            return Amended.STALE
        row.revision += 1
        if row.state is State.WAITING:
            self._waiting.leave(row)
        if change.delete:
            self._delete(row, now)
            self._hub.publish(job_topic(change.id))
            return Amended.APPLIED
        row.change(change, now)
        if row.state is State.WAITING:
            self._waiting.enter(row)
        self._hub.publish(job_topic(change.id))
        return Amended.APPLIED

    def _delete(self, row: Row, now: int) -> None:
        self._keys.release(row.spec)
        self._edges.drop(row)
        if row.state is State.WAITING:
            self._edges.on_end(row.spec.id, State.CANCELLED, now)
        self._edges.forget(row.spec.id)
        self._forget(row)

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

    def _forget(self, row: Row) -> None:
        if row.state.ended:
            self._totals.leave(row.state)
        del self._rows[row.spec.id]

    def _purge(self, row: Row, now: int) -> int:
        """A job past its keep becomes a tombstone, and a tombstone goes, unless a child may still ask for it."""
        if self._edges.of_parent(row.spec.id):
            row.looked_at_again = now + HELD_AGAIN_MS * 1000
            return 0
        if row.purged:
            self._forget(row)
        else:
            row.bury()
        return 1
