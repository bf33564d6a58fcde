"""What all routes do alike: whose submission it is, what its refusals are, which job is meant."""

from __future__ import annotations

from abaca import Job
from abaca.http import ApiError, ApiRequest, Code, conflict, not_found
from abaca_compile.errors import EnvironmentUnavailable, UnknownEnvironment, ValidationError
from abaca_compile.service.compiler import Compiler
from abaca_compile.service.submitting import By, KeyTaken
from abaca_compile.service.viewing import TASKS, CompileView, view_of

NOT_FOUND = Code.JOB_NOT_FOUND


def compiler_of(request: ApiRequest) -> Compiler:
    return Compiler.of(request.app)


def submitter(request: ApiRequest) -> By:
    return By(owner=request.caller.owner, own=request.caller.own_key, id=request.new_id)


async def spend(request: ApiRequest) -> None:
    """Take the one token that a request costs, whatever it holds. Raises ``ApiError`` (429)."""
    value = request.app.settings.value
    await request.spend("compile", limit=value("compile.rate"), burst=value("compile.burst"))


def refused(error: ValidationError, prefix: str = "") -> ApiError:
    """The answer for a submission that cannot be run as it is."""
    field = f"{prefix}{error.field}"
    match error:
        case KeyTaken(job_id=job_id):
            return conflict(error.reason, field=field, job_id=job_id)
        case EnvironmentUnavailable():
            details = {"near": error.near, "remedy": error.remedy}
            return ApiError(422, "environment_unavailable", error.reason, field=field, details=details)
        case UnknownEnvironment():
            return ApiError(422, "unknown_environment", error.reason, field=field, details={"near": error.near})
        case _:
            return ApiError(422, Code.INVALID, error.reason, field=field)


async def check_workers(request: ApiRequest) -> None:
    """Raises ``ApiError`` (503) where no worker has ever said what it has, or all say that they can compile nothing."""
    fleet = await compiler_of(request).fleet()
    if fleet.catalogue.environments:
        return
    why = fleet.trouble or "no worker with compilers has been seen; start one with `abaca worker`"
    raise ApiError(503, "no_compilers", f"nothing can be compiled now: {why}", headers={"Retry-After": "5"})


async def compilation(request: ApiRequest, id: str) -> Job:
    """The job of a compilation, if this caller may know of it. Raises ``ApiError`` (404)."""
    job = await request.job(id)
    if job.purged or job.spec.task not in TASKS:
        raise not_found(NOT_FOUND, f"there is no compilation {id}: it was never stored, or it is gone")
    return job


async def shown(request: ApiRequest, job: Job) -> CompileView:
    return await view_of(compiler_of(request), job, request.url(f"/compile/{job.id}/artifact"))
