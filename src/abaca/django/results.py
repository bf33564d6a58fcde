"""A stored job as Django's ``TaskResult``."""

from __future__ import annotations

from typing import Any

import msgspec

from abaca.app import App
from abaca.backend import Backend
from abaca.codec import unpack
from abaca.django.framework import AnyTask, TaskError, TaskResult, TaskResultDoesNotExist, TaskResultStatus
from abaca.django.registry import registry
from abaca.django.task import instant, using
from abaca.model import ErrorInfo, Job, Kind, State

_PAGE = 1000
_STATUS = {
    State.WAITING: TaskResultStatus.READY,
    State.RUNNING: TaskResultStatus.RUNNING,
    State.COMPLETED: TaskResultStatus.SUCCESSFUL,
    State.FAILED: TaskResultStatus.FAILED,
    State.CANCELLED: TaskResultStatus.FAILED,
}
_CANCELLED = ErrorInfo(type="abaca.JobCancelled", traceback="abaca.JobCancelled: it was cancelled")
_decode_error = msgspec.json.Decoder(ErrorInfo).decode
_ABACA = "abaca."
_ANY_OF_OURS = "abaca.AbacaError"


async def read_result(app: App, id: str, alias: str) -> TaskResult[Any]:
    """Raises ``TaskResultDoesNotExist`` for an id that is unknown, whose time is over, that stored no value, or whose
    task this process does not have; and what the store raises."""
    client = app.client()
    errors: list[ErrorInfo] = []
    job: Job | None = None
    after, full = 0, True
    while full:
        job, entries, after, full = await client.ask(lambda backend: _page(backend, id, after))  # noqa: B023
        errors += entries
    if job is None or job.purged:
        raise TaskResultDoesNotExist(id)
    task = registry.task(job.spec.task)
    if task is None or job.spec.task not in app.tasks:
        raise TaskResultDoesNotExist(f"{id}: it is of {job.spec.task!r}, which is no task here")
    return _result_of(await client.blobs.whole(job), task, app, errors, alias)


async def _page(backend: Backend, id: str, after: int) -> tuple[Job | None, list[ErrorInfo], int, bool]:
    history = await backend.updates(id, after, _PAGE)
    errors = [_decode_error(entry.data) for entry in history.entries if entry.kind is Kind.ERROR]
    last = history.entries[-1].id if history.entries else after
    return history.job, errors, last, len(history.entries) == _PAGE


def _result_of(job: Job, task: AnyTask, app: App, errors: list[ErrorInfo], alias: str) -> TaskResult[Any]:
    if job.state is State.COMPLETED and job.result is None:
        raise TaskResultDoesNotExist(f"{job.id}: it completed, and its value is not stored or was deleted")
    if job.state is State.CANCELLED:
        errors = [*errors, _CANCELLED]
    call = msgspec.json.decode(unpack(job.spec.args))
    result: TaskResult[Any] = TaskResult(
        task=using(task, call.get("using")),
        id=job.id,
        status=_STATUS[job.state],
        enqueued_at=instant(job.created_at),
        started_at=instant(job.started_at),
        finished_at=instant(job.ended_at),
        last_attempted_at=instant(job.claimed_at),
        args=call["args"],
        kwargs=call["kwargs"],
        backend=alias,
        errors=[_task_error(error) for error in errors],
        worker_ids=_workers(job),
    )
    if job.result is not None:
        object.__setattr__(result, "_return_value", app.tasks[job.spec.task].results.decode(job.result))
    return result


def _workers(job: Job) -> list[str]:
    """One for each attempt, so that ``attempts`` is right. The store knows only the worker that has the job now."""
    return [*[""] * job.attempts, job.worker or ""] if job.state is State.RUNNING else [""] * job.attempts


def _task_error(error: ErrorInfo) -> TaskError:
    """A class that can be imported, also where what happened (a crash, a lost lease) was no exception."""
    path = error.type
    if path.startswith(_ABACA) and path.count(".") == 1 and path not in _IMPORTABLE:
        path = _ANY_OF_OURS
    return TaskError(exception_class_path=path, traceback=error.traceback or str(error))


_IMPORTABLE = frozenset({"abaca.UnknownTask", "abaca.PayloadTooLarge", "abaca.JobCancelled"})
