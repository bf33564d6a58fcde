"""``/dead-letters``: failed jobs. They keep arguments and errors until they are requeued or their time is over."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from abaca.http.caller import Scope
from abaca.http.endpoint import endpoint
from abaca.http.errors import conflict
from abaca.http.filters import JobFilter, jobs_of, pages_of
from abaca.http.paging import sealed
from abaca.http.replies import Items
from abaca.http.requests import ApiRequest
from abaca.http.routes.jobs import ListJobs
from abaca.model import Job, State, Status
from abaca.views import JobView, instant, job_view, job_views
from abaca.views.failures import Failures, grouped

MOST_LOOKED_AT = 10_000
_EXAMPLES = 3


class GroupFailures(JobFilter, frozen=True, kw_only=True):
    """``most``: how many failed jobs are looked at, the latest first."""

    most: Annotated[int, Meta(ge=1, le=MOST_LOOKED_AT)] = 2000


class FailureGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Failures of one task with one type of error and one message but for its numbers. ``message`` is the latest one's,
    ``jobs`` are some of their ids."""

    task: str
    error: str
    message: str
    count: int
    first_at: str | None
    last_at: str | None
    jobs: list[str]


class FailureGroups(msgspec.Struct, frozen=True, kw_only=True):
    """The largest first. ``complete: false``: there are failed jobs beyond those that were looked at."""

    items: list[FailureGroup]
    looked_at: int
    complete: bool


@endpoint("GET", "/dead-letters", scope=Scope.READ)
async def list_failed(request: ApiRequest, query: ListJobs) -> Items[JobView]:
    """List failed jobs, the latest first. ``/jobs/requeue`` with a filter puts many of them back in line."""
    wanted = msgspec.structs.replace(query.query(request), status=(Status.FAILED,))
    found, position = await jobs_of(request, wanted, query.limit, query.cursor)
    return Items(items=await job_views(request, found), next_cursor=sealed(position))


@endpoint("GET", "/dead-letters/groups", scope=Scope.READ)
async def group_failed(request: ApiRequest, query: GroupFailures) -> FailureGroups:
    """Group failed jobs by task and error, to see what is wrong at a glance. The dashboard groups them alike."""
    wanted = msgspec.structs.replace(query.query(request), status=(Status.FAILED,))
    failed: list[Job] = []
    complete = True
    async for jobs in pages_of(request, wanted):
        failed += [job for job in jobs if not job.purged]
        if len(failed) > query.most:
            complete = False
            break
    looked_at = failed[: query.most]
    return FailureGroups(items=[_group(one) for one in grouped(looked_at)], looked_at=len(looked_at), complete=complete)


@endpoint("GET", "/dead-letters/{id}", scope=Scope.READ)
async def get_failed(request: ApiRequest, id: str) -> JobView:
    """Read one failed job with its arguments and its last error. 409 for a job that has not failed."""
    job = await request.job(id)
    if job.state is not State.FAILED:
        raise conflict(f"job {job.id} is {job.status}; a dead letter is a job that failed", status=job.status)
    secrets = await request.secrets([job.spec.task])
    return job_view(job, secrets[job.spec.task])


def _group(failures: Failures) -> FailureGroup:
    return FailureGroup(
        task=failures.task,
        error=failures.type,
        message=failures.message,
        count=len(failures.jobs),
        first_at=instant(failures.first_at or None),
        last_at=instant(failures.last_at or None),
        jobs=[job.id for job in failures.jobs[:_EXAMPLES]],
    )


ENDPOINTS = (list_failed, group_failed, get_failed)
