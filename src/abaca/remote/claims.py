"""From jobs that the store leased to runs that a remote worker can start."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from abaca.backend import Backend
from abaca.codec import is_reference, unpack
from abaca.model import Job, Settle
from abaca.places import Blobs
from abaca.policies import PolicyReader
from abaca.policy.decide import unfit
from abaca.policy.outcome import Damaged, Outcome, TaskMissing
from abaca.policy.retry import DEFAULT_RULE
from abaca.remote.messages import ClaimedRun
from abaca.worker.inputs import Inputs, takes_results
from abaca.worker.judging import damage_of, judge
from abaca.worker.outcomes import undecodable
from abaca.worker.recalling import recall
from abaca.worker.runs import Run


class Claims:
    """Splits what was claimed: runs for the worker, and settles of jobs that must not be run."""

    def __init__(self, backend: Backend, blobs: Blobs, policies: PolicyReader) -> None:
        self._backend = backend
        self._policies = policies
        self._inputs = Inputs(backend, blobs)

    async def split(
        self, jobs: Sequence[Job], tasks: tuple[str, ...], lease_ms: int
    ) -> tuple[list[ClaimedRun], list[Settle]]:
        runs: list[ClaimedRun] = []
        settles: list[Settle] = []
        for job in jobs:
            answer = await self._prepared(job, tasks, lease_ms)
            if isinstance(answer, ClaimedRun):
                runs.append(answer)
            else:
                settles.append(Settle(id=job.id, epoch=job.epoch, to=judge(job, answer, await self._policies.fresh())))
        return runs, settles

    async def _prepared(self, job: Job, tasks: tuple[str, ...], lease_ms: int) -> ClaimedRun | Outcome:
        damage = damage_of(job)
        if damage is not None:
            return Damaged(reason=damage)
        why_not = unfit(job)
        if why_not is not None:
            return why_not
        if tasks and job.spec.task not in tasks:
            return TaskMissing()
        if is_reference(job.spec.args) or takes_results(job):
            whole = await self._inputs.of(job)
            if not isinstance(whole, Job):
                return whole
            job = whole
        try:
            args = unpack(job.spec.args)
        except ValueError as error:
            return undecodable(error)
        items = (await recall(self._backend, Run(job, 0.0), steps=False)).items
        return _run(job, args, items, lease_ms)


def _run(job: Job, args: bytes, items: int, lease_ms: int) -> ClaimedRun:
    spec = job.spec
    return ClaimedRun(
        id=job.id,
        epoch=job.epoch,
        task=spec.task,
        args=msgspec.Raw(args),
        queue=spec.queue,
        attempt=job.attempt,
        max_attempts=(spec.retry or DEFAULT_RULE).max_attempts,
        lease_ms=spec.lease_ms or lease_ms,
        timeout_ms=spec.timeout_ms,
        tags=spec.tags,
        tenant=spec.tenant,
        items=items,
    )
