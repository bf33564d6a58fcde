"""``/jobs``: reading."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar.response import Stream
from msgspec import Meta

from abaca.errors import ResultDisabled, ResultExpired
from abaca.http.caller import Scope
from abaca.http.endpoint import endpoint
from abaca.http.errors import ApiError, Code
from abaca.http.filters import JobFilter, jobs_of
from abaca.http.history import AttemptView, LogLine, attempts_of, log_line, read_updates
from abaca.http.paging import Paging, Waiting, sealed
from abaca.http.replies import Answer, Items
from abaca.http.requests import ApiRequest
from abaca.jobresult import keeps_nothing
from abaca.model import ErrorInfo, Job, Kind, State, Status
from abaca.views import JobView, UpdateView, as_json, instant, job_view, job_views, update_view
from abaca.views.why import Why, why


class ListJobs(JobFilter, frozen=True, kw_only=True):
    """Each filter narrows. ``status`` may be given several times. ``text`` looks in ids, names of tasks and arguments.
    ``type``, ``user`` and ``q`` are other words for ``task``, ``owner`` and ``text``. ``limit``: jobs of one page.
    ``cursor``: the ``next_cursor`` of the page before."""

    limit: Annotated[int, Meta(ge=1, le=500)] = 50
    cursor: str | None = None


class ReadResult(Waiting, frozen=True, kw_only=True):
    """``raw``: the result alone, as it is stored, piece by piece."""

    raw: bool = False


class ReadUpdates(Paging, frozen=True, kw_only=True):
    """``after``: the id of the last update that was seen, in place of ``cursor``."""

    after: Annotated[int, Meta(ge=0)] | None = None


class ResultView(msgspec.Struct, frozen=True, kw_only=True):
    """How a job ended. ``result`` is the JSON that its handler returned, where ``has_result`` says that there is one.

    ``error`` says why it did not complete. ``duration_ms`` is the length of its last run.
    """

    id: str
    status: Status
    result: Any
    has_result: bool
    error: ErrorInfo | None
    attempts: int
    started_at: str | None
    ended_at: str | None
    duration_ms: float | None


class NotYet(msgspec.Struct, frozen=True, kw_only=True):
    """A job that has not ended: ask again, or with ``wait``."""

    id: str
    status: Status


@endpoint("GET", "/jobs", scope=Scope.READ)
async def list_jobs(request: ApiRequest, query: ListJobs) -> Items[JobView]:
    """List jobs, the latest first.

    A key sees the jobs of its owner, an admin those of all.
    """
    found, position = await jobs_of(request, query.query(request), query.limit, query.cursor)
    return Items(items=await job_views(request, found), next_cursor=sealed(position))


@endpoint("GET", "/jobs/{id}", scope=Scope.READ)
async def get_job(request: ApiRequest, id: str, query: Waiting) -> JobView:
    """Read one job; with ``wait``, as soon as it has ended."""
    job = await request.ended(await request.job(id), query.wait)
    secrets = await request.secrets([job.spec.task])
    return job_view(job, secrets[job.spec.task])


@endpoint("GET", "/jobs/{id}/result", scope=Scope.READ)
async def get_result(request: ApiRequest, id: str, query: ReadResult) -> ResultView | Answer[NotYet] | Stream:
    """Read how a job ended: 200 when it has, 202 when it has not, 410 when its result is no longer kept."""
    job = await request.ended(await request.job(id), query.wait)
    if not job.state.ended:
        view = NotYet(id=job.id, status=job.status)
        return Answer(status=202, body=view, headers={"Retry-After": "1"})
    check_kept(job)
    if query.raw:
        if job.result is None:
            raise ApiError(410, Code.RESULT_EXPIRED, f"job {job.id} is {job.status} and has no result")
        pieces = request.app.blobs.stream(job, as_bytes=False)
        return Stream(pieces, media_type="application/json")
    return result_view(await request.app.blobs.whole(job))


@endpoint("GET", "/jobs/{id}/why", scope=Scope.READ)
async def explain(request: ApiRequest, id: str) -> Why:
    """Say in one sentence why a job waits: on whom, until when. Of one that runs or has ended it says that."""
    job = await request.job(id)
    return await shown_to(request, await why(request.app, job.id))


@endpoint("GET", "/jobs/{id}/attempts", scope=Scope.READ)
async def list_attempts(request: ApiRequest, id: str) -> Items[AttemptView]:
    """Read the attempts of a job in order: each failed one with its error, and the latest."""
    job = await request.job(id)
    return Items(items=await attempts_of(request, job))


@endpoint("GET", "/jobs/{id}/updates", scope=Scope.READ)
async def list_updates(request: ApiRequest, id: str, query: ReadUpdates) -> Items[UpdateView]:
    """Read the updates of a job in order. ``/jobs/{id}/events`` is the same as a stream."""
    job = await request.job(id)
    found, position = await read_updates(request, job.id, query)
    return Items(items=[update_view(update) for update in found], next_cursor=position)


@endpoint("GET", "/jobs/{id}/logs", scope=Scope.READ)
async def list_logs(request: ApiRequest, id: str, query: ReadUpdates) -> Items[LogLine]:
    """Read what a job logged, in order."""
    job = await request.job(id)
    found, position = await read_updates(request, job.id, query, only=Kind.LOG)
    return Items(items=[log_line(update) for update in found], next_cursor=position)


async def shown_to(request: ApiRequest, answer: Why) -> Why:
    """The answer without jobs that the caller may not know of."""
    if request.caller.is_admin or not answer.jobs:
        return answer
    found = await request.ask(lambda backend: backend.get([job.id for job in answer.jobs]))
    seen = {job.id for job in found if job is not None and request.caller.sees(job)}
    if len(seen) == len(answer.jobs):
        return answer
    jobs = tuple(job for job in answer.jobs if job.id in seen)
    sentence = f"job {answer.id} is {answer.status}: {answer.cause.replace('_', ' ')}, because of jobs of other owners"
    return msgspec.structs.replace(answer, jobs=jobs, sentence=sentence)


def check_kept(job: Job) -> None:
    """Raises what answers 410 for a job that completed and has no result any more, or never had one."""
    if job.purged:
        raise ResultExpired(job.id, f"job {job.id} is {job.status}; no more than that is kept of it")
    if job.state is State.COMPLETED and job.result is None:
        if keeps_nothing(job):
            raise ResultDisabled(job.id, f"job {job.id} completed and stores no result, because it was asked to")
        raise ResultExpired(job.id, f"job {job.id} completed, and its result is no longer kept")


def result_view(job: Job) -> ResultView:
    ran = job.claimed_at is not None and job.ended_at is not None
    return ResultView(
        id=job.id,
        status=job.status,
        result=as_json(job.result),
        has_result=job.result is not None,
        error=job.error if job.state is not State.COMPLETED else None,
        attempts=job.attempts,
        started_at=instant(job.started_at),
        ended_at=instant(job.ended_at),
        duration_ms=((job.ended_at or 0) - (job.claimed_at or 0)) / 1000 if ran else None,
    )


ENDPOINTS = (list_jobs, get_job, get_result, explain, list_attempts, list_updates, list_logs)
