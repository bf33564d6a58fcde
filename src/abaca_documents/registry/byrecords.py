"""The registry in an app's own store, through ``app.records``: for Redis, and for memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime

import msgspec

from abaca import Record, Verdict
from abaca_documents.errors import (
    CollectionAlreadyExists,
    CollectionNotEmpty,
    CollectionNotFound,
    DocumentAlreadyExists,
    DocumentNotFound,
)
from abaca_documents.model import (
    Collection,
    CollectionStats,
    Document,
    DocumentFilter,
    DocumentPage,
    DocumentStats,
    Metadata,
)
from abaca_documents.protocols import Change, CollectionChange
from abaca_documents.registry import layout, rules
from abaca_documents.registry.asking import only_counts
from abaca_documents.registry.counting import Counts
from abaca_documents.registry.cursors import from_cursor, to_cursor
from abaca_documents.registry.recording import Pair, Records, again, read_documents, scanned, write
from abaca_documents.registry.recount import faults
from abaca_documents.registry.walking import walk

_collection = msgspec.json.Decoder(Collection).decode


class RecordRegistry:
    """A ``Repository``. Which records a document has is told in ``layout``."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def register(self, document: Document) -> Document:
        return (await self._register("register", [document]))[0]

    async def register_batch(self, documents: Sequence[Document]) -> list[Document]:
        return await self._register("register_batch", documents)

    async def _register(self, operation: str, documents: Sequence[Document]) -> list[Document]:
        rules.check_batch(documents, "documents")
        rules.check_unique(document.id for document in documents)
        written = [rules.registered(document) for document in documents]

        async def pairs() -> list[Pair]:
            known = await self.get_batch([document.id for document in written])
            if taken := sorted(document.id for document in known if document is not None):
                raise DocumentAlreadyExists(operation, *taken)
            return [(None, document) for document in written]

        await write(self._records, operation, pairs)
        return written

    async def get(self, id: str) -> Document:
        (found,) = await self.get_batch([id])
        if found is None:
            raise DocumentNotFound("get", id)
        return found

    async def get_batch(self, ids: Sequence[str]) -> list[Document | None]:
        return await read_documents(self._records, ids)

    async def exists(self, id: str) -> bool:
        return (await self.get_batch([id]))[0] is not None

    async def change(self, id: str, change: Change, operation: str = "update") -> Document:
        return (await self._change([id], change, operation))[0]

    async def update(self, id: str, fields: Metadata) -> Document:
        return await self.change(id, rules.with_fields(fields))

    async def delete(self, id: str) -> Document:
        return await self.change(id, rules.deleted, "delete")

    async def delete_batch(self, ids: Sequence[str]) -> list[Document]:
        rules.check_batch(ids, "ids")
        rules.check_unique(ids)
        return await self._change(ids, rules.deleted, "delete_batch")

    async def _change(self, ids: Sequence[str], change: Change, operation: str) -> list[Document]:
        done: list[Document] = []

        async def pairs() -> list[Pair]:
            done.clear()
            known = await self.get_batch(ids)
            if missing := [id for id, before in zip(ids, known, strict=True) if before is None]:
                raise DocumentNotFound(operation, *missing)
            found: list[Pair] = []
            for before in known:
                assert before is not None
                after = rules.changed(before, change)
                done.append(after or before)
                if after is not None:
                    found.append((before, after))
            return found

        await write(self._records, operation, pairs)
        return done

    async def purge(self, id: str) -> bool:
        was_there = False

        async def pairs() -> list[Pair]:
            nonlocal was_there
            (before,) = await self.get_batch([id])
            was_there = before is not None
            return [(before, None)] if before is not None else []

        await write(self._records, "purge", pairs)
        return was_there

    async def count(self, filter: DocumentFilter | None = None) -> int:
        filter = filter or DocumentFilter()
        filter.validate()
        names = await self._names(filter)
        if only_counts(filter):
            return (await self._counts(names)).matching(filter)
        count = 0
        for name in names:
            async for _ in walk(self._records, filter, name):
                count += 1
        return count

    async def stats(self) -> DocumentStats:
        names = await self._names(DocumentFilter())
        return (await self._counts(names)).overall(len(names))

    async def visible(self, ids: Sequence[str]) -> dict[str, int]:
        known = await self.get_batch(ids)
        return {one.id: one.generation for one in known if one is not None and one.is_searchable}

    async def changes(self, names: Sequence[str]) -> dict[str, int]:
        found = {}
        for name in names:
            kept = await self._records.read(layout.COUNT, layout.shards(name))
            if all(kept):
                found[name] = sum(each.version for each in kept if each is not None)
        return found

    async def deleted_before(self, before: datetime, limit: int = 100) -> list[Document]:
        last = layout.grave_of(before)
        ids = [each.id for each in await self._records.scan(layout.GRAVE, limit=limit) if each.id < last]
        known = await self.get_batch([layout.split_place(id) for id in ids])
        return [each for each in known if each is not None and each.deleted_at is not None]

    async def create_collection(self, collection: Collection) -> Collection:
        collection.validate()
        written = msgspec.structs.replace(collection, version=1)
        counts = [Record(kind=layout.COUNT, id=id, data=layout.encode({})) for id in layout.shards(collection.name)]
        verdicts = await self._records.put([_record(written), *counts], together=True)
        if Verdict.STALE in verdicts:
            raise CollectionAlreadyExists("create_collection", collection.name)
        return written

    async def get_collection(self, name: str) -> Collection:
        return await self._collection("get_collection", name)

    async def list_collections(self) -> list[Collection]:
        return [_collection(each.data or b"") async for each in scanned(self._records, layout.COLLECTION)]

    async def change_collection(self, name: str, change: CollectionChange, operation: str = "update") -> Collection:
        async for _ in again(operation, name):
            before = await self._collection(operation, name)
            after = rules.changed_collection(before, change)
            if after is None:
                return before
            (first, *_) = layout.shards(name)
            (count,) = await self._records.read(layout.COUNT, [first])
            if count is not None:
                verdicts = await self._records.put([_record(after), count], together=True)
                if Verdict.STALE not in verdicts:
                    return after
        raise AssertionError

    async def collection_stats(self, name: str) -> CollectionStats:
        await self._collection("collection_stats", name)
        return (await self._counts([name])).of(name)

    async def clear_collection(self, name: str) -> int:
        await self._collection("clear_collection", name)
        count = 0
        while True:
            page = await self.list(DocumentFilter(collection=name), limit=rules.MAX_BATCH)
            if not page.items:
                return count
            count += len(await self._change([each.id for each in page.items], rules.deleted, "clear_collection"))

    async def drop_collection(self, name: str) -> None:
        async for _ in again("drop_collection", name):
            known = await self._collection("drop_collection", name)
            counts = [each for each in await self._records.read(layout.COUNT, layout.shards(name)) if each is not None]
            if any(layout.read_tally(each.data or b"{}") for each in counts):
                raise CollectionNotEmpty("drop_collection", name)
            gone = [msgspec.structs.replace(each, data=None) for each in (_record(known, known.version), *counts)]
            if Verdict.STALE not in await self._records.put(gone, together=True):
                return

    @asynccontextmanager
    async def _apart(self) -> AsyncIterator[None]:
        yield

    def together(self) -> AbstractAsyncContextManager[None]:
        return self._apart()

    async def audit(self) -> list[str]:
        return await faults(self._records, await self._names(DocumentFilter()))

    async def close(self) -> None:
        """The app's own store is the app's to close."""

    async def list(
        self, filter: DocumentFilter | None = None, *, cursor: str | None = None, limit: int = 50
    ) -> DocumentPage:
        rules.check_limit(limit)
        filter = filter or DocumentFilter()
        filter.validate()
        after = "" if cursor is None else layout.place(*from_cursor(cursor))
        found: list[Document] = []
        for name in await self._names(filter):
            left = limit + 1
            async for document in walk(self._records, filter, name, after, page=min(left, 200)):
                found.append(document)
                left -= 1
                if not left:
                    break
        found.sort(key=layout.place_of)
        items = tuple(found[:limit])
        return DocumentPage(items=items, cursor=to_cursor(items[-1]) if len(found) > limit else None)

    async def _collection(self, operation: str, name: str) -> Collection:
        (found,) = await self._records.read(layout.COLLECTION, [name])
        if found is None:
            raise CollectionNotFound(operation, name)
        return _collection(found.data or b"")

    async def _names(self, filter: DocumentFilter) -> tuple[str, ...]:
        if filter.collection is not None:
            return (filter.collection,)
        return tuple([each.id async for each in scanned(self._records, layout.COLLECTION)])

    async def _counts(self, names: Sequence[str]) -> Counts:
        counts = Counts()
        for name in names:
            for kept in await self._records.read(layout.COUNT, layout.shards(name)):
                if kept is not None:
                    for status, (documents, chunks, size) in layout.read_tally(kept.data or b"{}").items():
                        counts.add(name, status, documents, chunks, size)
        return counts


def _record(collection: Collection, version: int | None = None) -> Record:
    """As it is put: the record's version is the collection's, and rises with it."""
    expected = collection.version - 1 if version is None else version
    return Record(kind=layout.COLLECTION, id=collection.name, data=layout.encode(collection), version=expected)
