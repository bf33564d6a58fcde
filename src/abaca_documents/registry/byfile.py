"""The registry in the library file, beside chunks and vectors."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any

import apsw
import msgspec

from abaca_documents.errors import (
    CollectionAlreadyExists,
    CollectionNotEmpty,
    CollectionNotFound,
    DocumentAlreadyExists,
    DocumentNotFound,
)
from abaca_documents.libraryfile import LibraryFile, Part
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
from abaca_documents.registry import rules
from abaca_documents.registry.asking import condition
from abaca_documents.registry.counting import Counts
from abaca_documents.registry.cursors import from_cursor, micros, to_cursor
from abaca_documents.registry.statements import sql

_to_json = msgspec.json.Encoder().encode
_document = msgspec.json.Decoder(Document).decode
_collection = msgspec.json.Decoder(Collection).decode


def _make_tables(connection: apsw.Connection) -> None:
    connection.execute(sql("make_tables")).fetchall()


class FileRegistry:
    """A ``Repository``. SQLite's own indices keep up with the rows in the same transaction."""

    def __init__(self, file: LibraryFile) -> None:
        self._file = file
        file.join(Part("registry", _make_tables))

    async def register(self, document: Document) -> Document:
        return (await self._register("register", [document]))[0]

    async def register_batch(self, documents: Sequence[Document]) -> list[Document]:
        return await self._register("register_batch", documents)

    async def _register(self, operation: str, documents: Sequence[Document]) -> list[Document]:
        rules.check_batch(documents, "documents")
        rules.check_unique(document.id for document in documents)
        written = [rules.registered(document) for document in documents]

        def act(connection: apsw.Connection) -> list[Document]:
            if taken := _documents(connection, [document.id for document in written]):
                raise DocumentAlreadyExists(operation, *sorted(taken))
            for name in sorted({document.collection for document in written}):
                _known_collection(connection, operation, name)
            for document in written:
                _put(connection, None, document)
            return written

        return await self._file.write(act)

    async def get(self, id: str) -> Document:
        (found,) = await self.get_batch([id])
        if found is None:
            raise DocumentNotFound("get", id)
        return found

    async def get_batch(self, ids: Sequence[str]) -> list[Document | None]:
        known = await self._file.read(lambda connection: _documents(connection, ids))
        return [known.get(id) for id in ids]

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
        def act(connection: apsw.Connection) -> list[Document]:
            known = _documents(connection, ids)
            if missing := [id for id in ids if id not in known]:
                raise DocumentNotFound(operation, *missing)
            done = []
            for id in ids:
                after = rules.changed(known[id], change)
                if after is not None:
                    _put(connection, known[id], after)
                done.append(after or known[id])
            return done

        return await self._file.write(act)

    async def purge(self, id: str) -> bool:
        return await self._file.write(
            lambda connection: bool(connection.execute(sql("drop_document"), (id,)).fetchall())
        )

    async def count(self, filter: DocumentFilter | None = None) -> int:
        where, values = condition(filter or DocumentFilter())
        return await self._file.read(
            lambda connection: int(
                _rows(connection, f"SELECT count(*) FROM documents AS d WHERE {where}", values)[0][0]
            )
        )

    async def stats(self) -> DocumentStats:
        counts = await self._counts(None)
        return counts.overall(len(await self.list_collections()))

    async def visible(self, ids: Sequence[str]) -> dict[str, int]:
        rows = await self._file.read(lambda connection: _rows(connection, sql("visible_documents"), [_ids(ids)]))
        return dict(rows)

    async def changes(self, names: Sequence[str]) -> dict[str, int]:
        return dict(await self._file.read(lambda connection: _rows(connection, sql("changes"), [_ids(names)])))

    async def deleted_before(self, before: datetime, limit: int = 100) -> list[Document]:
        rows = await self._file.read(
            lambda connection: _rows(connection, sql("deleted_documents"), [micros(before), limit])
        )
        return [_document(data) for (data,) in rows]

    async def create_collection(self, collection: Collection) -> Collection:
        collection.validate()
        written = msgspec.structs.replace(collection, version=1)

        def act(connection: apsw.Connection) -> Collection:
            if _found_collection(connection, written.name) is not None:
                raise CollectionAlreadyExists("create_collection", written.name)
            _put_collection(connection, written)
            return written

        return await self._file.write(act)

    async def get_collection(self, name: str) -> Collection:
        return await self._file.read(lambda connection: _known_collection(connection, "get_collection", name))

    async def list_collections(self) -> list[Collection]:
        rows = await self._file.read(lambda connection: _rows(connection, sql("list_collections"), []))
        return [_collection(data) for (data,) in rows]

    async def change_collection(self, name: str, change: CollectionChange, operation: str = "update") -> Collection:
        def act(connection: apsw.Connection) -> Collection:
            before = _known_collection(connection, operation, name)
            after = rules.changed_collection(before, change)
            if after is not None:
                _put_collection(connection, after)
            return after or before

        return await self._file.write(act)

    async def collection_stats(self, name: str) -> CollectionStats:
        await self.get_collection(name)
        return (await self._counts(name)).of(name)

    async def clear_collection(self, name: str) -> int:
        await self.get_collection(name)
        count = 0
        while True:
            rows = await self._file.read(
                lambda connection: _rows(connection, sql("ids_of_collection"), [name, rules.MAX_BATCH])
            )
            if not rows:
                return count
            count += len(await self._change([id for (id,) in rows], rules.deleted, "clear_collection"))

    async def drop_collection(self, name: str) -> None:
        def act(connection: apsw.Connection) -> None:
            _known_collection(connection, "drop_collection", name)
            if _rows(connection, sql("is_in_use"), [name]):
                raise CollectionNotEmpty("drop_collection", name)
            connection.execute(sql("drop_collection"), (name,)).fetchall()

        await self._file.write(act)

    def together(self) -> AbstractAsyncContextManager[None]:
        return self._file.together()

    async def audit(self) -> list[str]:
        rows = await self._file.read(lambda connection: _rows(connection, sql("all_documents"), []))
        found = [f"document {row[0]}: its columns differ from it" for row in rows if row != _row(_document(row[-1]))]
        return found + await self._file.check()

    async def close(self) -> None:
        await self._file.close()

    async def list(
        self, filter: DocumentFilter | None = None, *, cursor: str | None = None, limit: int = 50
    ) -> DocumentPage:
        rules.check_limit(limit)
        statement, values = list_statement(filter or DocumentFilter(), cursor, limit + 1)
        rows = await self._file.read(lambda connection: _rows(connection, statement, values))
        items = tuple(_document(data) for (data,) in rows[:limit])
        return DocumentPage(items=items, cursor=to_cursor(items[-1]) if len(rows) > limit else None)

    async def _counts(self, name: str | None) -> Counts:
        rows = await self._file.read(lambda connection: _rows(connection, sql("count_documents"), [name, name]))
        counts = Counts()
        for collection, status, documents, chunks, size in rows:
            counts.add(collection, status, documents, chunks, size)
        return counts


