"""Cancelling jobs, and telling the webhook subscriptions of those that end by it at once.

A job that runs is settled by its worker, which tells them in the same write. One that waits is ended by the store,
which knows no subscriptions: whoever cancels inserts the deliveries right after. If it dies in between, there are none.
"""

from __future__ import annotations

from collections.abc import Sequence

from abaca.backend import Backend
from abaca.client import batches
from abaca.errors import BackendUnavailable
from abaca.logs import worker_log
from abaca.model import Cancelled, NewJob, State, Subscription
from abaca.policies import read_policies
from abaca.policy.followups import deliveries_of_cancel


async def cancel_jobs(backend: Backend, ids: Sequence[str]) -> list[Cancelled]:
    """``Backend.cancel``, at most ``MAX_BATCH`` ids. Answers also when the deliveries could not be made: the cancel
    stands."""
    answers = await backend.cancel(ids)
    ended = [id for id, answer in zip(ids, answers, strict=True) if answer is Cancelled.ENDED]
    if ended:
        try:
            await _tell(backend, ended)
        except BackendUnavailable as error:
            worker_log().warning("webhook subscriptions were not told of a cancel", jobs=len(ended), error=str(error))
    return answers


async def _tell(backend: Backend, ids: Sequence[str]) -> None:
    policies = await read_policies(backend)
    told = [each for each in policies.subscriptions if "cancelled" in each.events]
    if told:
        for batch in batches(await _deliveries(backend, ids, told)):
            await backend.insert(batch)


async def _deliveries(backend: Backend, ids: Sequence[str], told: Sequence[Subscription]) -> list[NewJob]:
    return [
        delivery
        for job in await backend.get(ids)
        if job is not None and job.state is State.CANCELLED and not job.purged
        for delivery in deliveries_of_cancel(job, told)
    ]
