"""What a batch handler sees of its jobs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from abaca.context import Ctx
from abaca.errors import CancelledByRequest


class BatchCtx:
    """The jobs of one call of a batch handler. Every method may be called from any thread and none blocks.

    ``jobs`` has one context for each value of the handler's list, in its order: progress and log lines go through
    these. ``deadline`` is when the call is stopped, in UTC; ``None`` for a task without a timeout.
    """

    __slots__ = ("deadline", "jobs")

    def __init__(self, jobs: Sequence[Ctx], deadline: datetime | None) -> None:
        self.jobs = tuple(jobs)
        self.deadline = deadline

    @property
    def cancelled_ids(self) -> frozenset[str]:
        """The jobs whose results are no longer wanted: cancelled, or no longer this worker's."""
        return frozenset(ctx.job_id for ctx in self.jobs if ctx.cancelled)

    @property
    def cancelled(self) -> bool:
        """Whether the whole call should stop: all its jobs were cancelled, or its time is over, or its worker stops."""
        return all(ctx.cancelled for ctx in self.jobs)

    def raise_if_cancelled(self) -> None:
        """Raise ``CancelledByRequest`` when the whole call should stop. Sync handlers call it between steps."""
        if self.cancelled:
            raise CancelledByRequest
