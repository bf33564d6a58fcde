"""A schedule: when a job is made again and again, and of what."""

from __future__ import annotations

from enum import StrEnum

from abaca.model.base import Value
from abaca.model.job import NewJob


class Cron(Value, frozen=True, kw_only=True, tag="cron"):
    """An expression of five fields, or of six with seconds first, in the local time of a zone of the tz database."""

    expression: str
    tz: str = "UTC"


class Every(Value, frozen=True, kw_only=True, tag="every"):
    """A fixed distance: ticks at ``anchor`` plus any whole number of ``ms``. ``anchor`` is an instant."""

    ms: int
    anchor: int = 0


Cadence = Cron | Every


class Missed(StrEnum):
    """What becomes of ticks at which nobody could fire: none of them runs, the latest, or all up to a limit."""

    SKIP = "skip"
    ONCE = "once"
    ALL = "all"


class Overlap(StrEnum):
    """What a tick does while the job of an earlier one lives: run beside it, be skipped, or wait for its end."""

    ALLOW = "allow"
    SKIP = "skip"
    QUEUE = "queue"


class Schedule(Value, frozen=True, kw_only=True):
    """A record of kind ``schedule``.

    ``job`` is what each tick makes; its id is not used. A tick counts from after ``starts_at`` up to ``ends_at``.
    ``jitter_ms``: each job is due up to that much after its tick, the same for whoever fires it. ``declared_by``: the
    name of the app whose code says so; only workers of that code fire it.
    """

    id: str
    cadence: Cadence
    job: NewJob
    enabled: bool = True
    missed: Missed = Missed.ONCE
    missed_limit: int = 100
    overlap: Overlap = Overlap.ALLOW
    jitter_ms: int = 0
    starts_at: int | None = None
    ends_at: int | None = None
    description: str = ""
    declared_by: str | None = None
