"""A job of the service as people see it: one shape for every state."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from abaca import ArgumentError, Job, JobError, Status
from abaca_compile.model import Built, CompileStatus, Result, UsedEnvironment
from abaca_compile.service.compiler import Compiler
from abaca_compile.service.works import RECALL, RUN, Work

_WAITING = {Status.RUNNING: CompileStatus.PROCESSING, Status.CANCELLED: CompileStatus.CANCELLED}
TASKS = (RUN, RECALL)


class CompileView(Result, frozen=True, kw_only=True):
    """A compilation. ``expires``: its result is no longer kept."""

    tags: tuple[str, ...] = ()
    metadata: dict[str, Any] = msgspec.field(default_factory=dict)
    priority: int = 50
    matrix: str | None = None
    attempts: int = 0


async def built_of(compiler: Compiler, job: Job) -> Built | None:
    """What a completed job kept; ``None`` where there is nothing (any more). Raises what reading it raises."""
    if job.status is not Status.COMPLETED or job.result is None:
        return None
    whole = await compiler.app.blobs.whole(job)
    assert whole.result is not None
    return compiler.run.results.decode(whole.result)


async def work_of(compiler: Compiler, job: Job) -> Work | None:
    """What it was asked; ``None`` of a job whose arguments are gone."""
    task = compiler.recall if job.spec.task == RECALL else compiler.run
    try:
        whole = await compiler.app.blobs.whole_arguments(job)
        args, kwargs = task.arguments.decode(whole.spec.args)
    except (ArgumentError, JobError):
        return None
    work: Work = (*args, *kwargs.values())[0]
    return work


async def view_of(compiler: Compiler, job: Job, artifact_url: str = "") -> CompileView:
    built = await built_of(compiler, job)
    work = await work_of(compiler, job)
    result = Result(environment=_asked(work)) if built is None else built.result
    artifact = result.artifact
    if artifact is not None and built is not None and built.artifact is not None:
        artifact = msgspec.structs.replace(artifact, url=artifact_url or None)
    status, error = (result.status, result.error) if built is not None else _ended(job)
    began = job.claimed_at or job.ended_at
    queued_ms = None if began is None else max(0, (began - job.created_at) // 1000)
    timings = msgspec.structs.replace(result.timings, queued_ms=queued_ms)
    fields = {name: getattr(result, name) for name in Result.__struct_fields__}
    fields |= {
        "job_id": job.id,
        "status": status,
        "error": error,
        "artifact": artifact,
        "timings": timings,
        "created_at": _time(job.created_at),
        "started_at": _time(job.started_at),
        "completed_at": _time(job.ended_at),
    }
    return CompileView(
        **fields,
        tags=tuple(tag for tag in job.spec.tags if not tag.startswith(("environment:", "language:"))),
        metadata={} if work is None else work.metadata,
        priority=job.spec.priority,
        matrix=job.spec.parent,
        attempts=job.attempt,
    )


def named(job: Job, kind: str) -> str | None:
    """What the job's own tag of a kind says."""
    return next((tag.partition(":")[2] for tag in job.spec.tags if tag.startswith(f"{kind}:")), None)


def _ended(job: Job) -> tuple[CompileStatus, str | None]:
    """Of a job without a verdict."""
    if job.status is Status.FAILED:
        return CompileStatus.ERROR, None if job.error is None else str(job.error)
    if job.status is Status.COMPLETED:
        return CompileStatus.ERROR, "it completed, and its result is no longer kept"
    return _WAITING.get(job.status, CompileStatus.QUEUED), None


def _asked(work: Work | None) -> UsedEnvironment | None:
    if work is None:
        return None
    asked = work.compilation
    return UsedEnvironment(
        id=asked.environment,
        language=asked.language,
        compiler="",
        version="",
        standard=asked.standard,
        flags=asked.flags,
    )


def _time(micros: int | None) -> datetime | None:
    return None if micros is None else datetime.fromtimestamp(micros / 1e6, UTC)
