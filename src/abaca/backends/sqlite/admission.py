"""Whether a queue takes one more job, and the job that makes room where it sheds; the pace of its claims."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from abaca.backend import MAX_BATCH, MOST_LOWER
from abaca.backends.admission import Pace, refused
from abaca.backends.sqlite.edges import tell_end
from abaca.backends.sqlite.ends import count_ended, hint_ended
from abaca.backends.sqlite.limits import leave, settings_of
from abaca.backends.sqlite.rows import read_jobs
from abaca.backends.sqlite.tx import Tx, binary_id
from abaca.model import Job, Keep, NewJob, Overflow, QueueSettings, Receipt, State, shed_error

_DEFAULT_KEEP = Keep()
_encode = msgspec.json.Encoder().encode


class Room:
    """What one call knows of a queue that can be full. Counts are read when first asked for, and carried on."""

    def __init__(self, tx: Tx, queue: str, settings: QueueSettings) -> None:
        self._tx = tx
        self._queue = queue
        self._settings = settings
        self._length: int | None = None
        self._due: tuple[int, int] | None = None

    def refusal(self, job: NewJob) -> Receipt | None:
        """What a job is answered if the queue is full; ``None`` where it is not."""
        again = self._settings.overflow is Overflow.WAIT
        most, longest = self._settings.max_length, self._settings.max_wait_ms
        if most is not None and self._waiting(most) >= most:
            return refused(job.id, self._queue, self._wait_ms(), most, too_long=True, again=again)
        if longest is not None and (wait_ms := self._wait_ms()) > longest:
            return refused(job.id, self._queue, wait_ms, longest, too_long=False, again=again)
        return None

    def make_way(self, job: NewJob) -> tuple[str, bool] | None:
        """The job whose place a new one takes, and whether it may have children; ``None`` where there is none."""
        if self._settings.overflow is not Overflow.SHED:
            return None
        found = self._tx.rows("lowest", queue=self._queue, priority=job.priority, most=MOST_LOWER)
        return (found[0][0].hex(), bool(found[0][1])) if found else None

    def change(self, by: int) -> None:
        """So many jobs more wait."""
        if self._length is not None:
            self._length += by

    def stored(self, job: NewJob) -> None:
        self.change(1)
        if self._due is None:
            return
        due_at = job.run_at if job.run_at is not None else self._tx.now + job.delay_ms * 1000
        if job.after:
            self.forget_due()
        elif due_at <= self._tx.now:
            self._due = (self._due[0] + 1, min(self._due[1], due_at))

    def forget_due(self) -> None:
        self._due = None

    def _waiting(self, most: int) -> int:
        if self._length is None:
            enough = most + MAX_BATCH  # a batch may move so many out of the queue
            self._length = int(self._tx.rows("count_queue", queue=self._queue, most=enough)[0][0])
        return self._length

    def _wait_ms(self) -> int:
        now = self._tx.now
        if self._due is None:
            ((due, first_at),) = self._tx.rows("count_due", queue=self._queue, now=now)
            self._due = (due, now if first_at is None else first_at)
        return _pace(self._tx, self._queue).wait_ms(now, *self._due)


def rooms_in(tx: Tx, queues: Iterable[str]) -> dict[str, Room]:
    """Those of some queues that can be full."""
    settings = {queue: settings_of(tx, queue) for queue in queues}
    return {queue: Room(tx, queue, known) for queue, known in settings.items() if known.bounded}


def shed(tx: Tx, id: str, by: str, *, parental: bool) -> None:
    """A waiting job makes room for the job ``by``."""
    job, raw, error = read_jobs(tx, [id])[id], binary_id(id), _encode(shed_error(by)).decode()
    leave(tx, job)
    tx.run("shed", id=raw, now=tx.now, keep_ms=(job.spec.keep or _DEFAULT_KEEP).cancelled_ms, error=error)
    tx.run("log_error", id=raw, attempt=0, data=error, now=tx.now)
    count_ended(tx, Counter([State.CANCELLED]))
    if parental:
        tell_end(tx, [id])
    hint_ended(tx, [id])


def count_claims(tx: Tx, queue: str, jobs: Sequence[Job]) -> None:
    """One claim has taken these jobs from a queue that can be full."""
    pace = _pace(tx, queue).after_claims(tx.now, len(jobs), min(job.due_at for job in jobs))
    tx.run("put_pace", queue=queue, **pace._asdict())


def _pace(tx: Tx, queue: str) -> Pace:
    found = tx.rows("pace", queue=queue)
    return Pace(*found[0]) if found else Pace()
