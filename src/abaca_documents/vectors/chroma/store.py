"""The vector store in a Chroma server. It shares no transaction with anything: what is seen is said in the registry
alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from abaca_documents.errors import DocumentsError
from abaca_documents.filters import read_filter
from abaca_documents.model import Chunk, Metadata, Metric, Vector
from abaca_documents.protocols import Found, Space
from abaca_documents.vectors.checking import check_chunk, check_vector
from abaca_documents.vectors.chroma.bm25 import phrases_of, score
from abaca_documents.vectors.chroma.client import Chroma, is_missing
from abaca_documents.vectors.chroma.records import OURS, aside, holding_of, names, packed
from abaca_documents.vectors.chroma.shelf import AT_ONCE, Shelf, open_space

T = TypeVar("T")
MOST = 4096
"""Neighbours that are given at once."""


class ChromaVectors:
    """A ``VectorStore``. ``chroma`` is closed with it."""

    def __init__(self, chroma: Chroma) -> None:
        self._chroma = chroma
        self._opened: dict[tuple[str, int], tuple[int, Metric]] = {}
        self._lengths: dict[str, tuple[int, float]] = {}
        """By the id of a collection in Chroma: how many texts it had, and their mean length."""

    async def open_space(self, space: Space) -> None:
        """Raises ``ValidationError`` where it is there with another dimension or metric: those never change."""
        key, wanted = (space.collection, space.index), (space.dimension, space.metric)
        if self._opened.get(key) != wanted:
            await self._chroma.run(lambda client: open_space(client, space))
            self._opened[key] = wanted

    async def drop_space(self, collection: str, index: int) -> None:
        def act(client: Any) -> None:
            for name in names(collection, index):
                try:
                    client.delete_collection(name)
                except Exception as error:
                    if not is_missing(error):
                        raise

        self._opened.pop((collection, index), None)
        await self._chroma.run(act)

    async def spaces(self) -> list[tuple[str, int]]:
        """Both halves count, so that one that a crash left alone is found and dropped."""

        def act(client: Any) -> list[tuple[str, int]]:
            found: set[tuple[str, int]] = set()
            at = 0
            while page := client.list_collections(limit=AT_ONCE, offset=at):
                at += len(page)
                known = (each.metadata or {} for each in page)
                found |= {(each["collection"], each["index"]) for each in known if OURS in each}
            return sorted(found)

        return await self._chroma.run(act)

    async def put(self, space: Space, chunks: Sequence[Chunk]) -> None:
        for chunk in chunks:
            check_chunk(space, chunk)
        is_opened = (space.collection, space.index) in self._opened

        def act(client: Any) -> None:
            try:
                shelf = Shelf(client, space.collection, space.index)
            except Exception as error:
                if not is_missing(error):
                    raise
                if not is_opened:
                    raise DocumentsError(f"the space {space.key} is not there; open_space makes it") from error
                open_space(client, space)  # another process dropped it since
                shelf = Shelf(client, space.collection, space.index)
            for start in range(0, len(chunks), AT_ONCE):
                shelf.put(chunks[start : start + AT_ONCE])

        await self._chroma.run(act)

    async def describe(
        self, collection: str, index: int, document_id: str, generation: int, metadata: Metadata
    ) -> bool:
        def act(shelf: Shelf) -> bool:
            id = f"holding {holding_of(document_id, generation)}"
            if not shelf.beside.get(ids=[id], include=[])["ids"]:
                return False
            shelf.beside.update(ids=[id], documents=[packed(metadata)], embeddings=[aside(id)])
            return True

        return await self._in_space(collection, index, act, False)

    async def sweep(
        self, collection: str, index: int, document_id: str, keep: Iterable[int] = (), upto: int | None = None
    ) -> int:
        kept = set(keep)

        def act(shelf: Shelf) -> int:
            found = shelf.holdings({"document_id": document_id})
            gone = [
                holding
                for holding, row, _ in found
                if row["generation"] not in kept and (upto is None or row["generation"] <= upto)
            ]
            return shelf.drop(gone)

        return await self._in_space(collection, index, act, 0)

    async def nearest(
        self, space: Space, vector: Vector, limit: int, where: Metadata, *, vectors: bool = False
    ) -> list[Found]:
        """By Chroma's graph, which finds nearly all. Nothing where the space is not there. Raises ``ValidationError``
        for a filter that cannot be used."""
        check_vector(space, vector)
        read_filter(where)

        def act(shelf: Shelf) -> list[Found]:
            return [
                Found(chunk=chunk, distance=distance)
                for row, chunk, distance in shelf.nearest(vector, min(limit, MOST), shelf.passing(where), vectors)
                if not (row["is_flat"] and space.metric is Metric.COSINE)
            ]

        return await self._in_space(space.collection, space.index, act, [])

    async def matching(
        self, space: Space, query: str, limit: int, where: Metadata, *, vectors: bool = False
    ) -> list[Found]:
        """Every chunk that holds one of the words is looked at. Nothing where the space is not there, or the query has
        no word."""
        phrases = phrases_of(query)
        read_filter(where)

        def act(shelf: Shelf) -> list[Found]:
            parts = shelf.passing(where)
            matching = shelf.matching(phrases) if phrases and parts else {}
            if not matching:
                return []
            count = shelf.chunks.count()
            scores = score(matching, phrases, count, self._mean_length(shelf, count))
            if where:
                passed = {id for limits in parts for id in shelf.chunks.get(include=[], **limits)["ids"]}
                scores = {id: each for id, each in scores.items() if id in passed}
            best = sorted(scores, key=lambda id: (-scores[id], id))[:limit]
            known = shelf.by_ids(best, vectors)
            return [Found(chunk=known[id], distance=scores[id]) for id in best if id in known]

        return await self._in_space(space.collection, space.index, act, [])

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
        def act(shelf: Shelf) -> list[Chunk]:
            found: list[Chunk] = []
            first, width = after + 1, limit
            while len(found) < limit:
                found += shelf.between(holding_of(document_id, generation), first, first + width, vectors)
                first, width = first + width, 4 * width
                if not shelf.has_from(holding_of(document_id, generation), first):
                    break
            return found[:limit]

        return await self._in_space(collection, index, act, [])

    async def hashes(self, collection: str, index: int, document_id: str, generation: int) -> dict[str, int]:
        def act(shelf: Shelf) -> dict[str, int]:
            found: dict[str, int] = {}
            for row in shelf.rows({"holding": holding_of(document_id, generation)})[0]:
                found[row["hash"]] = min(row["chunk_index"], found.get(row["hash"], row["chunk_index"]))
            return found

        return await self._in_space(collection, index, act, {})

    async def count(self, collection: str, index: int) -> dict[str, dict[int, int]]:
        def act(shelf: Shelf) -> dict[str, dict[int, int]]:
            counted: dict[str, dict[int, int]] = {}
            for rows in shelf.rows(None):
                for row in rows:
                    by = counted.setdefault(row["document_id"], {})
                    by[row["generation"]] = by.get(row["generation"], 0) + 1
            return counted

        return await self._in_space(collection, index, act, {})

    async def scrub(self) -> None:
        """Nothing can be done from here. Chroma forgets rows, and what it wrote stays in its files for a while."""

    async def close(self) -> None:
        await self._chroma.close()

    def _mean_length(self, shelf: Shelf, count: int) -> float:
        """Read anew when a tenth of the texts has changed: it takes longer than the search."""
        known, mean = self._lengths.get(str(shelf.chunks.id), (0, 0.0))
        if not 0.9 * known <= count <= 1.1 * known:
            mean = shelf.mean_length()
            self._lengths[str(shelf.chunks.id)] = (count, mean)
        return mean

    async def _in_space(self, collection: str, index: int, act: Callable[[Shelf], T], otherwise: T) -> T:
        """A space that somebody drops meanwhile is not there."""

        def run(client: Any) -> T:
            try:
                return act(Shelf(client, collection, index))
            except Exception as error:
                if is_missing(error):
                    return otherwise
                raise

        return await self._chroma.run(run)
