"""``/compile/batch``: up to 50 submissions in one request."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from abaca import Job, QueueFull
from abaca.http import Answer, ApiError, ApiRequest, Paging, Scope, endpoint, malformed, not_found, opened, sealed
from abaca_compile.errors import UnknownEnvironment, ValidationError
from abaca_compile.model import Submission
from abaca_compile.service.batching import MOST, Item, Refusal, read_batch, submit_batch
from abaca_compile.service.viewing import CompileView
from abaca_compile.web.asking import check_workers, compiler_of, refused, shown, spend, submitter
from abaca_compile.web.compiling import EXAMPLE

LARGEST_BODY = 16 << 20


class SubmitBatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Up to 50 submissions. Each is judged on its own, when it is read too: what is wrong with one harms no other."""

    items: Annotated[list[msgspec.Raw], Meta(min_length=1, max_length=MOST)]


class Submitted(msgspec.Struct, frozen=True, kw_only=True):
    """``items`` in the order of the request, each with a ``job_id`` or an ``error``."""

    batch_id: str
    items: tuple[Item, ...]


class BatchItem(msgspec.Struct, frozen=True, kw_only=True):
    """``result`` is the compilation in its present state; ``null`` where it was refused, or is gone."""

    index: int
    job_id: str | None
    error: Refusal | None
    result: CompileView | None


class BatchView(msgspec.Struct, frozen=True, kw_only=True):
    """A page of a batch. ``total`` items, of which ``accepted`` were stored."""

    batch_id: str
    total: int
    accepted: int
    items: list[BatchItem]
    next_cursor: str | None


_decode = msgspec.json.Decoder(Submission).decode


@endpoint(
    "POST",
    "/compile/batch",
    scope=Scope.WRITE,
    status=202,
    max_body=LARGEST_BODY,
    examples={"body": {"items": [EXAMPLE, {**EXAMPLE, "language": "cpp"}]}},
)
async def post_batch(request: ApiRequest, body: SubmitBatch) -> Answer[Submitted]:
    """Submit up to 50 sources, each a compilation of its own. It costs one token of the rate."""
    await spend(request)
    await check_workers(request)
    given = [_read(raw) for raw in body.items]
    stored = await submit_batch(compiler_of(request), given, submitter(request), _explain)
    answer = Submitted(batch_id=stored.id, items=stored.items)
    return Answer(status=202, body=answer, headers={"Location": request.url(f"/compile/batch/{stored.id}")})


@endpoint("GET", "/compile/batch/{id}", scope=Scope.READ)
async def get_batch(request: ApiRequest, id: str, query: Paging) -> BatchView:
    """Read a batch page by page, in the order of its items."""
    batch = await read_batch(request.app, id)
    if batch is None or not (request.caller.is_admin or request.caller.owner == batch.owner):
        raise not_found("batch_not_found", f"there is no batch {id}: it was never stored, or it is gone")
    position = opened(query.cursor) or "0"
    if not position.isdecimal():
        raise malformed("the cursor is none that this service gave", "cursor")
    start = int(position)
    items = batch.items[start : start + query.limit]
    ids = [item.job_id for item in items if item.job_id is not None]
    jobs: list[Job | None] = await request.ask(lambda backend: backend.get(ids)) if ids else []
    known = {job.id: job for job in jobs if job is not None and not job.purged}
    more = start + len(items) < len(batch.items)
    return BatchView(
        batch_id=batch.id,
        total=len(batch.items),
        accepted=sum(item.job_id is not None for item in batch.items),
        items=[await _item(request, item, known) for item in items],
        next_cursor=sealed(str(start + len(items))) if more else None,
    )


async def _item(request: ApiRequest, item: Item, known: dict[str, Job]) -> BatchItem:
    job = None if item.job_id is None else known.get(item.job_id)
    result = None if job is None else await shown(request, job)
    return BatchItem(index=item.index, job_id=item.job_id, error=item.error, result=result)


def _read(raw: msgspec.Raw) -> Submission | Refusal:
    try:
        return _decode(raw)
    except msgspec.ValidationError as error:
        text, _, path = str(error).partition(" - at `")
        return Refusal(code="invalid", message=text, field=path.rstrip("`").removeprefix("$.") or None)


def _explain(error: Exception) -> Refusal | None:
    match error:
        case ValidationError():
            found: ApiError = refused(error)
            near = error.near if isinstance(error, UnknownEnvironment) else ()
            return Refusal(code=str(found.code), message=found.message, field=found.field, near=near)
        case QueueFull():
            return Refusal(code="queue_full", message=str(error))
        case _:
            return None


ENDPOINTS = (post_batch, get_batch)
