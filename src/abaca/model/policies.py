"""What operators have set for the jobs of every producer: who is told of ends, and how long ended jobs stay."""

from __future__ import annotations

from typing import Literal

from abaca.model.base import Value

SUBSCRIPTION = "webhook"
"""The kind of the records that hold subscriptions."""
RETENTION = "retention"
"""The kind, and the id, of the record that holds the retention."""

Event = Literal["completed", "failed", "cancelled"]


class Subscription(Value, frozen=True, kw_only=True):
    """A webhook for the ends of many jobs: those that ended as ``events`` say and fit every filter that is not empty.

    ``owner`` is whose subscription it is, ``of`` whose jobs it is for, ``None`` for those of everybody. ``queue`` is
    where deliveries wait, empty for the queue of the job that ended. ``secret`` signs what is sent.
    ``created_at`` is in microseconds by the clock of the machine that made it.
    """

    id: str
    url: str
    secret: str
    events: tuple[Event, ...] = ("completed", "failed", "cancelled")
    queues: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    of: str | None = None
    owner: str | None = None
    enabled: bool = True
    timeout_ms: int = 10_000
    queue: str = ""
    description: str = ""
    created_at: int = 0


class Kept(Value, frozen=True, kw_only=True):
    """How long ended jobs stay, by how they ended; ``None`` says nothing of that end."""

    completed_ms: int | None = None
    cancelled_ms: int | None = None
    failed_ms: int | None = None


class Retention(Value, frozen=True, kw_only=True):
    """``default`` is for the jobs of all tasks, ``tasks`` for those of each by its name."""

    default: Kept = Kept()
    tasks: dict[str, Kept] = {}


class Policies(Value, frozen=True, kw_only=True):
    """All that whoever settles a job has to know beside the job."""

    subscriptions: tuple[Subscription, ...] = ()
    retention: Retention = Retention()


NO_POLICIES = Policies()
