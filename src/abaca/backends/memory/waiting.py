"""Where jobs wait: in their line; where a limit holds them back, parked under its bucket; for parents, apart."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import msgspec

from abaca.backend import MOST_PARKED
from abaca.backends.admission import Pace
from abaca.backends.memory.buckets import Buckets
from abaca.backends.memory.lines import Line, Lines
from abaca.backends.memory.order import Order, Pick
from abaca.backends.memory.rows import Row
from abaca.model import (
    BUCKET,
    QUEUE,
    Limit,
    QueueSettings,
    Record,
    State,
    Want,
    queue_bucket,
    queue_topic,
    task_bucket,
)

T = TypeVar("T")
U = TypeVar("U")

_settings_of = msgspec.json.Decoder(QueueSettings).decode
_limit_of = msgspec.json.Decoder(Limit).decode


class Waiting:
    """Lines and buckets together. ``read`` answers a live record, ``publish`` tells of a topic."""

    def __init__(
        self,
        rows: dict[str, Row],
        read: Callable[[str, str], Record | None],
        publish: Callable[[str], None],
    ) -> None:
        self.lines = Lines()
        self.buckets = Buckets()
        self.order = Order(self.lines, self.buckets)
        self.apart: dict[str, Line] = {}
        self.paces: dict[str, Pace] = {}
        self._rows = rows
        self._read = read
        self._publish = publish

    def enter(self, row: Row) -> None:
        """Put a row into its line and tell those who wait for its queue; one that has open parents goes apart."""
        row.blocked = None
        line = row.line
        if row.open_parents:
            self.apart[row.spec.id] = line
            return
        self.lines.add(line, row.place)
        self._publish(queue_topic(row.spec.queue))

    def leave(self, row: Row) -> None:
        """A row waits no longer, or is about to wait elsewhere. One that was free to start makes room for the next."""
        if self.apart.pop(row.spec.id, None) is not None:
            return
        if row.blocked is not None:
            self.buckets.leave(row.spec.id, row.blocked)
            row.blocked = None
            return
        self.lines.remove(row.spec.id)
        buckets = (queue_bucket(row.spec.queue), task_bucket(row.spec.task))
        for bucket in (*buckets, *(limit.bucket for limit in row.spec.limits)):
            self._free(bucket, 1)

    def stands(self, row: Row) -> bool:
        """Whether a waiting row is where it should be."""
        if row.open_parents:
            return self.apart.get(row.spec.id) == row.line
        if row.blocked is not None:
            return self.buckets.is_parked(row.blocked, row.line, row.place)
        return self.lines.stands(row.line, row.place)

    def release(self, row: Row) -> None:
        """A run is over: its permits go to those parked first."""
        permits, row.permits = row.permits, ()
        for bucket in permits:
            self.buckets.release(row.spec.id, bucket)
        for bucket in permits:
            self._free(bucket, 1)

    def give_back(self, id: str, bucket: str) -> None:
        """Take a permit from whoever should not have it."""
        self.buckets.release(id, bucket)
        self._free(bucket, 1)

    def on_put(self, record: Record) -> None:
        """The settings of a queue or of a bucket have changed: look again at whom they hold back."""
        if record.kind == QUEUE:
            self.paces.pop(record.id, None)
            self._enter_all(self.buckets.let_back(queue_bucket(record.id)))
            self._publish(queue_topic(record.id))
        elif record.kind == BUCKET:
            self._enter_all(self.buckets.let_back(record.id))

    def settings(self, queue: str) -> QueueSettings:
        return self._record(QUEUE, queue, _settings_of, QueueSettings())

    def everyone(self) -> Iterator[Line]:
        """The line of each waiting job, whether it stands there or is held back."""
        yield from (line for line, _ in self.lines.waiting())
        yield from (line for _, line, _ in self.buckets.parked())
        yield from self.apart.values()

    def choose(self, want: Want, now: int) -> list[Row]:
        """Take the rows out of their lines that ``want`` may claim, in order, with their permits."""
        for id in self.buckets.refill(now):
            self.enter(self._rows[id])
        free = dict(want.slots)
        chosen: list[Row] = []
        limited: dict[str, Limit] = {}
        size = parked = 0
        for queue in want.queues:
            settings = self.settings(queue)
            if settings.paused:
                continue
            before = len(chosen)
            while size < want.max_bytes and parked < MOST_PARKED:
                pick = self.order.next(queue, settings, now, free)
                if pick is None:
                    break
                row = self._rows[pick.place.id]
                limits = self._limits(row, settings)
                if limits and self._park(row, pick, limits, now):
                    parked += 1
                    continue
                self.order.on_claim(pick, settings)
                self.lines.remove(row.spec.id)
                row.permits = self.buckets.take(row.spec.id, limits, now)
                limited |= {limit.bucket: limit for limit in limits}
                free[row.spec.lane] -= 1
                size += len(row.spec.args)
                chosen.append(row)
            if settings.bounded and len(chosen) > before:
                due_at = min(row.due_at for row in chosen[before:])
                self.paces[queue] = self.paces.get(queue, Pace()).after_claims(now, len(chosen) - before, due_at)
        for limit in limited.values():
            if limit.concurrency is not None:
                self._free(limit.bucket, limit.concurrency - len(self.buckets.holders(limit.bucket)))
        return chosen

    def next_due(self, want: Want) -> int | None:
        """When the first job for these queues and slots is due, or a limit lets one start."""
        times = (self.lines.next_due(self.served(want.queues), want.slots), self.buckets.next_refill())
        return min((at for at in times if at is not None), default=None)

    def served(self, queues: tuple[str, ...]) -> tuple[str, ...]:
        """Those of the queues that are not paused."""
        return tuple(q for q in queues if not self.settings(q).paused)

    def _park(self, row: Row, pick: Pick, limits: Sequence[Limit], now: int) -> bool:
        """Whether a limit holds the row back; then it is parked under the first that does."""
        exhausted = self.buckets.exhausted(limits, now)
        if exhausted is None:
            return False
        limit, refill_at = exhausted
        self.lines.remove(row.spec.id)
        self.buckets.park(pick.line, pick.place, limit, refill_at)
        row.blocked = limit.bucket
        return True

    def _limits(self, row: Row, settings: QueueSettings) -> list[Limit]:
        """In the order in which they are judged: of the queue, of the task, its own."""
        limits = [self._record(BUCKET, limit.bucket, _limit_of, limit) for limit in row.spec.limits]
        bucket = task_bucket(row.spec.task)
        of_task = self._record(BUCKET, bucket, _limit_of, None)
        if of_task is not None:
            limits.insert(0, msgspec.structs.replace(of_task, bucket=bucket))
        if settings.concurrency is not None:
            limits.insert(0, Limit(bucket=queue_bucket(row.spec.queue), concurrency=settings.concurrency))
        return limits

    def _record(self, kind: str, id: str, decode: Callable[[bytes], T], default: U) -> T | U:
        """What a record says; one that cannot be read says nothing."""
        record = self._read(kind, id)
        if record is None or record.data is None:
            return default
        try:
            return decode(record.data)
        except msgspec.MsgspecError:
            return default

    def _free(self, bucket: str, count: int) -> None:
        self._enter_all(self.buckets.unpark(bucket, min(count, MOST_PARKED)))

    def _enter_all(self, ids: Iterable[str]) -> None:
        for id in ids:
            row = self._rows[id]
            if row.state is State.WAITING:
                self.enter(row)
