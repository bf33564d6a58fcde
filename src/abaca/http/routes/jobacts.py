"""``/jobs/{id}``: changing one job."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from abaca.backend import Backend
from abaca.cancelling import cancel_jobs
from abaca.checks import NAMED_PRIORITIES, check_name, check_tags
from abaca.errors import JobConflict
from abaca.http.caller import Scope
from abaca.http.endpoint import endpoint
from abaca.http.errors import conflict, invalid
from abaca.http.paging import Nothing, Waiting
from abaca.http.replies import Answer
from abaca.http.requests import ApiRequest, no_job
from abaca.http.routes.submit import accepted
from abaca.http.submitting import Millis, NamedPriority
from abaca.model import Amended, Cancelled, Change, Job, Requeued, State
from abaca.policy.builtin import BUILT_IN
from abaca.views import JobView, job_view
from abaca.views.payloads import MASK, arguments_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Time = Annotated[datetime, Meta(tz=True)]
PriorityWord = Annotated[int, Meta(ge=0, le=100)] | NamedPriority


class ChangePriority(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``priority``: 0 to 100, or a name; higher goes first."""

    priority: PriorityWord


class Reschedule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Due at ``run_at``, or ``delay_ms`` from now; ``delay_ms: 0`` is now."""

    run_at: Time | None = None
    delay_ms: Millis | None = None


class EditJob(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is given is changed. ``args`` are all arguments; a secret one that is given as ``***`` stays as it is.

    ``revision``: the job's, as it was read; the change is refused if somebody was faster.
    """

    args: dict[str, Any] | None = None
    priority: PriorityWord | None = None
    queue: str | None = None
    tags: list[str] | None = None
    run_at: Time | None = None
    delay_ms: Millis | None = None
    revision: int | None = None


@endpoint("POST", "/jobs/{id}/cancel", scope=Scope.WRITE, status=202)
async def cancel(request: ApiRequest, id: str, body: Nothing, query: Waiting) -> Answer[JobView]:
    """Cancel a job: one that waits ends at once, one that runs is told to stop. 409 when it had ended."""
    job = await request.job(id)
    (answer,) = await request.ask(partial(_cancel, job.id))
    if answer is Cancelled.UNKNOWN:
        raise no_job(id)
    if answer is Cancelled.ALREADY:
        raise conflict(f"job {job.id} has ended and cannot be cancelled", status=await _status(request, job))
    return accepted(request, job.id, await _view(request, await request.ended(await request.job(id), query.wait)))


@endpoint("POST", "/jobs/{id}/requeue", scope=Scope.WRITE, status=202)
async def requeue(request: ApiRequest, id: str, body: Nothing, query: Waiting) -> Answer[JobView]:
    """Put an ended job back in line under the same id, with a fresh budget of attempts. 409 when it has not ended."""
    job = await request.job(id)
    await put_back(request, job)
    return accepted(request, job.id, await _view(request, await request.ended(await request.job(id), query.wait)))


@endpoint("POST", "/jobs/{id}/priority", scope=Scope.WRITE, examples={"body": {"priority": "high"}})
async def change_priority(request: ApiRequest, id: str, body: ChangePriority) -> JobView:
    """Change the priority of a waiting job. 409 for one that runs or has ended."""
    job = await request.job(id)
    return await _amend(request, job, Change(id=job.id, priority=_priority(body.priority)))


@endpoint("POST", "/jobs/{id}/reschedule", scope=Scope.WRITE, examples={"body": {"delay_ms": 60000}})
async def reschedule(request: ApiRequest, id: str, body: Reschedule) -> JobView:
    """Change when a waiting job is due. 409 for one that runs or has ended."""
    job = await request.job(id)
    if (body.run_at is None) == (body.delay_ms is None):
        raise invalid("give run_at or delay_ms, and not both", "run_at")
    return await _amend(request, job, Change(id=job.id, run_at=_micros(body.run_at), delay_ms=body.delay_ms))


@endpoint("PATCH", "/jobs/{id}", scope=Scope.WRITE, examples={"body": {"args": {"path": "cat.png"}, "tags": ["late"]}})
async def edit(request: ApiRequest, id: str, body: EditJob) -> JobView:
    """Change a waiting job. 409 for one that runs; of one that has ended only its tags can be changed, and where it
    failed or was cancelled its arguments, for when it is requeued."""
    job = await request.job(id)
    if body.args is not None and job.state is State.COMPLETED:
        raise conflict(
            f"job {job.id} has completed, and its arguments are those that it ran with; submit another",
            status=job.status,
        )
    if body.run_at is not None and body.delay_ms is not None:
        raise invalid("give run_at or delay_ms, and not both", "run_at")
    change = Change(
        id=job.id,
        revision=job.revision if body.revision is None else body.revision,
        args=None if body.args is None else await _arguments(request, job, body.args),
        priority=None if body.priority is None else _priority(body.priority),
        queue=None if body.queue is None else check_name(body.queue, "queue"),
        tags=None if body.tags is None else check_tags(body.tags),
        run_at=_micros(body.run_at),
        delay_ms=body.delay_ms,
    )
    return await _amend(request, job, change)


