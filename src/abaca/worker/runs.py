"""Runs: the jobs that this process holds now."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum
from typing import Any

from abaca.errors import RunLost
from abaca.model import Job, Kind
from abaca.policy.outcome import Outcome, Released, Snoozed, TimedOut, WasCancelled

_NOT_BEGUN_MS = 1_000

RunKey = tuple[str, int]
"""(job id, epoch): names one run for ever."""


class StopReason(Enum):
    """Why a run is to end early."""

    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"
    RELEASED = "released"
    LOST = "lost"


class Run:
    """One claimed job in this process, from claim to settle. It is its own cancel flag."""

    __slots__ = ("begun", "halt", "job", "journal", "key", "reports", "seq", "started", "stop_reason", "task", "timer")

    def __init__(self, job: Job, started: float) -> None:
        self.job = job
        self.key: RunKey = (job.spec.id, job.epoch)
        self.started = started
        self.begun = True
        """False while its coroutine has yet to take its first step."""
        self.task: Any = None
        self.stop_reason: StopReason | None = None
        self.halt: Callable[[], object] | None = None
        """How the pool interrupts this run; set by the pool once it has begun."""
        self.timer: asyncio.TimerHandle | None = None
        self.reports: list[tuple[Kind, bytes]] | None = None
        self.seq = 0
        self.journal: Any = None
        """What it stores of its steps and items; ``None`` as long as it has none."""

    def is_set(self) -> bool:
        return self.stop_reason is not None

    def lose(self) -> RunLost:
        """The store says that the job is no longer this run's: stop it. Answers the error for what it wanted."""
        if self.stop_reason is not StopReason.LOST:
            self.stop_reason = StopReason.LOST
            if self.halt is not None:
                self.halt()
        return RunLost(f"job {self.job.id} is no longer this run's (epoch {self.key[1]}); nothing more of it is stored")

    def stopped_outcome(self) -> Outcome | None:
        """What an early end means, ``None`` when the lease was lost and there is nothing left to say."""
        match self.stop_reason:
            case StopReason.CANCELLED:
                return WasCancelled()
            case StopReason.TIMED_OUT:
                return TimedOut(timeout_ms=self.job.spec.timeout_ms or 0)
            case StopReason.RELEASED:
                return Released()
            case _:
                return None

    def never_begun_outcome(self) -> Outcome | None:
        """The same for a run whose handler was not called: its time was not used up by its handler."""
        if self.stop_reason is StopReason.TIMED_OUT:
            return Snoozed(delay_ms=_NOT_BEGUN_MS)
        return self.stopped_outcome()
