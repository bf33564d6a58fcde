"""Limits at claim time: permits, rates, and the jobs that are parked until there is one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from abaca.backend import MOST_PARKED
from abaca.backends.sqlite import records as shelf
from abaca.backends.sqlite.rows import BY_PARENTS
from abaca.backends.sqlite.tx import Tx, pack
from abaca.model import (
    BUCKET,
    QUEUE,
    Job,
    Limit,
    QueueSettings,
    Record,
    Verdict,
    queue_bucket,
    queue_topic,
    task_bucket,
)

T = TypeVar("T")

_settings_of = msgspec.json.Decoder(QueueSettings).decode
_limit_of = msgspec.json.Decoder(Limit).decode
_NO_SETTINGS = QueueSettings()
_LET_BACK = 1
"""An instant long ago, at which a bucket is entered to refill whose settings changed while too many were parked."""


class Gate:
    """What one claim knows of limits. Counts are read once and carried on."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._running: dict[str, int] = {}
        self._full_at: dict[str, int] = {}
        self._records: dict[str, Limit | None] = {}
        self._passed: dict[str, Limit] = {}
        self._exhausted_now: set[str] = set()
        self.parked = 0

    def lets_start(self, n: int, id: bytes, limits: Sequence[Limit]) -> bool:
        """Take a permit of every limit for the job, or park it under the first that is exhausted."""
        known = [self._known(limit) for limit in limits]
        for limit in known:
            refill_at = self._exhausted(limit)
            if refill_at is not None:
                self._park(n, limit, refill_at)
                return False
        for limit in known:
            self._take(id, limit)
        return True

    def close(self) -> None:
        """Where a limit still has room, those parked under it may come."""
        for limit in self._passed.values():
            if limit.concurrency is not None:
                unpark(self._tx, limit.bucket, limit.concurrency - self._held(limit.bucket))

    def limit_of_task(self, n: int) -> tuple[Limit, ...]:
        """What a record says for every job of this one's task."""
        bucket = task_bucket(self._tx.rows("task_of", n=n)[0][0])
        if bucket not in self._records:
            limit = _read(self._tx, BUCKET, bucket, _limit_of)
            self._records[bucket] = None if limit is None else msgspec.structs.replace(limit, bucket=bucket)
        limit = self._records[bucket]
        return () if limit is None else (limit,)

    def _known(self, limit: Limit) -> Limit:
        """The limit, or what a record says in its place."""
        if limit.bucket not in self._records:
            self._records[limit.bucket] = _read(self._tx, BUCKET, limit.bucket, _limit_of)
        return self._records[limit.bucket] or limit

    def _held(self, bucket: str) -> int:
        if bucket not in self._running:
            self._running[bucket] = self._tx.rows("count_permits", bucket=bucket)[0][0]
        return self._running[bucket]

    def _full(self, limit: Limit) -> int:
        """When the bucket is full again; a clock that stepped back makes that no longer than it can take."""
        if limit.bucket not in self._full_at:
            found = self._tx.rows("rate", bucket=limit.bucket)
            self._full_at[limit.bucket] = found[0][0] if found else 0
        return min(self._full_at[limit.bucket], self._tx.now + limit.interval_us * limit.burst)

    def _exhausted(self, limit: Limit) -> int | None:
        """When the limit lets a job start, if not now; zero where only the end of a run tells."""
        if limit.concurrency is not None and self._held(limit.bucket) >= limit.concurrency:
            return 0
        if limit.rate is not None:
            allowed_at = self._full(limit) - limit.interval_us * (limit.burst - 1)
            if allowed_at > self._tx.now:
                return allowed_at
        return None

    def _park(self, n: int, limit: Limit, refill_at: int) -> None:
        self.parked += 1
        self._tx.run("park", n=n, bucket=limit.bucket)
        if refill_at:
            self._tx.run(
                "await_refill",
                bucket=limit.bucket,
                refill_at=refill_at,
                interval_us=limit.interval_us,
                burst=limit.burst,
            )
        elif limit.bucket not in self._exhausted_now:
            self._tx.run("end_let_back", bucket=limit.bucket, refill_at=_LET_BACK)
        self._exhausted_now.add(limit.bucket)

    def _take(self, id: bytes, limit: Limit) -> None:
        self._passed[limit.bucket] = limit
        if limit.rate is not None:
            full_at = max(self._full(limit), self._tx.now) + limit.interval_us
            self._full_at[limit.bucket] = full_at
            self._tx.run(
                "count_start",
                bucket=limit.bucket,
                full_at=full_at,
                interval_us=limit.interval_us,
                burst=limit.burst,
            )
        if limit.concurrency is not None:
            self._running[limit.bucket] = self._held(limit.bucket) + 1
            self._tx.run("take_permit", bucket=limit.bucket, holder=id)


