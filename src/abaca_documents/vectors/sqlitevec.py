"""The vector store in the library file: sqlite-vec for vectors, FTS5 for words, both in its transactions.

In a space of few vectors each is compared. In a larger one their codes are compared first (`codes`), and then the
vectors of the best `CANDIDATES` codes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import apsw
import msgspec
import sqlite_vec

from abaca_documents.errors import DocumentsError, ValidationError
from abaca_documents.filters import read_filter
from abaca_documents.filtersql import to_sql
from abaca_documents.libraryfile import LibraryFile, Part
from abaca_documents.model import Chunk, ChunkMetadata, Metadata, Metric, Vector
from abaca_documents.protocols import Found, Space
from abaca_documents.vectors import forgetting
from abaca_documents.vectors.checking import check_chunk, check_vector
from abaca_documents.vectors.codes import codes_of
from abaca_documents.vectors.scan import scan
from abaca_documents.vectors.statements import sql
from abaca_documents.vectors.words import to_query

T = TypeVar("T")
Row = tuple[Any, ...]
COLUMNS = {"document_id": "h.document", "page": "c.page", "chunk_index": "c.position"}
"""Names that a filter may use beside those of the metadata, which they hide."""
MOST = 4096
"""Neighbours that are given at once."""
LARGE = 4000
"""Vectors of a space up to which all are compared."""
CANDIDATES = 1500
"""Vectors that are compared in a larger space, or six for each neighbour that is asked for, if those are more."""
_pack_place = msgspec.json.Encoder().encode
_read_place = msgspec.json.Decoder(ChunkMetadata).decode
_read_metadata = msgspec.json.Decoder(dict).decode


@dataclass
class Changed:
    """What a write did in a space: ids of chunks with their vectors, and of chunks that went. No id comes twice."""

    space: int
    stored: dict[int, Vector] = field(default_factory=dict)
    gone: list[int] = field(default_factory=list)


class SqliteVectors:
    """A ``VectorStore``. All of it is in the library file, so what a pipeline writes is visible with its commit."""

    def __init__(self, file: LibraryFile) -> None:
        self._file = file
        self._opened: dict[tuple[str, int], tuple[int, Metric]] = {}
        file.join(Part("vectors", _make_tables, _load_extension))

    async def open_space(self, space: Space) -> None:
        """Raises ``ValidationError`` where it is there with another dimension or metric: those never change."""

        key, wanted = (space.collection, space.index), (space.dimension, space.metric)
        if self._opened.get(key) == wanted:
            return
        await self._file.write(lambda connection: _open(connection, space))
        self._opened[key] = wanted

    async def drop_space(self, collection: str, index: int) -> None:
        def act(connection: apsw.Connection) -> None:
            for id, *_ in ask(connection, sql("space_find"), (collection, index)):
                ask(connection, sql("drop_vectors", space=id))
                ask(connection, sql("drop_words", space=id))
                for (holding,) in ask(connection, sql("holding_all"), (id,)):
                    for row, *_rest in ask(connection, sql("chunk_held"), (holding,)):
                        ask(connection, sql("chunk_drop"), (row,))
                    ask(connection, sql("holding_drop"), (holding,))
                ask(connection, sql("space_drop"), (id,))

        self._opened.pop((collection, index), None)
        await self._file.write(act)

    async def spaces(self) -> list[tuple[str, int]]:
        return await self._file.read(lambda connection: ask(connection, sql("space_list")))

    async def put(self, space: Space, chunks: Sequence[Chunk]) -> None:
        await self._put(space, chunks)

    async def _put(self, space: Space, chunks: Sequence[Chunk]) -> Changed:
        for chunk in chunks:
            check_chunk(space, chunk)
        codes = codes_of([chunk.embedding for chunk in chunks if chunk.embedding is not None])

        def act(connection: apsw.Connection) -> Changed:
            if (space.collection, space.index) in self._opened:
                id = _open(connection, space)  # another process may have dropped it since
            else:
                id = _require(connection, space)
            changed = Changed(space=id)
            holdings: dict[tuple[str, int], tuple[int, bool]] = {}
            left = iter(codes)
            for chunk in chunks:
                key = (chunk.document_id, chunk.generation)
                if key not in holdings:
                    row = (id, *key, msgspec.json.encode(chunk.metadata).decode())
                    ((holding,),) = ask(connection, sql("holding_put"), row)
                    holdings[key] = (holding, bool(ask(connection, sql("holding_used"), (holding,))))
                holding, is_used = holdings[key]
                if is_used:
                    for old in ask(connection, sql("chunk_at"), (holding, chunk.index)):
                        changed.gone.append(_drop(connection, id, old))
                row_id = _store(connection, id, holding, chunk, b"" if chunk.is_parent else next(left))
                if chunk.embedding is not None:
                    changed.stored[row_id] = chunk.embedding
            if changed.gone:
                forgetting.mark(connection, id)
            return changed

        return await self._file.write(act)

    async def describe(
        self, collection: str, index: int, document_id: str, generation: int, metadata: Metadata
    ) -> bool:
        packed = msgspec.json.encode(metadata).decode()

        def act(connection: apsw.Connection, space: int) -> bool:
            return bool(ask(connection, sql("holding_describe"), (packed, space, document_id, generation)))

        return await self._file.write(lambda connection: in_space(connection, collection, index, act, False))

    async def sweep(
        self, collection: str, index: int, document_id: str, keep: Iterable[int] = (), upto: int | None = None
    ) -> int:
        changed = await self._sweep(collection, index, document_id, keep, upto)
        return 0 if changed is None else len(changed.gone)

    async def _sweep(
        self, collection: str, index: int, document_id: str, keep: Iterable[int], upto: int | None
    ) -> Changed | None:
        """``None`` where the space is not there."""
        kept = set(keep)

        def act(connection: apsw.Connection, space: int) -> Changed:
            changed = Changed(space=space)
            for holding, generation in ask(connection, sql("holding_list"), (space, document_id)):
                if generation not in kept and (upto is None or generation <= upto):
                    for row in ask(connection, sql("chunk_held"), (holding,)):
                        changed.gone.append(_drop(connection, space, row))
                    ask(connection, sql("holding_drop"), (holding,))
            if changed.gone:
                forgetting.mark(connection, space)
            return changed

        return await self._file.write(lambda connection: in_space(connection, collection, index, act, None))

    async def nearest(
        self, space: Space, vector: Vector, limit: int, where: Metadata, *, vectors: bool = False
    ) -> list[Found]:
        """Nothing where the space is not there. Raises ``ValidationError`` for a filter that cannot be used."""
        check_vector(space, vector)

        def act(connection: apsw.Connection, id: int) -> list[Found]:
            rows = _nearest(connection, space, id, vector, min(limit, MOST), where)
            return [found(connection, space, id, row, distance, vectors) for row, distance in rows]

        return await self._file.read(lambda each: in_space(each, space.collection, space.index, act, []))

    async def matching(
        self, space: Space, query: str, limit: int, where: Metadata, *, vectors: bool = False
    ) -> list[Found]:
        """Nothing where the space is not there, or the query has no word."""
        words = to_query(query)

        def act(connection: apsw.Connection, id: int) -> list[Found]:
            clause, values = _filter(id, where)
            if not words:
                return []
            rows = ask(connection, sql("matching", space=id, where=clause), (words, *values, limit))
            return [found(connection, space, id, row, score, vectors) for row, score in rows]

        return await self._file.read(lambda each: in_space(each, space.collection, space.index, act, []))

    async def chunks(
        self,
        collection: str,
        index: int,
        document_id: str,
        generation: int,
        *,
        after: int = -1,
        limit: int = 100,
        vectors: bool = False,
    ) -> list[Chunk]:
        def act(connection: apsw.Connection, space: int) -> list[Chunk]:
            found = ask(connection, sql("holding_find"), (space, document_id, generation))
            if not found:
                return []
            ((holding, metadata),) = found
            return [
                Chunk(
                    document_id=document_id,
                    collection=collection,
                    index=position,
                    text=text,
                    chunk_hash=hash,
                    generation=generation,
                    where=_read_place(place),
                    metadata=_read_metadata(metadata),
                    embedding=_vector(connection, space, id) if vectors and not is_parent else None,
                    is_parent=bool(is_parent),
                )
                for id, position, text, hash, place, is_parent in connection.execute(
                    sql("chunk_page"), (holding, after, limit)
                )
            ]

        return await self._file.read(lambda each: in_space(each, collection, index, act, []))

    async def hashes(self, collection: str, index: int, document_id: str, generation: int) -> dict[str, int]:
        def act(connection: apsw.Connection, space: int) -> dict[str, int]:
            for holding, _ in ask(connection, sql("holding_find"), (space, document_id, generation)):
                return dict(ask(connection, sql("chunk_hashes"), (holding,)))
            return {}

        return await self._file.read(lambda each: in_space(each, collection, index, act, {}))

    async def count(self, collection: str, index: int) -> dict[str, dict[int, int]]:
        def act(connection: apsw.Connection, space: int) -> dict[str, dict[int, int]]:
            counted: dict[str, dict[int, int]] = {}
            for document, generation, chunks in ask(connection, sql("holding_count"), (space,)):
                counted.setdefault(document, {})[generation] = chunks
            return counted

        return await self._file.read(lambda each: in_space(each, collection, index, act, {}))

    async def scrub(self) -> None:
        now = time.time()
        for space in await self._file.read(lambda connection: forgetting.due(connection, now)):
            await self._file.write(partial(_write_anew, space=space, now=now))
        await self._file.scrub()

    async def close(self) -> None:
        """The file is closed by whoever opened it."""


def ask(connection: apsw.Connection, statement: str, given: Sequence[Any] = ()) -> list[Row]:
    """All rows at once: a statement that is left half read would keep its transaction open."""
    return list(connection.execute(statement, given))


def _load_extension(connection: apsw.Connection) -> None:
    connection.enable_load_extension(True)
    connection.load_extension(sqlite_vec.loadable_path())
    connection.enable_load_extension(False)


def _make_tables(connection: apsw.Connection) -> None:
    ask(connection, sql("make_tables"))


def _write_anew(connection: apsw.Connection, space: int, now: float) -> None:
    """Another process may have done it, or dropped the space."""
    if space in forgetting.due(connection, now):
        forgetting.write_anew(connection, space, now)


def _require(connection: apsw.Connection, space: Space) -> int:
    for id, *_ in ask(connection, sql("space_find"), (space.collection, space.index)):
        return int(id)
    raise DocumentsError(f"the space {space.key} is not there; open_space makes it")


def in_space(
    connection: apsw.Connection, collection: str, index: int, act: Callable[[apsw.Connection, int], T], otherwise: T
) -> T:
    for id, *_ in ask(connection, sql("space_find"), (collection, index)):
        return act(connection, id)
    return otherwise


def _open(connection: apsw.Connection, space: Space) -> int:
    for id, dimension, metric in ask(connection, sql("space_find"), (space.collection, space.index)):
        if (dimension, metric) != (space.dimension, space.metric.value):
            raise ValidationError(
                "metric",
                f"{space.key} was made for {dimension} dimensions and {metric}, and keeps them; "
                f"{space.dimension} and {space.metric.value} were asked for",
            )
        return int(id)
    ((id,),) = ask(connection, sql("space_add"), (space.collection, space.index, space.dimension, space.metric.value))
    ask(connection, sql("make_vectors", space=id))
    ask(connection, sql("make_words", space=id))
    ask(connection, sql("words_secure", space=id))
    return int(id)


def _nearest(
    connection: apsw.Connection, space: Space, id: int, vector: Vector, limit: int, where: Metadata
) -> list[tuple[int, float]]:
    """Ids of chunks with the distance of the space's metric. What has no direction is near to nothing."""
    clause, values = _filter(id, where)
    clause = clause.replace("AND", "WHERE", 1)
    if space.metric is Metric.INNER_PRODUCT:
        return scan(ask(connection, sql("vector_all", space=id) + clause, values), vector, limit)
    if space.metric is Metric.L2:
        rows = ask(connection, sql("nearest", space=id, metric="l2", where=clause), (vector, *values, limit))
        return [(row, distance * distance) for row, distance in rows]
    compared = max(CANDIDATES, 6 * limit)
    if compared < LARGE and ask(connection, sql("is_large", space=id), (LARGE,)):
        given = (vector, *values, *codes_of([vector]), compared, limit)
        rows = ask(connection, sql("nearest_coded", space=id, where=clause), given)
    else:
        rows = ask(connection, sql("nearest", space=id, metric="cosine", where=clause), (vector, *values, limit))
    return [(row, distance) for row, distance in rows if distance is not None]


