"""What holds jobs back: limits that they carry, and the settings of queues."""

from __future__ import annotations

from abaca.model.base import Value

BUCKET = "bucket"
"""The kind of the records that set a bucket's limit in place of what its jobs carry."""
QUEUE = "queue"
"""The kind of the records that hold the settings of queues."""
FULL = "the queue is full"
"""What the reason of a refusal begins with when the queue has its maximal length."""
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


class QueueSettings(Value, frozen=True, kw_only=True):
    """A record of kind ``queue``, whose id is the queue's name; what is left out is not limited.

    ``paused``: nothing is claimed from it. ``concurrency``: how many of its jobs run at once, over all workers.
    ``max_length``: how many may wait in it, those held back and those of later included; an insert beyond that is
    ``REFUSED``. Retries, requeues and follow-ups of other jobs come in all the same. ``weights``: how many claims a
    tenant gets in its turn, 1 to 1000; 1 where nothing is said, and the nearest where a number is out of range.
    ``aging``: one claim in ``AGED_SLOT`` goes to the job that has been due longest, whatever its priority.
    """

    paused: bool = False
    concurrency: int | None = None
    max_length: int | None = None
    weights: dict[str, int] = {}
    aging: bool = False


def turn_of(weights: dict[str, int], tenant: str) -> int:
    """What a claim adds to a tenant's pass. A weight that is out of range counts as the nearest in it."""
    return TURN // min(max(1, weights.get(tenant, 1)), MOST_WEIGHT)


def full_queue(queue: str, max_length: int) -> str:
    """Why an insert into a full queue is refused."""
    return f"{FULL}: {max_length} jobs wait in {queue!r}, and no more may"


def queue_bucket(queue: str) -> str:
    """The bucket that holds the permits of a queue with ``concurrency``. Buckets of jobs never begin like this."""
    return f"queue:{queue}"


def task_bucket(task: str) -> str:
    """The bucket whose record, where there is one, holds for every job of a task, whether or not it carries limits."""
    return f"jobs-of:{task}"
