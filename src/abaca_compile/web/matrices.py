"""``/compile/matrix``: one source on many environments, as a table."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from abaca import Job, Status
from abaca.http import Answer, ApiRequest, Scope, Waiting, endpoint, not_found
from abaca_compile.errors import ValidationError
from abaca_compile.model import CompileStatus
from abaca_compile.service.matrices import MatrixSubmission, Refused, combinations
from abaca_compile.service.submitting import submit_matrix
from abaca_compile.service.tables import Row, row_of_result
from abaca_compile.service.works import TABLE
from abaca_compile.web.asking import check_workers, compiler_of, refused, shown, spend, submitter
from abaca_compile.web.compiling import EXAMPLE, LARGEST_BODY

_STATUS = {
    Status.COMPLETED: CompileStatus.COMPLETED,
    Status.CANCELLED: CompileStatus.CANCELLED,
    Status.FAILED: CompileStatus.ERROR,
}


class MatrixView(msgspec.Struct, frozen=True, kw_only=True):
    """``status``: ``completed`` once all have ended, whatever their verdicts. ``compiled``: whether all compiled,
    ``null`` before. ``refused`` are combinations that no compiler takes."""

    matrix_id: str
    status: CompileStatus
    total: int
    ended: int
    compiled: bool | None
    rows: list[Row]
    refused: tuple[Refused, ...] = ()
    created_at: datetime | None = None
    completed_at: datetime | None = None


class Stopped(msgspec.Struct, frozen=True, kw_only=True):
    """``cancelled``: whether there was something left to cancel."""

    matrix_id: str
    cancelled: bool


@endpoint(
    "POST",
    "/compile/matrix",
    scope=Scope.WRITE,
    status=202,
    max_body=LARGEST_BODY,
    examples={"body": {**EXAMPLE, "environments": ["gcc-12", "clang-14"], "standards": ["c99", "c17"]}},
)
async def post_matrix(request: ApiRequest, body: MatrixSubmission, query: Waiting) -> Answer[MatrixView]:
    """Submit one source for many environments and standards: each is a compilation, and together they are a workflow.

    Without ``environments`` it is every available one of the ``language``. It costs one token of the rate.
    """
    await spend(request)
    await check_workers(request)
    compiler = compiler_of(request)
    try:
        chosen, declined = combinations(body, (await compiler.fleet()).catalogue, compiler.bounds)
        handle = await submit_matrix(compiler, body.submission(), chosen, submitter(request))
    except ValidationError as error:
        raise refused(error) from error
    job = await request.ended(await request.job(handle.id), query.wait)
    view = msgspec.structs.replace(await _view(request, job), refused=declined)
    status = 200 if query.wait and view.status.is_over else 202
    return Answer(status=status, body=view, headers={"Location": request.url(f"/compile/matrix/{job.id}")})


@endpoint("GET", "/compile/matrix/{id}", scope=Scope.READ)
async def get_matrix(request: ApiRequest, id: str, query: Waiting) -> MatrixView:
    """Read a matrix: a row for each compilation in its present state; with ``wait``, as soon as all have ended."""
    return await _view(request, await request.ended(await _matrix(request, id), query.wait))


@endpoint("DELETE", "/compile/matrix/{id}", scope=Scope.WRITE)
async def delete_matrix(request: ApiRequest, id: str) -> Stopped:
    """Cancel every compilation of a matrix that has not ended."""
    job = await _matrix(request, id)
    return Stopped(matrix_id=job.id, cancelled=await request.app.workflow(job.id).cancel())


async def _matrix(request: ApiRequest, id: str) -> Job:
    job = await request.job(id)
    if job.purged or job.spec.task != TABLE:
        raise not_found("matrix_not_found", f"there is no matrix {id}: it was never stored, or it is gone")
    return job


async def _view(request: ApiRequest, job: Job) -> MatrixView:
    ids = job.spec.parents
    members: list[Job | None] = await request.ask(lambda backend: backend.get(ids))
    rows = [await _row(request, index, id, one) for index, (id, one) in enumerate(zip(ids, members, strict=True))]
    ended = sum(row.status.is_over for row in rows)
    over = ended == len(rows)
    return MatrixView(
        matrix_id=job.id,
        status=_STATUS.get(job.status, CompileStatus.PROCESSING),
        total=len(rows),
        ended=ended,
        compiled=all(row.compiled for row in rows) if over else None,
        rows=rows,
        created_at=_time(job.created_at),
        completed_at=_time(job.ended_at),
    )


async def _row(request: ApiRequest, index: int, id: str, job: Job | None) -> Row:
    if job is None or job.purged:
        return Row(index=index, job_id=id, status=CompileStatus.ERROR, error="it is no longer kept")
    return row_of_result(index, await shown(request, job))


def _time(micros: int | None) -> datetime | None:
    return None if micros is None else datetime.fromtimestamp(micros / 1e6, UTC)


ENDPOINTS = (post_matrix, get_matrix, delete_matrix)
