"""The vector store with Chroma in this process: the library file holds everything, and Chroma finds the nearest in it.

Chroma keeps what it was given in a log and in files of its own, from which no public means takes it when it is deleted.
So it is given vectors and numbers, and no word of a text. What is there is decided by the file: an index is written
behind it, and what a crash left undone is made good when a space is used first. An index that is missing is made anew.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import partial

import apsw

from abaca_documents.libraryfile import LibraryFile, Part
from abaca_documents.model import Chunk, Metadata, Vector
from abaca_documents.protocols import Found, Space
from abaca_documents.vectors.checking import check_vector
from abaca_documents.vectors.chroma import graph
from abaca_documents.vectors.chroma.client import Chroma
from abaca_documents.vectors.chroma.graph import Index
from abaca_documents.vectors.chroma.shelf import AT_ONCE
from abaca_documents.vectors.sqlitevec import MOST, Changed, SqliteVectors, found, in_space


class IndexedVectors(SqliteVectors):
    """A ``VectorStore``. Searches by meaning that have no filter ask Chroma, all others the file. ``chroma`` is closed
    with it."""

    def __init__(self, file: LibraryFile, chroma: Chroma) -> None:
        super().__init__(file)
        file.join(Part("indices", graph.make_tables))
        self._chroma = chroma
        self._whole: set[str] = set()
        """Names of indices that hold what the file has."""
        self._mending = asyncio.Lock()

    async def open_space(self, space: Space) -> None:
        await self._chroma.run(graph.reach)
        await super().open_space(space)

    async def drop_space(self, collection: str, index: int) -> None:
        known = await self._find(collection, index)
        await super().drop_space(collection, index)
        if known is not None:
            await self._file.behind(partial(self._drop, known), self._whole.clear)

    async def put(self, space: Space, chunks: Sequence[Chunk]) -> None:
        async with self._following():
            changed = await self._put(space, chunks)
            await self._file.behind(partial(self._follow, changed), self._whole.clear)

    async def sweep(
        self, collection: str, index: int, document_id: str, keep: Iterable[int] = (), upto: int | None = None
    ) -> int:
        async with self._following():
            changed = await self._sweep(collection, index, document_id, keep, upto)
            if changed is None:
                return 0
            if changed.gone:
                await self._file.behind(partial(self._follow, changed), self._whole.clear)
            return len(changed.gone)

    async def nearest(
        self, space: Space, vector: Vector, limit: int, where: Metadata, *, vectors: bool = False
    ) -> list[Found]:
        """By Chroma's graph, which finds nearly all. Nothing where the space is not there. Raises ``ValidationError``
        for a filter that cannot be used."""
        check_vector(space, vector)
        known = None if where else await self._find(space.collection, space.index)
        if known is None or not known.name:
            return await super().nearest(space, vector, limit, where, vectors=vectors)
        await self._mend(known)
        wanted = asked = min(limit, MOST)
        while True:
            ask = partial(graph.nearest, index=known, vector=vector, limit=asked)
            near = await self._chroma.run(ask)
            there = await self._known(space, near, wanted, vectors)
            if len(there) >= wanted or len(near) < asked or asked >= MOST:
                return there
            asked = min(MOST, 2 * asked)  # the index may still have what the file has no more

    async def close(self) -> None:
        await self._chroma.close()

    async def _find(self, collection: str, number: int) -> Index | None:
        return await self._file.read(lambda each: in_space(each, collection, number, graph.find, None))

    async def _known(self, space: Space, near: Sequence[tuple[int, float]], limit: int, vectors: bool) -> list[Found]:
        def act(connection: apsw.Connection, id: int) -> list[Found]:
            there = graph.vectors_of(connection, id, [row for row, _ in near])
            return [found(connection, space, id, row, far, vectors) for row, far in near if row in there][:limit]

        return await self._file.read(lambda each: in_space(each, space.collection, space.index, act, []))

    @asynccontextmanager
    async def _following(self) -> AsyncIterator[None]:
        """Around a write of the file and of its index. What breaks off between them is mended by the next who comes."""
        await self._chroma.run(graph.reach)
        try:
            yield
        except BaseException:
            self._whole.clear()
            raise

    async def _drop(self, known: Index) -> None:
        await self._file.write(graph.forget_dropped)
        await self._chroma.run(lambda client: graph.drop(client, known.name))

    async def _follow(self, changed: Changed) -> None:
        try:
            await self._bring(changed)
        except BaseException:
            self._whole.clear()
            raise

    async def _bring(self, changed: Changed) -> None:
        """To the index of a space, what was written in the file."""
        name = f"space-{changed.space}-{secrets.token_hex(8)}"
        known = await self._file.write(lambda connection: graph.named(connection, changed.space, name))
        if known is None:
            return
        await self._mend(known)
        if changed.stored:
            await self._chroma.run(lambda client: graph.store(client, known, changed.stored))
        if changed.gone:
            await self._chroma.run(lambda client: graph.forget(client, known, changed.gone))

    async def _mend(self, known: Index) -> None:
        """Make an index hold what the file has, after whatever happened to either. Chroma is asked first: the file is
        written before it, so what it has and the file has not by then is gone."""
        async with self._mending:
            if known.name in self._whole:
                return
            names = await self._chroma.run(graph.names_indexed)
            indexed = await self._chroma.run(lambda client: graph.ids_indexed(client, known))
            kept = await self._file.read(graph.names_known)
            if known.name not in kept:
                return
            there = await self._file.read(lambda connection: graph.vectors_known(connection, known))
            missing = sorted(there - indexed)
            for start in range(0, len(missing), AT_ONCE):
                some = partial(graph.vectors_of, space=known.space, ids=missing[start : start + AT_ONCE])
                stored = await self._file.read(some)
                await self._chroma.run(partial(graph.store, index=known, vectors=stored))
            await self._chroma.run(lambda client: graph.forget(client, known, sorted(indexed - there)))
            for lost in sorted(names - kept):
                await self._chroma.run(partial(graph.drop, name=lost))
            self._whole.add(known.name)
