"""The runs a worker holds, as its heart sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from abaca.model import Job
from abaca.worker.runs import RunKey


@dataclass(slots=True)
class HeldRun:
    """``trusted_from`` is the holder's monotonic clock when the claim or the last renewal was *sent*.

    ``lost``: the lease was given up, though the run may not have ended yet.
    """

    lease_ms: int
    trusted_from: float
    lost: bool = False

    def fenced(self, now: float, margin: float) -> bool:
        """Whether the lease can no longer be trusted, whatever the store may say later."""
        return now > self.trusted_from + self.lease_ms / 1000 - margin


class HeldRuns:
    """Filled by the loop's thread, read by the heart's; each step is one dict operation."""

    def __init__(self, default_lease_ms: int) -> None:
        self._default = default_lease_ms
        self._runs: dict[RunKey, HeldRun] = {}

    def taken(self, jobs: Sequence[Job], sent_at: float) -> None:
        for job in jobs:
            spec = job.spec
            self._runs[spec.id, job.epoch] = HeldRun(spec.lease_ms or self._default, sent_at)

    def gone(self, keys: Sequence[RunKey]) -> None:
        for key in keys:
            self._runs.pop(key, None)

    def snapshot(self) -> list[tuple[RunKey, HeldRun]]:
        return list(self._runs.items())
