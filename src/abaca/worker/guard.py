"""The runner's own fence: it hears from its supervisor how the beats go, and draws its conclusions from silence too."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

from abaca.logs import worker_log
from abaca.worker.runs import Run, RunKey, StopReason

_LOOK_UP = 0.25
_CLAIM_SHARE = 2 / 3
_TRUST_SHARE = 0.8


class Guard:
    """Stops claims while leases are not renewed, and stops runs whose lease cannot be trusted any more.

    A supervisor that is stopped or starved can neither beat nor say so; then nothing else would stop this runner.
    """

    def __init__(
        self,
        lease_ms: int,
        *,
        runs: Mapping[RunKey, Run],
        stop: Callable[[RunKey, StopReason], None],
        suspend: Callable[[bool], None],
    ) -> None:
        self._lease_ms = lease_ms
        self._runs = runs
        self._stop = stop
        self._suspend = suspend
        self._beaten_at = time.monotonic()
        self._failing = False
        self._silent = False

    def beaten(self, sent_at: float | None) -> None:
        """The supervisor's word after each beat: when it was sent, or that it failed. All processes share the clock."""
        self._failing = sent_at is None
        if sent_at is not None:
            self._beaten_at = sent_at
        self._suspend(self._failing)

    async def run(self) -> None:
        while True:
            await asyncio.sleep(min(_LOOK_UP, self._lease_ms / 1000 / 20))
            self.look(time.monotonic())

    def look(self, now: float) -> None:
        """Silence counts when it is seen twice: the first time the good word may lie unread in the link."""
        silent = now > self._beaten_at + self._lease_ms / 1000 * _CLAIM_SHARE
        if silent and self._silent:
            self._suspend(True)
            self._fence(now)
        self._silent = silent

    def _fence(self, now: float) -> None:
        lost = [
            key for key, run in self._runs.items() if run.stop_reason is not StopReason.LOST and self._over(run, now)
        ]
        if lost:
            worker_log().warning("no word of a beat for as long as a lease; its runs are stopped", runs=len(lost))
        for key in lost:
            self._stop(key, StopReason.LOST)

    def _over(self, run: Run, now: float) -> bool:
        lease = (run.job.spec.lease_ms or self._lease_ms) / 1000
        return now > max(run.started, self._beaten_at) + lease * _TRUST_SHARE
