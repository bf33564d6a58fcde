"""Runs as they are answered: a job with how far it is, and its result once it has ended."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import msgspec

from abaca import Job, JobHandle, Progress, Status, Task
from abaca.http import Answer, ApiError, ApiRequest, Code, conflict
from abaca_strategies.errors import RunNotFound
from abaca_strategies.web.declaring import strategies_of

T = TypeVar("T")
R = TypeVar("R", bound=msgspec.Struct)


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """How far a run is. ``percent`` is null where nothing says how much there is to do."""

    stage: str | None
    message: str | None
    done: float
    total: float | None
    percent: float | None


class RunView(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """A run as its job has it. ``result`` is there once it has ended and for as long as it is kept; a strategy that
    fails is a run that completed, with ``success: false`` in its result. ``error`` says why there is no result."""

    job_id: str
    status: Status
    progress: Stage | None = None
    result: T | None = None
    error: str | None = None
    created_at: datetime
    ended_at: datetime | None = None


class Dropped(msgspec.Struct, frozen=True, kw_only=True):
    """``cancelled``: it had not ended, and is told to stop. Otherwise it is forgotten."""

    job_id: str
    cancelled: bool


async def submit(
    request: ApiRequest, task: Task[[Any], R], wanted: msgspec.Struct, wait: float, *tags: str
) -> Answer[RunView[R]]:
    """Store a run and answer 202; 200 where it has ended within ``wait`` seconds."""
    call = task.opts(owner=request.caller.owner, tags=tags).call(wanted)
    id = request.new_id(0)
    if id is not None:
        call = type(call)(call.task, msgspec.structs.replace(call.job, id=id))
    (handle,) = await request.app.enqueue_many([call])
    return await submitted(request, handle, wait)


async def submitted(request: ApiRequest, handle: JobHandle[R], wait: float) -> Answer[RunView[R]]:
    """The answer to whoever had a run stored: 202, or 200 once it has ended in time."""
    job = await request.ended(await request.job(handle.id), wait)
    status = 200 if wait and job.state.ended else 202
    view = await view_of(job, handle)
    return Answer(status=status, body=view, headers={"Location": request.url(f"/jobs/{job.id}")})


async def read(request: ApiRequest, id: str, task: Task[[Any], R], wait: float = 0) -> RunView[R]:
    """A run of one task, if it is there and the caller may know of it. Raises ``RunNotFound``."""
    job = await request.ended(await job_of(request, id, task), wait)
    return await view_of(job, task.job(job.id))


async def job_of(request: ApiRequest, id: str, task: Task[[Any], R]) -> Job:
    try:
        job = await request.job(id)
    except ApiError as error:
        raise RunNotFound(id[:40]) if error.status == 404 else error from error
    if job.purged or job.spec.task != task.name:
        raise RunNotFound(id)
    return job


async def drop(request: ApiRequest, id: str, task: Task[[Any], R]) -> Dropped:
    """Cancel a run that has not ended; forget the result, and the record, of one that has."""
    job = await job_of(request, id, task)
    handle = task.job(job.id)
    if await handle.cancel():
        return Dropped(job_id=job.id, cancelled=True)
    await handle.forget()
    with suppress(RunNotFound):
        await strategies_of(request).runs.delete(job.id)
    return Dropped(job_id=job.id, cancelled=False)


async def result_of(request: ApiRequest, id: str, task: Task[[Any], R]) -> R:
    """The result of a run. Raises ``ApiError``: 409 before its end, 410 where there is none or it is not kept."""
    view = await read(request, id, task)
    if view.result is not None:
        return view.result
    if view.ended_at is None:
        raise conflict(f"run {view.job_id} has not ended; ask again, or follow its events", status=view.status)
    raise ApiError(410, Code.RESULT_EXPIRED, f"run {view.job_id} has no result: {view.error}")


async def view_of(job: Job, handle: JobHandle[R]) -> RunView[R]:
    ended = await handle.peek() if job.state.ended else None
    progress = None if job.state.ended else await handle.progress()
    result = None if ended is None else ended.value
    return RunView(
        job_id=job.id,
        status=job.status,
        progress=None if progress is None else _stage(progress),
        result=result,
        error=_why_none(job) if result is None else None,
        created_at=_instant(job.created_at),
        ended_at=None if job.ended_at is None else _instant(job.ended_at),
    )


def _stage(progress: Progress) -> Stage:
    return Stage(
        stage=progress.stage,
        message=progress.message,
        done=progress.done,
        total=progress.total,
        percent=progress.percent,
    )


def _why_none(job: Job) -> str | None:
    match job.status:
        case Status.COMPLETED:
            return "it completed, and its result is no longer kept"
        case Status.CANCELLED:
            return "it was cancelled"
        case Status.FAILED:
            return "it failed" if job.error is None else str(job.error)
        case _:
            return None


def _instant(micros: int) -> datetime:
    return datetime.fromtimestamp(micros / 1e6, UTC)
