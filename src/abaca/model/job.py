"""A job: as asked for, and as stored."""

from __future__ import annotations

from enum import IntEnum, StrEnum

from abaca.model.base import Value
from abaca.model.limits import Limit
from abaca.model.rules import Keep, RetryRule

DEFAULT_PRIORITY = 50
DEFAULT_QUEUE = "default"


class State(IntEnum):
    """What the store knows of a job. The last three are the ended states."""

    WAITING = 0
    RUNNING = 1
    COMPLETED = 2
    FAILED = 3
    CANCELLED = 4

    @property
    def ended(self) -> bool:
        return self >= State.COMPLETED


class Status(StrEnum):
    """What people see: derived from the state, the due time and the attempts, so time alone moves no rows."""

    SCHEDULED = "scheduled"
    BLOCKED = "blocked"
    QUEUED = "queued"
    RUNNING = "running"
    RETRYING = "retrying"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


STATUS_ALIASES = {"pending": "queued", "processing": "running", "error": "failed", "canceled": "cancelled"}


class KeyScope(StrEnum):
    """How long a job holds its key: until it ends, until it is first claimed, or for a period from its insert."""

    LIVE = "live"
    WAITING = "waiting"
    PERIOD = "period"


class Tick(Value, frozen=True, kw_only=True):
    """One instant at which a schedule is due."""

    schedule: str
    at: int


class When(StrEnum):
    """What end of its parents an edge asks for. ``FAILED`` is any end but a completion."""

    COMPLETED = "completed"
    FAILED = "failed"
    ENDED = "ended"

    def met_by(self, state: State) -> bool:
        """Whether a parent that ended in this state is what the edge asks for."""
        return self is When.ENDED or (self is When.COMPLETED) == (state is State.COMPLETED)


class After(Value, frozen=True, kw_only=True):
    """Edges to parents: a job waits until each of them has ended, and runs only if each ended as ``when`` asks.

    ``into`` names the parameter that gets the result of the one parent, or with ``many`` the list of all results in the
    order of ``ids``; ``null`` stands for a parent that did not complete. Stores read neither.
    """

    ids: tuple[str, ...]
    when: When = When.COMPLETED
    into: str | None = None
    many: bool = False


class Callback(Value, frozen=True, kw_only=True):
    """A job that is inserted in the write that ends another one. ``when`` is ``COMPLETED`` or ``FAILED``; no job is
    made for one that was cancelled.

    The id of ``job`` is empty: it follows from the job and the run that ended. Its arguments are plain JSON; ``into``
    names the one that gets the ``JobEnd``. An empty queue is that of the job that ended.
    """

    when: When
    job: NewJob
    into: str = ""


class NewJob(Value, frozen=True, kw_only=True, gc=False):
    """One call of a task, as the client asked for it.

    ``args`` is a JSON object of the bound arguments by parameter name. ``delay_ms`` counts from the insert by the
    store's clock; ``run_at`` is the user's own absolute time and wins over it. ``lane`` says which kind of slot the job
    needs. ``retry``, ``keep``, ``lease_ms`` and ``timeout_ms`` are left out when default.

    ``key``: while a job holds the key, an insert with the same key stores nothing and answers ``HELD`` with the
    holder's id. ``key_scope`` says how long this job will hold it; ``key_ms`` is the length of a ``PERIOD``. With
    ``replace`` a holder that waits takes over everything of this job but its id, and the answer is ``REPLACED``.

    ``limits``: the job starts only while none of their buckets is exhausted; see ``Limit``.

    ``tick``: the job is stored only if the tick is after the schedule's cursor, which moves to it in the same write.

    ``after``: edges to jobs that are stored already, at most ``MAX_PARENTS`` in all and no job twice. The job stands in
    no line until all of them have ended; its delay counts from then. ``parent`` is a mark to find jobs by (a workflow,
    a schedule) and is no edge.

    ``start_within_ms``: the job goes before the others of its priority, those of the earliest deadline first, until it
    is claimed for the first time; the deadline is its due time and this. It goes with neither ``delay_ms`` nor
    ``run_at``. ``tenant``: jobs of one queue and priority are claimed by tenants in turn. ``expires_ms`` and
    ``callbacks`` are for the policy. ``carrier`` is what follows a call across processes: the trace (``traceparent``,
    ``tracestate``) and ``x-request-id``, by their names on the wire. Stores keep it and read nothing in it.
    """

    id: str
    task: str
    args: bytes = b"{}"
    queue: str = DEFAULT_QUEUE
    priority: int = DEFAULT_PRIORITY
    lane: str = ""
    delay_ms: int = 0
    run_at: int | None = None
    key: str | None = None
    key_scope: KeyScope = KeyScope.LIVE
    key_ms: int = 0
    replace: bool = False
    tick: Tick | None = None
    limits: tuple[Limit, ...] = ()
    tags: tuple[str, ...] = ()
    owner: str | None = None
    tenant: str | None = None
    parent: str | None = None
    retry: RetryRule | None = None
    timeout_ms: int | None = None
    lease_ms: int | None = None
    keep: Keep | None = None
    after: tuple[After, ...] = ()
    start_within_ms: int | None = None
    expires_ms: int | None = None
    callbacks: tuple[Callback, ...] = ()
    carrier: dict[str, str] = {}

    @property
    def parents(self) -> tuple[str, ...]:
        return tuple(id for edges in self.after for id in edges.ids) if self.after else ()


