"""What becomes of the jobs that a dead process held."""

from __future__ import annotations

from collections.abc import Mapping

from abaca.backend import MAX_BATCH, Backend
from abaca.buggify import buggify
from abaca.measures import Measures
from abaca.model import Lease, Settle, State
from abaca.policies import PolicyReader
from abaca.policy.outcome import Outcome
from abaca.worker.counting import count_ends
from abaca.worker.judging import judge
from abaca.worker.runs import RunKey


async def settle_dead(
    backend: Backend,
    lease: Lease,
    outcomes: Mapping[RunKey, Outcome],
    measures: Measures | None = None,
    policies: PolicyReader | None = None,
) -> None:
    """Settle each run with its outcome, where the job is still that run's, and count it in ``measures``.

    Raises what the backend raises.
    """
    known = await (policies or PolicyReader(backend)).fresh()
    keys = list(outcomes)
    for start in range(0, len(keys), MAX_BATCH):
        batch = keys[start : start + MAX_BATCH]
        jobs = await backend.get([id for id, _ in batch])
        ends = [
            (job, outcomes[key], Settle(id=job.id, epoch=job.epoch, to=judge(job, outcomes[key], known)))
            for key, job in zip(batch, jobs, strict=True)
            if job is not None and job.state is State.RUNNING and job.epoch == key[1]
        ]
        buggify("aftermath.before_settle")
        if ends:
            answer = await backend.exchange([settle for _, _, settle in ends], None, lease)
            count_ends(measures if measures is not None else Measures(), ends, answer.verdicts)