@endpoint("DELETE", "/jobs/{id}", scope=Scope.WRITE, status=204)
async def delete(request: ApiRequest, id: str) -> None:
    """Delete a job with its result; nothing is left of it. 409 while it runs: cancel it first."""
    job = await request.job(id)
    (answer,) = await request.ask(partial(_change, Change(id=job.id, delete=True)))
    if answer is Amended.BUSY:
        raise conflict(f"job {job.id} is running; cancel it first", status="running")
    if answer is not Amended.APPLIED:
        raise no_job(id)


@endpoint("DELETE", "/jobs/{id}/result", scope=Scope.WRITE, status=204)
async def forget(request: ApiRequest, id: str) -> None:
    """Delete the stored result of an ended job; its record stays. 409 before its end."""
    job = await request.job(id)
    await request.app.job(job.id).forget()


async def put_back(request: ApiRequest, job: Job) -> None:
    """Requeue an ended job. Raises ``ApiError`` and ``JobConflict``."""
    if not job.state.ended or job.purged:
        raise conflict(f"job {job.id} is {job.status}; only a job that ended can be requeued", status=job.status)
    (answer,) = await request.ask(partial(_requeue, job))
    match answer:
        case Requeued.UNKNOWN:
            raise no_job(job.id)
        case Requeued.HELD:
            raise JobConflict(job.id, f"job {job.id} stays ended: another live job has its key {job.spec.key!r}")
        case Requeued.STALE:
            raise conflict(f"job {job.id} changed meanwhile; read it again", status=await _status(request, job))
        case Requeued.REQUEUED:
            pass


async def _amend(request: ApiRequest, job: Job, change: Change) -> JobView:
    (answer,) = await request.ask(partial(_change, change))
    if answer is Amended.UNKNOWN:
        raise no_job(job.id)
    if answer is not Amended.APPLIED:
        now = await request.job(job.id)
        allows = "a waiting job can be changed" if now.revision == job.revision else "it changed meanwhile"
        raise conflict(
            f"job {job.id} is {now.status} and was not changed: {allows}", status=now.status, revision=now.revision
        )
    return await _view(request, await request.job(job.id))


async def _arguments(request: ApiRequest, job: Job, given: dict[str, Any]) -> bytes:
    """Checked and written as for a new job."""
    if job.spec.task in BUILT_IN:
        raise invalid(f"the task {job.spec.task!r} is built in, and its arguments come from other jobs", "args")
    secret = (await request.secrets([job.spec.task]))[job.spec.task]
    kept = [name for name in secret if given.get(name) == MASK]
    if kept:
        whole = await request.app.blobs.whole_arguments(job)
        stored = arguments_of(whole.spec.args)
        given = {**given, **{name: stored[name] for name in kept if name in stored}}
    made = await request.app.named_job(job.spec.task, given, pool="async")
    if len(made.args) <= request.app.blobs.above:
        return made.args
    sent = await request.app.blobs.send_arguments(await request.backend(), msgspec.structs.replace(made, id=job.id))
    return sent.args


async def _status(request: ApiRequest, job: Job) -> str:
    (now,) = await request.ask(lambda backend: backend.get([job.id]))
    return (now or job).status.value


async def _view(request: ApiRequest, job: Job) -> JobView:
    secrets = await request.secrets([job.spec.task])
    return job_view(job, secrets[job.spec.task])


def _priority(word: int | str) -> int:
    return NAMED_PRIORITIES[word] if isinstance(word, str) else word


def _micros(time: datetime | None) -> int | None:
    return None if time is None else (time - _EPOCH) // timedelta(microseconds=1)


async def _cancel(id: str, backend: Backend) -> list[Cancelled]:
    return await cancel_jobs(backend, [id])


async def _requeue(job: Job, backend: Backend) -> list[Requeued]:
    return await backend.requeue([(job.id, job.epoch)])


async def _change(change: Change, backend: Backend) -> list[Amended]:
    return await backend.amend([change])


ENDPOINTS = (cancel, requeue, change_priority, reschedule, edit, delete, forget)