def settings_of(tx: Tx, queue: str) -> QueueSettings:
    return _read(tx, QUEUE, queue, _settings_of) or _NO_SETTINGS


def limit_of_queue(queue: str, settings: QueueSettings) -> tuple[Limit, ...]:
    if settings.concurrency is None:
        return ()
    return (Limit(bucket=queue_bucket(queue), concurrency=settings.concurrency),)


def release(tx: Tx, ids: Sequence[str]) -> None:
    """Runs are over: their permits go to those parked first."""
    if not tx.rows("any_permit"):
        return
    permits = tx.rows("permits_of", ids=pack(ids))
    for bucket, holder in permits:
        tx.run("drop_permit", bucket=bucket, holder=holder)
    for bucket, count in Counter(bucket for bucket, _ in permits).items():
        unpark(tx, bucket, count)


def leave(tx: Tx, job: Job) -> None:
    """A waiting job leaves its line without starting. If it was free to start, it makes room for the next."""
    if job.blocked is not None:
        tx.run("forget_refill", bucket=job.blocked, leaving=bytes.fromhex(job.id))
    elif not job.open_parents:
        buckets = (queue_bucket(job.spec.queue), task_bucket(job.spec.task))
        for bucket in (*buckets, *(limit.bucket for limit in job.spec.limits)):
            unpark(tx, bucket, 1)


def put_records(tx: Tx, records: Sequence[Record], together: bool = False) -> list[Verdict]:
    """``put``, with a word for whom settings hold back."""
    verdicts = shelf.put(tx, records, together)
    for record, verdict in zip(records, verdicts, strict=True):
        if verdict is Verdict.APPLIED:
            _on_put(tx, record)
    return verdicts


def _on_put(tx: Tx, record: Record) -> None:
    """The settings of a queue or of a bucket have changed: look again at whom they hold back."""
    if record.kind == QUEUE:
        tx.run("drop_pace", queue=record.id)
        _let_back(tx, queue_bucket(record.id))
        tx.hint(queue_topic(record.id))
    elif record.kind == BUCKET:
        _let_back(tx, record.id)


def _let_back(tx: Tx, bucket: str) -> None:
    """Let the first back into their lines; if more are left, each claim goes on with them."""
    if bucket != BY_PARENTS:
        unpark(tx, bucket, MOST_PARKED)
        tx.run("let_back", bucket=bucket, refill_at=_LET_BACK)


def refill(tx: Tx) -> None:
    """Let the jobs back into their lines that were parked until now because of a rate, or until somebody claims."""
    for bucket, refill_at, interval_us, burst in tx.rows("due_refills", now=tx.now):
        if refill_at == _LET_BACK:
            unpark(tx, bucket, MOST_PARKED)
            tx.run("look_again", bucket=bucket, refill_at=_LET_BACK)
        else:
            unpark(tx, bucket, min(burst, max(1, 1 + (tx.now - refill_at) // interval_us)))
            tx.run("look_again", bucket=bucket, refill_at=tx.now + interval_us)


def next_refill(tx: Tx) -> int | None:
    found = tx.rows("next_refill")
    return found[0][0] if found else None


def unpark(tx: Tx, bucket: str, count: int) -> None:
    """Let the first ``count`` jobs parked under a bucket back into their lines, of each queue, lane and tenant apart.

    Apart, because the first of all may be of a queue that nobody serves just now, or of a tenant that had its turn.
    """
    if count <= 0 or bucket == BY_PARENTS:
        return
    queues = {queue for (queue,) in tx.rows("unpark", bucket=bucket, count=min(count, MOST_PARKED))}
    for queue in queues:
        tx.hint(queue_topic(queue))
    if queues:
        tx.run("forget_refill", bucket=bucket, leaving=b"")


def _read(tx: Tx, kind: str, id: str, decode: Callable[[bytes], T]) -> T | None:
    """What a record says; one that cannot be read says nothing."""
    record = shelf.live(tx, kind, id)
    if record is None or record.data is None:
        return None
    try:
        return decode(record.data)
    except msgspec.MsgspecError:
        return None
