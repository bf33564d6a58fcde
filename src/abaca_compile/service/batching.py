"""Many submissions in one request: each is judged on its own, and what became of them is kept together."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence

import msgspec

from abaca import App, BackendError, EnqueueRefused, Record, Verdict
from abaca_compile.errors import ValidationError
from abaca_compile.model import Submission
from abaca_compile.model.base import Value
from abaca_compile.service.compiler import Compiler
from abaca_compile.service.submitting import By, submit

BATCH = "compile_batch"
"""The kind of the records of batches."""
MOST = 50


class Refusal(Value, frozen=True, kw_only=True):
    """Why an item was not stored."""

    code: str
    message: str
    field: str | None = None
    near: tuple[str, ...] = ()


class Item(Value, frozen=True, kw_only=True):
    """What became of one submission: the id of its job, or why there is none. ``index`` counts from 0."""

    index: int
    job_id: str | None = None
    error: Refusal | None = None


class Batch(Value, frozen=True, kw_only=True):
    """``owner`` sees it."""

    id: str
    owner: str | None
    items: tuple[Item, ...]


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Batch).decode
Explain = Callable[[Exception], Refusal | None]


async def submit_batch(compiler: Compiler, given: Sequence[Submission | Refusal], by: By, explain: Explain) -> Batch:
    """Store what can be stored, in order; what was refused already keeps its place.

    Raises what ``explain`` has no words for: that is wrong with all of them.
    """
    id = by.id(MOST) or secrets.token_hex(16)

    async def one(number: int, submission: Submission | Refusal) -> Item:
        if isinstance(submission, Refusal):
            return Item(index=number, error=submission)
        try:
            handle = await submit(compiler, submission, by, number)
        except (ValidationError, EnqueueRefused) as error:
            refusal = explain(error)
            if refusal is None:
                raise
            return Item(index=number, error=refusal)
        return Item(index=number, job_id=handle.id)

    items = await asyncio.gather(*(one(number, submission) for number, submission in enumerate(given)))
    batch = Batch(id=id, owner=by.owner, items=tuple(items))
    await _keep(compiler.app, batch, round(compiler.keep * 1000))
    return batch


async def read_batch(app: App, id: str) -> Batch | None:
    (record,) = await app.records.read(BATCH, [id])
    return None if record is None or record.data is None else _decode(record.data)


async def _keep(app: App, batch: Batch, expires_ms: int) -> None:
    record = Record(kind=BATCH, id=batch.id, data=_encode(batch), version=0, expires_ms=expires_ms)
    if await app.records.put([record]) == [Verdict.APPLIED] or await read_batch(app, batch.id) is not None:
        return
    raise BackendError(f"batch {batch.id} could not be kept; its jobs are stored")
