"""What one call of the store is too small for: every record of a kind, one verb upon any number of jobs.

Who asks says how: a client's ``ask`` repeats a call while the store is away, ``at_once`` does not.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from functools import partial
from typing import Protocol, TypeVar

from abaca.backend import MAX_BATCH, Backend
from abaca.cancelling import cancel_jobs
from abaca.model import Amended, Cancelled, Change, Job, Record, Requeued

T = TypeVar("T")
Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Ask(Protocol):
    """Calls a verb of the store."""

    def __call__(self, verb: Callable[[Backend], Awaitable[T]], /) -> Awaitable[T]: ...


def at_once(backend: Backend) -> Ask:
    """For those who repeat their work themselves when the store is away."""

    def ask(verb: Callable[[Backend], Awaitable[T]], /) -> Awaitable[T]:
        return verb(backend)

    return ask


async def record_pages(
    ask: Ask, kind: str, after: str = "", size: int = MAX_BATCH
) -> AsyncGenerator[list[Record], None]:
    """The records with ids above ``after`` in order of id, in pages of at most ``size``; none is empty."""
    while page := await ask(partial(_scan, kind, after, size)):
        yield page
        after = page[-1].id


async def all_records(ask: Ask, kind: str, size: int = MAX_BATCH) -> list[Record]:
    return [record async for page in record_pages(ask, kind, size=size) for record in page]


async def get_many(ask: Ask, ids: Sequence[str]) -> list[Job | None]:
    """Jobs in order; ``None`` where the id is unknown."""
    return await _in_batches(ask, ids, _get)


async def cancel_many(ask: Ask, ids: Sequence[str]) -> list[Cancelled]:
    """In this order, an answer for each; webhook subscriptions are told."""
    return await _in_batches(ask, ids, _cancel)


async def requeue_many(ask: Ask, runs: Sequence[tuple[str, int]]) -> list[Requeued]:
    """Ids with the epochs that they ended in; in this order, an answer for each."""
    return await _in_batches(ask, runs, _requeue)


async def amend_many(ask: Ask, changes: Sequence[Change]) -> list[Amended]:
    """In this order, an answer for each."""
    return await _in_batches(ask, changes, _amend)


async def _in_batches(
    ask: Ask, items: Sequence[Item], verb: Callable[[Sequence[Item], Backend], Awaitable[list[Answer]]]
) -> list[Answer]:
    answers: list[Answer] = []
    for start in range(0, len(items), MAX_BATCH):
        answers += await ask(partial(verb, items[start : start + MAX_BATCH]))
    return answers


async def _scan(kind: str, after: str, size: int, backend: Backend) -> list[Record]:
    return await backend.scan(kind, after, size)


async def _get(ids: Sequence[str], backend: Backend) -> list[Job | None]:
    return await backend.get(ids)


async def _cancel(ids: Sequence[str], backend: Backend) -> list[Cancelled]:
    return await cancel_jobs(backend, ids)


async def _requeue(runs: Sequence[tuple[str, int]], backend: Backend) -> list[Requeued]:
    return await backend.requeue(runs)


async def _amend(changes: Sequence[Change], backend: Backend) -> list[Amended]:
    return await backend.amend(changes)
