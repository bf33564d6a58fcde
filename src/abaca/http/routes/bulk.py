"""``POST /jobs/cancel``, ``/jobs/requeue``, ``/jobs/delete``: acts upon all jobs of a filter, or of a list of ids."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Annotated

import msgspec
from msgspec import Meta

from abaca.backend import MAX_BATCH, Backend
from abaca.cancelling import cancel_jobs
from abaca.http.caller import Scope
from abaca.http.endpoint import endpoint
from abaca.http.errors import invalid
from abaca.http.filters import JobFilter, pages_of
from abaca.http.requests import ApiRequest, job_id
from abaca.model import Amended, Cancelled, Change, Job, Requeued, Status

MOST = 10_000
_LIVE = (Status.QUEUED, Status.SCHEDULED, Status.BLOCKED, Status.RETRYING, Status.RUNNING)
_WAITING = (Status.QUEUED, Status.SCHEDULED, Status.BLOCKED, Status.RETRYING)
_ENDED = (Status.COMPLETED, Status.FAILED, Status.CANCELLED)


class BulkFilter(JobFilter, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The filter of ``GET /jobs``."""


class Bulk(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Either ``filter`` or ``ids``. An empty filter means every job there is, and is refused unless ``all`` says so.

    ``dry_run`` counts and changes nothing. At most ``limit`` jobs are changed; ``complete: false`` says that there are
    more, and the same request goes on with them.
    """

    filter: BulkFilter | None = None
    ids: Annotated[list[str], Meta(min_length=1, max_length=MAX_BATCH)] | None = None
    all: bool = False
    dry_run: bool = False
    limit: Annotated[int, Meta(ge=1, le=MOST)] = MOST


class BulkAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """``matched``: jobs that the act is for. ``changed``: those that it changed; none in a dry run. The others had
    moved on meanwhile, or another job has their key."""

    matched: int
    changed: int
    dry_run: bool
    complete: bool


Act = Callable[[Backend, list[Job]], Awaitable[int]]
Narrow = Callable[[list[Job]], Awaitable[list[Job]]]


@endpoint("POST", "/jobs/cancel", scope=Scope.WRITE, examples={"body": {"filter": {"task": "resize"}, "dry_run": True}})
async def cancel_many(request: ApiRequest, body: Bulk) -> BulkAnswer:
    """Cancel all jobs of a filter that have not ended."""
    return await upon(request, body, _LIVE, _cancel)


@endpoint("POST", "/jobs/requeue", scope=Scope.WRITE, examples={"body": {"filter": {"status": ["failed"]}}})
async def requeue_many(request: ApiRequest, body: Bulk) -> BulkAnswer:
    """Put all ended jobs of a filter back in line; without a status in it, those that failed or were cancelled."""
    given = body.filter.status if body.filter is not None else ()
    return await upon(request, body, _ENDED if given or body.ids else (Status.FAILED, Status.CANCELLED), _requeue)


@endpoint("POST", "/jobs/delete", scope=Scope.WRITE, examples={"body": {"filter": {"tag": "trial"}, "dry_run": True}})
async def delete_many(request: ApiRequest, body: Bulk) -> BulkAnswer:
    """Delete all jobs of a filter that do not run, with their results."""
    return await upon(request, body, (*_WAITING, *_ENDED), _delete)


async def upon(
    request: ApiRequest,
    body: Bulk,
    fit: tuple[Status, ...],
    act: Act,
    narrow: Narrow | None = None,
    matched: Callable[[list[Job]], None] = lambda jobs: None,
) -> BulkAnswer:
    """The act upon all jobs of the body that have one of these statuses. ``narrow`` leaves some out, ``matched`` is
    told of those that it is for."""
    count = changed = 0
    complete = True
    async for found in _found(request, body, fit):
        room = body.limit - count
        jobs = [job for job in found if job.status in fit and not job.purged]
        jobs = jobs if narrow is None else await narrow(jobs)
        complete = len(jobs) <= room
        part = jobs[:room]
        count += len(part)
        matched(part)
        if part and not body.dry_run:
            changed += await request.ask(partial(_on, act, part))
        if not complete:
            break
    return BulkAnswer(matched=count, changed=changed, dry_run=body.dry_run, complete=complete)


async def _found(request: ApiRequest, body: Bulk, fit: tuple[Status, ...]) -> AsyncIterator[list[Job]]:
    if (body.filter is None) == (body.ids is None):
        raise invalid("give a filter or ids, and not both", "filter")
    if body.filter is None:
        ids = list(dict.fromkeys(job_id(id) for id in body.ids or ()))
        known = await request.ask(lambda backend: backend.get(ids))
        yield [job for job in known if job is not None and not job.purged and request.caller.sees(job)]
        return
    query = body.filter.query(request)
    if _is_empty(body.filter) and not body.all:
        raise invalid('the filter is empty, which means every job; say so with "all": true', "filter")
    wanted = tuple(status for status in fit if not query.status or status in query.status)
    if not wanted:
        return
    async for jobs in pages_of(request, msgspec.structs.replace(query, status=wanted)):
        yield jobs


def _is_empty(filter: BulkFilter) -> bool:
    return not any(msgspec.structs.asdict(filter).values())


async def _on(act: Act, jobs: list[Job], backend: Backend) -> int:
    return await act(backend, jobs)


async def _cancel(backend: Backend, jobs: list[Job]) -> int:
    answers = await cancel_jobs(backend, [job.id for job in jobs])
    return sum(answer in (Cancelled.ENDED, Cancelled.FLAGGED) for answer in answers)


async def _requeue(backend: Backend, jobs: list[Job]) -> int:
    return (await backend.requeue([(job.id, job.epoch) for job in jobs])).count(Requeued.REQUEUED)


async def _delete(backend: Backend, jobs: list[Job]) -> int:
    changes = [Change(id=job.id, revision=job.revision, delete=True) for job in jobs]
    return (await backend.amend(changes)).count(Amended.APPLIED)


ENDPOINTS = (cancel_many, requeue_many, delete_many)
