"""Takes over jobs whose lease has ended. Every worker runs one; none is special."""

from __future__ import annotations

import asyncio
import random

from abaca.backend import Backend
from abaca.buggify import buggify
from abaca.errors import BackendUnavailable
from abaca.logs import worker_log
from abaca.model import Job, Lease, Settle
from abaca.policy.outcome import Damaged, LeaseLost
from abaca.worker.judging import judge

_BATCH = 200


class Reaper:
    """Leases what is overdue to itself, decides, and settles like any worker. If it dies, its lease ends too."""

    def __init__(self, backend: Backend, lease: Lease, interval: float = 1.0) -> None:
        self._backend = backend
        self._lease = lease
        self._interval = interval

    async def run(self) -> None:
        while True:
            try:
                full = await self.reap_once() == _BATCH
            except BackendUnavailable:
                full = False  # the heart says so already; the next round tries again
            except Exception as error:
                full = False
                worker_log().error("reaping failed, trying again", error=repr(error))
            if not full:
                await asyncio.sleep(self._interval * random.uniform(0.8, 1.2))

    async def reap_once(self) -> int:
        """Take over one batch of overdue jobs; answers how many there were."""
        jobs = await self._backend.reclaim(_BATCH, self._lease)
        buggify("reaper.after_reclaim")
        if jobs:
            await self._backend.exchange([self._settle(job) for job in jobs], None, self._lease)
            buggify("reaper.after_settle")
            worker_log().warning("leases ended, jobs given back", jobs=len(jobs), first=jobs[0].id)
        return len(jobs)

    def _settle(self, job: Job) -> Settle:
        outcome = LeaseLost() if job.damage is None else Damaged(reason=job.damage)
        return Settle(id=job.id, epoch=job.epoch, to=judge(job, outcome))
