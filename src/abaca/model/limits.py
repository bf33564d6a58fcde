"""What holds jobs back: limits that they carry, and the settings of queues."""

from __future__ import annotations

from enum import StrEnum

from abaca.model.base import Value

BUCKET = "bucket"
"""The kind of the records that set a bucket's limit in place of what its jobs carry."""
QUEUE = "queue"
"""The kind of the records that hold the settings of queues."""
FULL = "the queue is full"
"""What the reason of a refusal begins with when a queue takes no more jobs."""
MOST_LIMITS = 4
"""How many limits one job may carry."""
MOST_WEIGHT = 1000
TURN = 1 << 20
"""What a claim of a tenant of weight 1 adds to the tenant's pass."""
AGED_SLOT = 16
"""Of so many claims from a queue that ages, one goes to the job that has been due longest."""


class Limit(Value, frozen=True, kw_only=True):
    """At most ``concurrency`` RUNNING jobs, and at most ``rate`` starts in ``period_ms``, among those of one bucket.

    ``None`` sets no such limit. ``burst`` is how many starts may come at once after a rest. A start is let through by
    the generic cell rate algorithm (ITU-T I.371, annex A), with an emission interval of ``period_ms / rate``.
    """

    bucket: str
    concurrency: int | None = None
    rate: int | None = None
    period_ms: int = 1000
    burst: int = 1

    @property
    def interval_us(self) -> int:
        """Microseconds between starts at the full rate."""
        return self.period_ms * 1000 // (self.rate or 1)


class Overflow(StrEnum):
    """What becomes of a new job when the queue is full."""

    REJECT = "reject"
    WAIT = "wait"  # refused, and its producer is to try again for a while
    SHED = "shed-lowest"  # it takes the place of a job of a lower priority; where there is none, refused


class QueueSettings(Value, frozen=True, kw_only=True):
    """A record of kind ``queue``, whose id is the queue's name; what is left out is not limited.

    ``paused``: nothing is claimed from it. ``concurrency``: how many of its jobs run at once, over all workers.
    ``max_length``: how many may wait in it, those held back and those of later included. ``max_wait_ms``: how long a
    new job may have to wait by the store's estimate. A queue that is at either is full; ``overflow`` says what becomes
    of an insert then. Retries, requeues and follow-ups of other jobs come in all the same. ``weights``: how many claims
    a tenant gets in its turn, 1 to 1000; 1 where nothing is said, and the nearest where a number is out of range.
    ``aging``: one claim in ``AGED_SLOT`` goes to the job that has been due longest, whatever its priority.
    """

    paused: bool = False
    concurrency: int | None = None
    max_length: int | None = None
    max_wait_ms: int | None = None
    overflow: Overflow = Overflow.REJECT
    weights: dict[str, int] = {}
    aging: bool = False

    @property
    def bounded(self) -> bool:
        """Whether the queue can be full; then its claims are counted."""
        return self.max_length is not None or self.max_wait_ms is not None


def turn_of(weights: dict[str, int], tenant: str) -> int:
    """What a claim adds to a tenant's pass. A weight that is out of range counts as the nearest in it."""
    return TURN // min(max(1, weights.get(tenant, 1)), MOST_WEIGHT)


def full_queue(queue: str, max_length: int) -> str:
    """Why an insert into a queue of its maximal length is refused."""
    return f"{FULL}: {max_length} jobs wait in {queue!r}, and no more may (max_length)"


def slow_queue(queue: str, wait_ms: int, max_wait_ms: int) -> str:
    """Why an insert is refused of a job that would have to wait for too long."""
    wait, most = f"{wait_ms / 1000:g} s", f"{max_wait_ms / 1000:g} s"
    return f"{FULL}: a new job in {queue!r} would wait for about {wait}, and {most} is the most (max_wait)"


def queue_bucket(queue: str) -> str:
    """The bucket that holds the permits of a queue with ``concurrency``. Buckets of jobs never begin like this."""
    return f"queue:{queue}"


def task_bucket(task: str) -> str:
    """The bucket whose record, where there is one, holds for every job of a task, whether or not it carries limits."""
    return f"jobs-of:{task}"
