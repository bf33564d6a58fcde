"""How one run of a job can end, as values. The runner makes them; ``decide`` judges them."""

from __future__ import annotations

from abaca.model import ErrorInfo, Value


class Returned(Value, frozen=True, kw_only=True, gc=False):
    """The handler returned; ``result`` is its encoded value."""

    result: bytes


class Raised(Value, frozen=True, kw_only=True):
    """The handler raised."""

    error: ErrorInfo


class Aborted(Value, frozen=True, kw_only=True):
    """The run can never succeed: ``Abort`` was raised, or its arguments or result cannot be decoded or stored."""

    error: ErrorInfo


class Unstored(Value, frozen=True, kw_only=True):
    """The handler returned, and the place where its result belongs did not take it: retried whatever the rule names."""

    error: ErrorInfo


class Snoozed(Value, frozen=True, kw_only=True):
    """The handler asked for a later run, uncharged. ``waits`` names the events that may bring it on sooner."""

    delay_ms: int
    waits: tuple[str, ...] = ()


class TimedOut(Value, frozen=True, kw_only=True):
    """The run passed its own deadline and was stopped."""

    timeout_ms: int


class WasCancelled(Value, frozen=True, kw_only=True):
    """The run was stopped because its job was cancelled."""


class Released(Value, frozen=True, kw_only=True):
    """The worker gives the job back unfinished or unstarted, for instance at shutdown."""


class TaskMissing(Value, frozen=True, kw_only=True):
    """The worker that claimed the job does not know its task."""


class LeaseLost(Value, frozen=True, kw_only=True):
    """The lease ended with nobody left to say why."""


class Crashed(Value, frozen=True, kw_only=True):
    """The process that ran the job died under a living supervisor.

    ``alone``: no other job had started in it, so blame is sure. ``blameless``: it was killed for another job's sake.
    Exactly one of ``signal`` and ``exit_code`` is set.
    """

    signal: int | None = None
    exit_code: int | None = None
    alone: bool = False
    blameless: bool = False


class Damaged(Value, frozen=True, kw_only=True):
    """The stored record cannot be read."""

    reason: str


class ParentsUnmet(Value, frozen=True, kw_only=True):
    """The job's parents ended otherwise than it asks for, so its handler was not called."""


class Expired(Value, frozen=True, kw_only=True):
    """The job came to its first run too late to be of use, so its handler was not called."""


Outcome = (
    Returned
    | Raised
    | Aborted
    | Unstored
    | Snoozed
    | TimedOut
    | WasCancelled
    | Released
    | TaskMissing
    | LeaseLost
    | Crashed
    | Damaged
    | ParentsUnmet
    | Expired
)