def list_statement(filter: DocumentFilter, cursor: str | None, limit: int) -> tuple[str, list[Any]]:
    """The newest first, those behind the cursor."""
    where, values = condition(filter)
    if cursor is not None:
        at, id = from_cursor(cursor)
        where += " AND d.created_at <= ? AND (d.created_at < ? OR d.id > ?)"
        values = [*values, at, at, id]
    return f"SELECT d.data FROM documents AS d WHERE {where} ORDER BY d.created_at DESC, d.id LIMIT ?", [*values, limit]


def _rows(connection: apsw.Connection, statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    return connection.execute(statement, tuple(values)).fetchall()


def _ids(ids: Sequence[str]) -> str:
    return _to_json(list(ids)).decode()


def _documents(connection: apsw.Connection, ids: Sequence[str]) -> dict[str, Document]:
    found = (_document(data) for (data,) in _rows(connection, sql("get_documents"), [_ids(ids)]))
    return {document.id: document for document in found}


def _row(document: Document) -> tuple[Any, ...]:
    return (
        document.id,
        document.collection,
        document.status.value,
        document.filename,
        document.source_id,
        document.content_hash,
        micros(document.created_at),
        micros(document.updated_at),
        None if document.deleted_at is None else micros(document.deleted_at),
        document.chunk_count,
        document.file_size,
        document.index,
        document.generation,
        _to_json(document.metadata).decode(),
        _to_json(document).decode(),
    )


def _put(connection: apsw.Connection, before: Document | None, document: Document) -> None:
    connection.execute(sql("put_document"), _row(document)).fetchall()
    if rules.is_seen_otherwise(before, document):
        connection.execute(sql("count_change"), (document.collection,)).fetchall()


def _found_collection(connection: apsw.Connection, name: str) -> Collection | None:
    rows = _rows(connection, sql("get_collection"), [name])
    return _collection(rows[0][0]) if rows else None


def _known_collection(connection: apsw.Connection, operation: str, name: str) -> Collection:
    found = _found_collection(connection, name)
    if found is None:
        raise CollectionNotFound(operation, name)
    return found


def _put_collection(connection: apsw.Connection, collection: Collection) -> None:
    connection.execute(sql("put_collection"), (collection.name, _to_json(collection).decode())).fetchall()
