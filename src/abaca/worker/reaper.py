"""Takes over jobs whose lease has ended. Every worker runs one; none is special."""

from __future__ import annotations

import asyncio
import random
import time

from abaca.backend import Backend
from abaca.buggify import buggify
from abaca.errors import BackendUnavailable
from abaca.logs import worker_log
from abaca.measures import Measures
from abaca.model import Job, Lease, Policies, Settle
from abaca.policies import PolicyReader
from abaca.policy.outcome import Damaged, LeaseLost, Outcome
from abaca.worker.counting import count_ends
from abaca.worker.judging import judge

_BATCH = 200
_LONGEST_INTERVAL = 1.0
_LOOKS_IN_A_LEASE = 5
_BETWEEN_BATCHES = 0.05
_LATE = 2.0


class Reaper:
    """Leases what is overdue to itself, decides, and settles like any worker. If it dies, its lease ends too.

    ``interval`` in seconds is by default a second, and less under a short lease. What it does counts in ``measures``.
    """

    def __init__(
        self,
        backend: Backend,
        lease: Lease,
        interval: float | None = None,
        measures: Measures | None = None,
        policies: PolicyReader | None = None,
    ) -> None:
        self._policies = policies or PolicyReader(backend)
        self._measures = Measures() if measures is None else measures
        self._backend = backend
        self._lease = lease
        self._interval = interval or min(_LONGEST_INTERVAL, lease.ms / 1000 / _LOOKS_IN_A_LEASE)

    async def run(self) -> None:
        while True:
            try:
                full = await self.reap_once() == _BATCH
            except BackendUnavailable:
                full = False  # the heart says so already; the next round tries again
            except Exception as error:
                full = False
                worker_log().error("reaping failed, trying again", error=repr(error))
            if full:
                await asyncio.sleep(_BETWEEN_BATCHES * random.random())  # others want the store too
            else:
                await self._pause()

    async def _pause(self) -> None:
        """Until the next round. After a standstill (a suspended machine, a stopped process) everybody wakes at once and
        finds every lease ended: the living get time for a beat first, and the reapers come one after the other."""
        planned = self._interval * random.uniform(0.8, 1.2)
        slept_at = _now()
        await asyncio.sleep(planned)
        if _now() - slept_at > planned + _LATE:
            await asyncio.sleep(self._lease.ms / 1000 / 3 * random.uniform(1.2, 2.0))

    async def reap_once(self) -> int:
        """Take over one batch of overdue jobs; answers how many there were."""
        jobs = await self._backend.reclaim(_BATCH, self._lease)
        buggify("reaper.after_reclaim")
        if jobs:
            for job in jobs:
                self._measures.cell(job.spec.queue, job.spec.task).reclaimed += 1
            policies = await self._policies.fresh()
            ends = [self._end(job, policies) for job in jobs]
            answer = await self._backend.exchange([settle for _, _, settle in ends], None, self._lease)
            count_ends(self._measures, ends, answer.verdicts)
            buggify("reaper.after_settle")
            worker_log().warning("leases ended, jobs given back", jobs=len(jobs), first=jobs[0].id)
        return len(jobs)

    def _end(self, job: Job, policies: Policies) -> tuple[Job, Outcome, Settle]:
        outcome = LeaseLost() if job.damage is None else Damaged(reason=job.damage)
        return job, outcome, Settle(id=job.id, epoch=job.epoch, to=judge(job, outcome, policies))


def _now() -> float:
    """Seconds that pass while the machine is suspended too, where there is such a clock."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)
