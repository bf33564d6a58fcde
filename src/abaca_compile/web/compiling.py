"""``/compile``: one compilation."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Literal

import msgspec

from abaca import Job, Page, Query, Status
from abaca.http import (
    Answer,
    ApiError,
    ApiRequest,
    Code,
    Items,
    Paging,
    Reply,
    Scope,
    Waiting,
    endpoint,
    malformed,
    opened,
    sealed,
)
from abaca_compile import outputs
from abaca_compile.errors import ValidationError
from abaca_compile.model import CompileStatus, Submission
from abaca_compile.service.submitting import submit
from abaca_compile.service.viewing import TASKS, CompileView, built_of, named
from abaca_compile.service.works import QUEUE
from abaca_compile.web.asking import check_workers, compilation, compiler_of, refused, shown, spend, submitter

LARGEST_BODY = 3 << 20
"""Bytes of a request: the most that 1 MiB of source takes as JSON, in nearly all of its forms."""
_MOST_PAGES = 20
_WAITING = (Status.QUEUED, Status.SCHEDULED, Status.RETRYING, Status.BLOCKED)
_STATUSES: dict[CompileStatus, tuple[Status, ...]] = {
    CompileStatus.QUEUED: _WAITING,
    CompileStatus.PROCESSING: (Status.RUNNING,),
    CompileStatus.COMPLETED: (Status.COMPLETED,),
    CompileStatus.FAILED: (Status.COMPLETED,),
    CompileStatus.TIMEOUT: (Status.COMPLETED,),
    CompileStatus.ERROR: (Status.FAILED, Status.COMPLETED),
    CompileStatus.CANCELLED: (Status.CANCELLED,),
}
Format = Literal["json", "sarif", "text", "annotations"]
EXAMPLE = {"source_code": "int main(void) { return 0; }", "language": "c", "flags": ["-Wall"]}


class ReadCompilation(Waiting, frozen=True, kw_only=True):
    """``format``: the verdict as SARIF, as text, or as annotations for CI, in place of JSON."""

    format: Format = "json"


class ListCompilations(Paging, frozen=True, kw_only=True):
    """Each narrows. ``environment`` is an id, ``status`` may be given several times."""

    status: tuple[CompileStatus, ...] = ()
    language: str | None = None
    environment: str | None = None
    tag: str | None = None


class Cancelled(msgspec.Struct, frozen=True, kw_only=True):
    """``cancelled``: it had not ended, and is told to stop. Otherwise its result was deleted."""

    job_id: str
    cancelled: bool


@endpoint("POST", "/compile", scope=Scope.WRITE, status=202, max_body=LARGEST_BODY, examples={"body": EXAMPLE})
async def post_compile(request: ApiRequest, body: Submission, query: Waiting) -> Answer[CompileView]:
    """Submit a source. It is stored when the answer comes: 202, or with ``wait`` 200 once it has ended in time.

    A source that does not compile is answered like one that does, with ``status: failed``.
    """
    await spend(request)
    await check_workers(request)
    try:
        handle = await submit(compiler_of(request), body, submitter(request))
    except ValidationError as error:
        raise refused(error) from error
    job = await request.ended(await request.job(handle.id), query.wait)
    view = await shown(request, job)
    status = 200 if query.wait and view.status.is_over else 202
    return Answer(status=status, body=view, headers={"Location": request.url(f"/compile/{job.id}")})


@endpoint("GET", "/compile/{id}", scope=Scope.READ)
async def get_compile(request: ApiRequest, id: str, query: ReadCompilation) -> CompileView | Reply:
    """Read a compilation, in the same shape whatever its state; with ``wait``, as soon as it has ended."""
    job = await request.ended(await compilation(request, id), query.wait)
    view = await shown(request, job)
    match query.format:
        case "sarif":
            return _reply("application/sarif+json", outputs.sarif([view]))
        case "text":
            return _reply("text/plain; charset=utf-8", outputs.text(view).encode())
        case "annotations":
            return _reply("text/plain; charset=utf-8", outputs.ci_annotations(view).encode())
        case _:
            return view


@endpoint("GET", "/compile", scope=Scope.READ)
async def list_compile(request: ApiRequest, query: ListCompilations) -> Items[CompileView]:
    """List compilations, the latest first. A key sees those of its owner, an admin those of all."""
    found: list[CompileView] = []
    cursor = opened(query.cursor)
    for _ in range(_MOST_PAGES):
        page = await _page(request, query, cursor, query.limit - len(found))
        found += [view async for view in _fitting(request, query, page.jobs)]
        cursor = page.cursor
        if cursor is None or len(found) >= query.limit:
            break
    return Items(items=found, next_cursor=sealed(cursor))


@endpoint("DELETE", "/compile/{id}", scope=Scope.WRITE)
async def delete_compile(request: ApiRequest, id: str) -> Cancelled:
    """Cancel a compilation that has not ended; delete the result of one that has.

    Others that asked for the same get their answers all the same.
    """
    job = await compilation(request, id)
    handle = request.app.job(job.id)
    if await handle.cancel():
        return Cancelled(job_id=job.id, cancelled=True)
    await handle.forget()
    return Cancelled(job_id=job.id, cancelled=False)


@endpoint("GET", "/compile/{id}/artifact", scope=Scope.READ)
async def get_artifact(request: ApiRequest, id: str) -> Reply:
    """Read what was built, as bytes. 404 where nothing was, 410 where it was too large to be kept."""
    job = await compilation(request, id)
    built = await built_of(compiler_of(request), job)
    if built is None or built.result.artifact is None:
        raise ApiError(404, "artifact_not_found", f"compilation {id} has built nothing, or not yet")
    if built.artifact is None:
        raise ApiError(410, Code.RESULT_EXPIRED, f"what compilation {id} built was too large to be kept")
    about = built.result.artifact
    disposition = f'attachment; filename="{about.kind}-{about.sha256[:12]}"'
    return _reply("application/octet-stream", built.artifact, (b"content-disposition", disposition.encode()))


@endpoint("GET", "/compile/{id}/events", scope=Scope.READ)
async def compile_events(request: ApiRequest, id: str) -> Reply:
    """Follow a compilation: leads to the events of its job, as Server-Sent Events."""
    job = await compilation(request, id)
    location = request.url(f"/jobs/{job.id}/events").encode()
    return Reply(307, b"", [(b"location", location), (b"content-length", b"0")])


async def _page(request: ApiRequest, query: ListCompilations, cursor: str | None, limit: int) -> Page:
    caller = request.caller
    tag = f"environment:{query.environment}" if query.environment else query.tag
    if tag is None and query.language:
        tag = f"language:{query.language}"
    wanted = dict.fromkeys(status for each in query.status for status in _STATUSES[each])
    asked = Query(
        queue=QUEUE,
        owner=None if caller.is_admin else caller.owner or "",
        status=tuple(wanted),
        tag=tag,
        cursor=cursor,
        limit=limit,
    )
    try:
        return await request.app.find(asked)
    except ValueError as error:
        raise malformed("the cursor is none that this service gave", "cursor") from error


async def _fitting(request: ApiRequest, query: ListCompilations, jobs: list[Job]) -> AsyncIterator[CompileView]:
    for job in jobs:
        if job.purged or job.spec.task not in TASKS:
            continue
        if query.language not in (None, named(job, "language")) or (query.tag and query.tag not in job.spec.tags):
            continue
        view = await shown(request, job)
        if not query.status or view.status in query.status:
            yield view


def _reply(kind: str, body: bytes, *more: tuple[bytes, bytes]) -> Reply:
    headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode()), *more]
    return Reply(200, body, headers)


ENDPOINTS = (post_compile, get_compile, list_compile, delete_compile, get_artifact, compile_events)