def _store(connection: apsw.Connection, space: int, holding: int, chunk: Chunk, code: bytes) -> int:
    headings = " ".join(filter(None, (chunk.where.title, *chunk.where.heading_path)))
    given = (holding, chunk.index, chunk.text, headings, chunk.chunk_hash, chunk.where.page)
    row = (*given, _pack_place(chunk.where), int(chunk.is_parent))
    ((id,),) = ask(connection, sql("chunk_put"), row)
    if not chunk.is_parent:
        ask(connection, sql("vector_put", space=space), (id, chunk.embedding))
        ask(connection, sql("code_put", space=space), (id, code))
        ask(connection, sql("word_put", space=space), (id, chunk.text, headings))
    return int(id)


def _drop(connection: apsw.Connection, space: int, row: Row) -> int:
    id, text, headings, is_parent = row
    if not is_parent:
        ask(connection, sql("vector_drop", space=space), (id,))
        ask(connection, sql("code_drop", space=space), (id,))
        ask(connection, sql("word_drop", space=space), (id, text, headings))
    ask(connection, sql("chunk_drop"), (id,))
    return int(id)


def _filter(space: int, where: Metadata) -> tuple[str, list[str | int | float | bool | None]]:
    if not where:
        return "", []
    condition, values = to_sql(read_filter(where), "h.metadata", COLUMNS)
    return sql("filtered", condition=condition), [space, *values]


def found(connection: apsw.Connection, space: Space, id: int, row: int, distance: float, vectors: bool) -> Found:
    ((document, generation, metadata, position, text, hash, place, is_parent),) = connection.execute(
        sql("chunk_get"), (row,)
    )
    chunk = Chunk(
        document_id=document,
        collection=space.collection,
        index=position,
        text=text,
        chunk_hash=hash,
        generation=generation,
        where=_read_place(place),
        metadata=_read_metadata(metadata),
        embedding=_vector(connection, id, row) if vectors else None,
        is_parent=bool(is_parent),
    )
    return Found(chunk=chunk, distance=distance)


def _vector(connection: apsw.Connection, space: int, id: int) -> Vector | None:
    for (packed,) in ask(connection, sql("vector_get", space=space), (id,)):
        return bytes(packed)
    return None