class ErrorInfo(Value, frozen=True, kw_only=True, gc=False):
    """One failure, as text. ``kinds`` are the qualified names of the exception's MRO, most derived first."""

    type: str
    message: str = ""
    traceback: str = ""
    kinds: tuple[str, ...] = ()
    attempt: int = 0

    def __str__(self) -> str:
        return ": ".join(word for word in (self.type.removeprefix("builtins."), self.message) if word)


SHED = "abaca.Shed"
"""The type of the error of a job that made room for one of a higher priority in a full queue."""


def shed_error(by: str) -> ErrorInfo:
    """What a job ends with that made room for another."""
    return ErrorInfo(type=SHED, message=f"its queue was full, and job {by} of a higher priority took its place")


class Job(Value, frozen=True, kw_only=True, gc=False):
    """A stored job as it was at ``seen_at``, the store's clock at the read.

    ``attempts`` counts charged runs that are over; the present run is ``attempt``. ``losses`` counts runs that vanished
    without blame. ``revision`` rises at every claim, settle, amend and requeue. ``started_at`` is the first claim,
    ``claimed_at`` the latest. ``blocked`` names the bucket whose limit holds a waiting job back. ``open_parents``
    counts the parents that a waiting job still waits for, ``unmet`` those that ended otherwise than it asks for: such a
    job must not run. Both stay as they are while it runs and after its end. ``purged`` marks a tombstone: id, state and
    end are all that is left. ``damage`` says why a record could not be read; the worker fails such a job and goes on.
    """

    spec: NewJob
    state: State = State.WAITING
    epoch: int = 0
    revision: int = 0
    attempts: int = 0
    losses: int = 0
    memo: bytes = b""
    created_at: int = 0
    due_at: int = 0
    started_at: int | None = None
    claimed_at: int | None = None
    ended_at: int | None = None
    lease_until: int | None = None
    worker: str | None = None
    cancel: bool = False
    result: bytes | None = None
    error: ErrorInfo | None = None
    progress: bytes | None = None
    blocked: str | None = None
    open_parents: int = 0
    unmet: int = 0
    purged: bool = False
    damage: str | None = None
    seen_at: int = 0

    @property
    def id(self) -> str:
        return self.spec.id

    @property
    def attempt(self) -> int:
        return self.attempts + 1 if self.state is State.RUNNING else self.attempts

    @property
    def status(self) -> Status:
        if self.state is State.WAITING:
            if self.blocked is not None or self.open_parents:
                return Status.BLOCKED
            if self.due_at <= self.seen_at:
                return Status.QUEUED
            return Status.RETRYING if self.attempts else Status.SCHEDULED
        return _STATUS_OF_STATE[self.state]


_STATUS_OF_STATE = {
    State.RUNNING: Status.RUNNING,
    State.COMPLETED: Status.COMPLETED,
    State.FAILED: Status.FAILED,
    State.CANCELLED: Status.CANCELLED,
}
