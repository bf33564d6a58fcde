"""What the judge is told beside the history: how the run was set up, and how the store looked at its end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from abaca.model import Job, Stats

SOMETIMES = (
    "a stale write was refused",
    "a lease was reaped",
    "a reply was lost after its call was executed",
    "a run came again after a crash",
    "a running job was cancelled",
    "a job failed for crashing its process",
    "the store came back while somebody waited",
    "a repeated enqueue was collapsed",
    "a key was held",
    "a worker was stopped beyond its lease",
    "a client died",
    "a job was requeued",
    "a run was snoozed",
    "a run timed out",
    "a missed tick was made up for",
    "a job waited for others",
    "a job was given up for how its parents ended",
)
"""The lines of the vacuity table: interesting things that a run should have seen."""


@dataclass(frozen=True, slots=True)
class Dump:
    """The store at the end: every job record (read once, so it may be a generator), counts, and its own audit's faults.

    ``audited`` is false where the store has no audit: then S6 rests on the recount alone. ``stats`` is ``None`` where
    the namespace holds more than the run's own jobs.
    """

    jobs: Iterable[Job]
    stats: Stats | None
    faults: Sequence[str] = ()
    audited: bool = True


@dataclass(frozen=True, slots=True)
class Options:
    """Times in seconds.

    ``lease``, ``beat``, ``grace``, ``reap`` are the workers' settings; ``slack`` is added to every bound in time, for
    a busy machine. ``quiesced``: faults were over and the queue drained before the dump, so that every accepted job
    must have ended. ``durable``: acknowledged writes survive every fault of this run; otherwise up to ``may_lose``
    accepted jobs count as the durability class's own loss, reported apart. ``losses`` is how many uncharged losses a
    job may have. ``window`` is the longest standstill, ``restart`` the longest pause of a supervisor between a runner's
    death and its successor. ``ticks`` are the ticks due in the run, by schedule, where each must fire. ``expect`` are
    lines of the vacuity table that must not be zero. ``examples`` is how many violations of a rule are kept as text.
    """

    lease: float = 15.0
    beat: float = 5.0
    grace: float = 5.0
    reap: float = 1.2
    slack: float = 2.0
    quiesced: bool = True
    durable: bool = True
    may_lose: int = 0
    losses: int = 2
    window: float = 5.0
    restart: float = 10.0
    ticks: dict[str, tuple[int, ...]] = field(default_factory=dict)
    expect: tuple[str, ...] = ()
    examples: int = 20
