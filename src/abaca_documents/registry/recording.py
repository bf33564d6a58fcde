"""Reading and writing documents as records: in one act, again when somebody was faster."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Protocol

import msgspec

from abaca import Record, Verdict
from abaca_documents.errors import CollectionNotFound, Conflict
from abaca_documents.model import Document
from abaca_documents.registry import layout, rules

TRIES = 100
"""How often a change is made anew because somebody was faster."""
_READ = 200
Pair = tuple[Document | None, Document | None]
"""A document before and after."""


class Records(Protocol):
    """``app.records``."""

    async def read(self, kind: str, ids: Sequence[str]) -> list[Record | None]: ...

    async def put(self, records: Sequence[Record], *, together: bool = False) -> list[Verdict]: ...

    async def scan(self, kind: str, after: str = "", limit: int = 100) -> list[Record]: ...


async def read_documents(records: Records, ids: Sequence[str]) -> list[Document | None]:
    found: list[Document | None] = []
    for start in range(0, len(ids), _READ):
        kept = await records.read(layout.DOCUMENT, ids[start : start + _READ])
        found += [None if each is None else layout.read_document(each.data or b"") for each in kept]
    return found


async def scanned(
    records: Records, kind: str, prefix: str = "", after: str = "", page: int = 200
) -> AsyncIterator[Record]:
    """The records of a kind whose ids begin with ``prefix`` and lie above ``prefix + after``, in order."""
    last = prefix + after
    while True:
        found = await records.scan(kind, last, page)
        for each in found:
            if not each.id.startswith(prefix):
                return
            yield each
        if len(found) < page:
            return
        last = found[-1].id


async def again(operation: str, id: str) -> AsyncIterator[int]:
    """As often as a change may be tried, with growing pauses. Raises ``Conflict`` behind the last one."""
    for attempt in range(TRIES):
        yield attempt
        await asyncio.sleep(random.uniform(0, min(0.05, 0.001 * attempt)))
    raise Conflict(operation, id)


async def write(records: Records, operation: str, pairs: Callable[[], Awaitable[list[Pair]]]) -> None:
    """Bring documents from one state to the next, all of them in one act. ``pairs`` reads and decides; it is called
    again when somebody else wrote meanwhile. Raises ``CollectionNotFound``, ``Conflict`` and what ``pairs`` raises."""
    async for _ in again(operation, "of the batch"):
        found = await pairs()
        if not found:
            return
        counts = await _counted(records, operation, found)
        wanted = [record for before, after in found for record in layout.records(before, after)]
        if Verdict.STALE not in await records.put([*wanted, *counts], together=True):
            return


async def _counted(records: Records, operation: str, pairs: Sequence[Pair]) -> list[Record]:
    """The counts as they are after the change; only those that change, or whose searches see something else."""
    by_shard: dict[str, list[Pair]] = {}
    for before, after in pairs:
        if _counts_otherwise(before, after):
            by_shard.setdefault(layout.shard_of(_one(before, after)), []).append((before, after))
    shards = sorted(by_shard)
    counted = []
    for shard, kept in zip(shards, await records.read(layout.COUNT, shards), strict=True):
        if kept is None:
            raise CollectionNotFound(operation, shard.partition("/")[0])
        tally = layout.read_tally(kept.data or b"{}")
        for before, after in by_shard[shard]:
            tally = layout.added(layout.added(tally, before, -1), after, 1)
        counted.append(msgspec.structs.replace(kept, data=layout.encode(tally)))
    return counted


def _counts_otherwise(before: Document | None, after: Document | None) -> bool:
    if before is None or after is None or rules.is_seen_otherwise(before, after):
        return True
    return any(getattr(before, name) != getattr(after, name) for name in ("status", "chunk_count", "file_size"))


def _one(before: Document | None, after: Document | None) -> Document:
    one = after or before
    assert one is not None
    return one
