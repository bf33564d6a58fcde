"""``/results``: what ended jobs left, how much of it there is, and forgetting it while the jobs stay."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar.response import Stream
from msgspec import Meta

from abaca.backend import Backend
from abaca.codec import DamagedPayload, NotHere, is_reference, read_reference, unpacked_size
from abaca.errors import ResultExpired
from abaca.http.caller import Scope
from abaca.http.endpoint import endpoint
from abaca.http.filters import JobFilter, jobs_of
from abaca.http.paging import sealed
from abaca.http.replies import Answer, Items
from abaca.http.requests import ApiRequest
from abaca.http.routes.bulk import Bulk, upon
from abaca.http.routes.jobs import NotYet, ReadResult, ResultView, get_result
from abaca.model import Amended, Change, Job, Status
from abaca.purging import ENDED, without_open_workflows
from abaca.views import instant, workflow_of


class ListResults(JobFilter, frozen=True, kw_only=True):
    """The filter of ``GET /jobs``. Without ``status`` every end. ``group`` is another word for ``workflow``.
    ``limit``: items of one page. ``cursor``: the ``next_cursor`` of the page before."""

    group: str | None = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 50
    cursor: str | None = None


class ResultItem(msgspec.Struct, frozen=True, kw_only=True):
    """``size``: bytes of the result's JSON, 0 where there is none: the job did not complete, stores none, or it was
    forgotten. ``stored``: bytes that it takes. ``elsewhere``: in the place for large results, and not in the record."""

    job_id: str
    task: str
    queue: str
    status: Status
    has_result: bool
    size: int
    stored: int
    elsewhere: bool
    workflow: str | None
    created_at: str
    ended_at: str | None


class ResultsDeleted(msgspec.Struct, frozen=True, kw_only=True):
    """``matched`` results, of ``bytes`` as they are stored. ``changed`` are gone; none in a dry run. ``complete:
    false`` says that there are more, and the same request goes on with them."""

    matched: int
    changed: int
    bytes: int
    dry_run: bool
    complete: bool


@endpoint("GET", "/results", scope=Scope.READ)
async def list_results(request: ApiRequest, query: ListResults) -> Items[ResultItem]:
    """List ended jobs with the size of what they left, in the order of ``GET /jobs``."""
    search = query.query(request)
    ends = tuple(end for end in ENDED if not search.status or end in search.status)
    if not ends:
        return Items(items=[])
    wanted = msgspec.structs.replace(search, status=ends, parent=query.group or search.parent)
    found, position = await jobs_of(request, wanted, query.limit, query.cursor)
    return Items(items=[_item(job) for job in found if not job.purged], next_cursor=sealed(position))


@endpoint("GET", "/results/{job_id}", scope=Scope.READ)
async def read_result(request: ApiRequest, job_id: str, query: ReadResult) -> ResultView | Answer[NotYet] | Stream:
    """Read how a job ended, as ``GET /jobs/{id}/result``: 404 unknown, 202 not yet, 410 no longer kept."""
    found: ResultView | Answer[NotYet] | Stream = await get_result.handler(request, job_id, query)
    return found


@endpoint("DELETE", "/results/{job_id}", scope=Scope.WRITE, status=204)
async def forget_result(request: ApiRequest, job_id: str) -> None:
    """Delete the stored result of an ended job; its record stays. 409 before its end, 410 where only that is left."""
    job = await request.job(job_id)
    if job.purged:
        raise ResultExpired(job.id, f"job {job.id} is {job.status}; no more than that is kept of it")
    await request.app.job(job.id).forget()


@endpoint(
    "POST",
    "/results/delete",
    scope=Scope.WRITE,
    examples={"body": {"filter": {"task": "resize", "created_before": "2026-11-01T00:00:00Z"}, "dry_run": True}},
)
async def delete_results(request: ApiRequest, body: Bulk) -> ResultsDeleted:
    """Delete all results of a filter; the jobs stay. Those of workflows that have not ended stay too."""
    matched: list[int] = []

    async def with_results(jobs: list[Job]) -> list[Job]:
        return await without_open_workflows(request.app.client(), [job for job in jobs if job.result is not None])

    async def forget(backend: Backend, jobs: list[Job]) -> int:
        answers = await backend.amend([Change(id=job.id, revision=job.revision, drop_result=True) for job in jobs])
        for job, answer in zip(jobs, answers, strict=True):
            if answer is Amended.APPLIED:
                await request.app.blobs.drop(job.result)
        return answers.count(Amended.APPLIED)

    def count(jobs: list[Job]) -> None:
        matched.extend(_item(job).stored for job in jobs)

    done = await upon(request, body, (Status.COMPLETED,), forget, narrow=with_results, matched=count)
    return ResultsDeleted(
        matched=done.matched, changed=done.changed, bytes=sum(matched), dry_run=done.dry_run, complete=done.complete
    )


def _item(job: Job) -> ResultItem:
    size, stored, elsewhere = _sizes(job.result)
    return ResultItem(
        job_id=job.id,
        task=job.spec.task,
        queue=job.spec.queue,
        status=job.status,
        has_result=job.result is not None,
        size=size,
        stored=stored,
        elsewhere=elsewhere,
        workflow=workflow_of(job),
        created_at=instant(job.created_at),
        ended_at=instant(job.ended_at),
    )


def _sizes(result: bytes | None) -> tuple[int, int, bool]:
    """Bytes of JSON, bytes as they are kept, and whether that is in another place. Of what is damaged, none of JSON."""
    if result is None:
        return 0, 0, False
    try:
        if is_reference(result):
            reference = read_reference(result)
            return reference.length, reference.size, True
        return unpacked_size(result), len(result), False
    except (NotHere, DamagedPayload):
        return 0, len(result), is_reference(result)


ENDPOINTS = (list_results, read_result, forget_result, delete_results)
