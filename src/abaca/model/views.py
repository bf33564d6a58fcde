"""What people read: searches, counts, records, hints."""

from __future__ import annotations

from abaca.model.base import Value
from abaca.model.job import Job, Status
from abaca.model.moves import Card

SCHEDULE = "schedule"
"""The kind of the records that hold schedules."""
CURSOR = "cursor"
"""The kind of the records that hold the latest tick of each schedule whose job was stored: microseconds as digits."""

EVENT = "event"
"""The kind of the records that hold events sent to jobs; see ``event_id``."""


class Query(Value, frozen=True, kw_only=True):
    """A search for people, never to decide.

    Fields narrow; ``text`` looks in the id, the task's name and the arguments. The order is the store's own.
    """

    status: tuple[Status, ...] = ()
    queue: str | None = None
    task: str | None = None
    owner: str | None = None
    tenant: str | None = None
    tag: str | None = None
    key: str | None = None
    parent: str | None = None
    created_after: int | None = None
    created_before: int | None = None
    text: str | None = None
    cursor: str | None = None
    limit: int = 50


class Page(Value, frozen=True, kw_only=True):
    """``complete=False`` with a cursor: the store's search budget ended before the page was full; go on with it."""

    jobs: list[Job] = []
    cursor: str | None = None
    complete: bool = True


class QueueStats(Value, frozen=True, kw_only=True):
    """Waiting jobs of a queue: due now, due later, and held back by a limit or by parents; ``by_priority`` counts all
    three.

    ``oldest_due_at`` is of those that are due and not held back.
    """

    name: str
    due: int = 0
    later: int = 0
    blocked: int = 0
    by_priority: dict[int, int] = {}
    oldest_due_at: int | None = None


class Stats(Value, frozen=True, kw_only=True):
    """Counts now, and totals since the store was made: of ended jobs, of what audits had to repair, and by queue of
    jobs that were first claimed after the deadline of their ``start_within_ms``."""

    queues: list[QueueStats] = []
    running: int = 0
    totals: dict[str, int] = {}
    workers: list[Card] = []
    seen_at: int = 0
    repaired: int = 0
    late: dict[str, int] = {}


class Record(Value, frozen=True, kw_only=True):
    """A small versioned record.

    In ``put``, ``version`` is the version expected (0: absent) and ``data=None`` deletes.
    """

    kind: str
    id: str
    data: bytes | None
    version: int = 0
    expires_ms: int | None = None


class Hint(Value, frozen=True, kw_only=True):
    """Something may have changed under ``topic``. ``job`` may carry the ended record, to spare a read."""

    topic: str
    job: Job | None = None


def event_id(job_id: str, event: str) -> str:
    """The id of the record of one event of one job."""
    return f"{job_id}:{event}"


def job_topic(id: str) -> str:
    """The topic of everything that happens to one job."""
    return f"job:{id}"


def queue_topic(queue: str) -> str:
    """The topic of jobs that become claimable in a queue."""
    return f"queue:{queue}"
