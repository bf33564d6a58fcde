"""``abaca jobs``: the verbs that change something. Each answers for every id, and fails when one was not done."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from abaca.bulk import Ask, amend_many, cancel_many, get_many, requeue_many
from abaca.cli.bulk import Answer, act_on
from abaca.cli.filters import NO_FILTER, Filter
from abaca.cli.session import Given
from abaca.model import Amended, Cancelled, Change, Job, Requeued, Status

_UNKNOWN = "no such job"

_CANCELLED = {
    Cancelled.ENDED: (True, "cancelled"),
    Cancelled.FLAGGED: (True, "it is running and will be told to stop"),
    Cancelled.ALREADY: (False, "it had ended before"),
    Cancelled.UNKNOWN: (False, _UNKNOWN),
}
_REQUEUED = {
    Requeued.REQUEUED: (True, "requeued"),
    Requeued.HELD: (False, "another live job has its key; cancel that one first"),
    Requeued.STALE: (False, "it changed meanwhile; look at it again"),
    Requeued.UNKNOWN: (False, _UNKNOWN),
}
_DELETED = {
    Amended.APPLIED: (True, "deleted"),
    Amended.BUSY: (False, "it is running; cancel it first"),
    Amended.STALE: (False, "it changed meanwhile; look at it again"),
    Amended.UNKNOWN: (False, _UNKNOWN),
}

_WAITING = (Status.QUEUED, Status.SCHEDULED, Status.RETRYING, Status.BLOCKED)
_ENDED = (Status.COMPLETED, Status.FAILED, Status.CANCELLED)

All = Annotated[bool, Parameter(negative="", help="Every job, where no filter is given.")]
DryRun = Annotated[bool, Parameter(negative="", help="Say how many fit, and change nothing.")]
Yes = Annotated[bool, Parameter(negative="", help="Do not ask for the number to be confirmed.")]


def cancel(
    *ids: str,
    filter: Filter = NO_FILTER,
    all: All = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    session: Given,
) -> int:
    """Cancel jobs: one that waits ends at once, one that runs is told to stop.

    They are named by ids, or by a filter; then those that have not ended, unless --status says otherwise.
    """

    async def act(ask: Ask, wanted: list[str]) -> list[Answer]:
        return [_CANCELLED[answer] for answer in await cancel_many(ask, wanted)]

    live = (*_WAITING, Status.RUNNING)
    return act_on(session, "cancel", ids, filter, act, usual=live, all=all, dry_run=dry_run, yes=yes)


def requeue(
    *ids: str,
    filter: Filter = NO_FILTER,
    all: All = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    session: Given,
) -> int:
    """Put ended jobs back in line under the same id, with a fresh budget of attempts.

    They are named by ids, or by a filter; then those that failed or were cancelled, unless --status says otherwise.
    """

    async def act(ask: Ask, wanted: list[str]) -> list[Answer]:
        jobs = await get_many(ask, wanted)
        ended = [job for job in jobs if job is not None and job.state.ended]
        done = await requeue_many(ask, [(job.id, job.epoch) for job in ended])
        answers = {job.id: _REQUEUED[answer] for job, answer in zip(ended, done, strict=True)}
        return [answers.get(id) or _not_ended(job) for id, job in zip(wanted, jobs, strict=True)]

    lost = (Status.FAILED, Status.CANCELLED)
    return act_on(session, "requeue", ids, filter, act, usual=lost, all=all, dry_run=dry_run, yes=yes)


def delete(
    *ids: str,
    filter: Filter = NO_FILTER,
    all: All = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    session: Given,
) -> int:
    """Delete waiting or ended jobs with their results. Nothing is left of them.

    They are named by ids, or by a filter; then those that do not run.
    """

    async def act(ask: Ask, wanted: list[str]) -> list[Answer]:
        return [_DELETED[answer] for answer in await amend_many(ask, [Change(id=id, delete=True) for id in wanted])]

    still = (*_WAITING, *_ENDED)
    return act_on(session, "delete", ids, filter, act, usual=still, all=all, dry_run=dry_run, yes=yes)


def _not_ended(job: Job | None) -> Answer:
    return False, _UNKNOWN if job is None else f"it is {job.status}; only a job that ended can be requeued"
