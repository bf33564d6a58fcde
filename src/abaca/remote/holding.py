"""Whether a run is still the remote worker's that speaks of it."""

from __future__ import annotations

from typing import Literal

from abaca.model import Job, State

Standing = Literal["held", "settled", "lost", "unknown"]


def standing(job: Job | None, epoch: int, holder: str) -> Standing:
    """``settled``: this very run was judged before. The epoch rises with each claim, so it names one run for ever."""
    if job is None:
        return "unknown"
    if job.epoch != epoch:
        return "lost"
    if job.state is not State.RUNNING:
        return "settled"
    return "held" if job.worker == holder else "lost"


def is_overdue(job: Job) -> bool:
    """Whether the run has had its whole time, by the store's clock."""
    timeout_ms = job.spec.timeout_ms
    return timeout_ms is not None and job.seen_at > (job.claimed_at or 0) + timeout_ms * 1000
