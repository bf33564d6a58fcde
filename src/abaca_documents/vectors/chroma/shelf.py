"""One space in Chroma, with the calls that more than one verb of the store makes. It blocks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from abaca_documents.errors import ValidationError
from abaca_documents.filters import matches, names_of, read_filter
from abaca_documents.model import Chunk, Metadata
from abaca_documents.protocols import Space
from abaca_documents.vectors.chroma.bm25 import length_of, words_of
from abaca_documents.vectors.chroma.client import is_missing
from abaca_documents.vectors.chroma.records import (
    BESIDE,
    CHUNKS,
    Row,
    aside,
    chunk_of,
    described,
    holding_of,
    id_of,
    names,
    numbers,
    packed,
    row_of,
    unpacked,
    words_row,
)

GRAPH = {"ef_construction": 200, "ef_search": 2000, "max_neighbors": 32}
"""``ef_search`` vectors are looked at for a question; a tenth of that misses most of 100,000 (docs/performance.md)."""
SAMPLE = 1000
"""Texts whose mean length stands for that of all, in a keyword search."""
AT_ONCE = 2000
READ = 10_000
"""Rows of one answer. Chroma asks its own SQLite for them by a list of numbers, which may have 32,766."""
_OF_CHUNKS = {"page", "chunk_index"}


def open_space(client: Any, space: Space) -> None:
    """Make both collections where they are missing. Raises ``ValidationError`` where they are there for another
    dimension or metric."""
    for part, name in zip((CHUNKS, BESIDE), names(space.collection, space.index), strict=True):
        wanted = described(space, part)
        try:
            found = client.get_collection(name, embedding_function=None)
        except Exception as error:
            if not is_missing(error):
                raise
            metric = space.metric.value if part == CHUNKS else "l2"
            found = client.get_or_create_collection(
                name,
                metadata=wanted,
                configuration={"hnsw": {"space": metric, **(GRAPH if part == CHUNKS else {})}},
                embedding_function=None,
            )
        known = found.metadata or {}
        if (known.get("dimension"), known.get("metric")) != (space.dimension, space.metric.value):
            raise ValidationError(
                "metric",
                f"{space.key} was made for {known.get('dimension')} dimensions and {known.get('metric')}, and keeps "
                f"them; {space.dimension} and {space.metric.value} were asked for",
            )


class Shelf:
    """Raises Chroma's ``NotFoundError`` where the space is not there."""

    def __init__(self, client: Any, collection: str, index: int) -> None:
        self.collection = collection
        self.chunks, self.beside = (
            client.get_collection(name, embedding_function=None) for name in names(collection, index)
        )

    def put(self, chunks: Sequence[Chunk]) -> None:
        """What is found by words is there before what is found by its vector, and after the holding of both."""
        holdings = {holding_of(each.document_id, each.generation): each for each in chunks}
        self._aside(
            [f"holding {name}" for name in holdings],
            [packed(each.metadata) for each in holdings.values()],
            [
                {"kind": "holding", "holding": name, "document_id": each.document_id, "generation": each.generation}
                for name, each in holdings.items()
            ],
        )
        words = ["" if each.is_parent else words_of(each) for each in chunks]
        self._aside(
            [id_of(each) for each in chunks],
            [each.text if each.is_parent else found for each, found in zip(chunks, words, strict=True)],
            [
                row_of(each, "parent") if each.is_parent else words_row(each, length_of(found))
                for each, found in zip(chunks, words, strict=True)
            ],
        )
        found = [each for each in chunks if each.embedding is not None]
        if parents := [id_of(each) for each in chunks if each.is_parent]:
            self.chunks.delete(ids=parents)
        if found:
            self.chunks.upsert(
                ids=[id_of(each) for each in found],
                embeddings=np.stack([numbers(each.embedding or b"") for each in found]),
                documents=[each.text for each in found],
                metadatas=[row_of(each, "chunk") for each in found],
            )

    def _aside(self, ids: list[str], documents: list[str], rows: list[dict[str, str | int | bool]]) -> None:
        if ids:
            vectors = np.stack([aside(id) for id in ids])
            self.beside.upsert(ids=ids, embeddings=vectors, documents=documents, metadatas=rows)

    def drop(self, holdings: Sequence[str]) -> int:
        """How many chunks went. The holdings go last, so that a deletion that broke off finds them again."""
        count = 0
        for some in batches(holdings):
            where = {"holding": {"$in": some}}
            ids = set(_all(self.chunks, [], where=where)["ids"])
            rows = _all(self.beside, ["metadatas"], where=where)
            beside = {id for id, row in zip(rows["ids"], rows["metadatas"], strict=True) if row["kind"] != "holding"}
            for each in batches(sorted(ids)):
                self.chunks.delete(ids=each)
            for each in batches(sorted(beside)):
                self.beside.delete(ids=each)
            self.beside.delete(ids=[f"holding {name}" for name in some])
            count += len(ids | beside)
        return count

    def holdings(self, where: Mapping[str, Any] | None = None) -> list[tuple[str, Row, Metadata]]:
        """Names, records and metadata of generations; of all, or of those that a condition of Chroma's lets through."""
        kind = {"kind": "holding"}
        found = _all(self.beside, ["metadatas", "documents"], where={"$and": [kind, where]} if where else kind)
        return [
            (row["holding"], row, unpacked(text))
            for row, text in zip(found["metadatas"], found["documents"], strict=True)
        ]

    def rows(self, where: Mapping[str, Any] | None) -> tuple[list[Row], list[Row]]:
        """The records of chunks, and of parents."""
        kind = {"kind": "parent"}
        found = _all(self.chunks, ["metadatas"], where=where)
        parents = _all(self.beside, ["metadatas"], where={"$and": [kind, where]} if where else kind)
        return found["metadatas"], parents["metadatas"]

    def between(self, holding: str, first: int, end: int, vectors: bool) -> list[Chunk]:
        """Chunks and parents of a generation whose index is at least ``first`` and below ``end``, in order."""
        where = [{"holding": holding}, {"chunk_index": {"$gte": first}}, {"chunk_index": {"$lt": end}}]
        found = self._chunks(self.chunks.get(where={"$and": where}, include=_included(vectors)))
        parents = self.beside.get(where={"$and": [{"kind": "parent"}, *where]}, include=_included(False))
        return sorted([*found.values(), *self._chunks(parents).values()], key=lambda each: each.index)

    def has_from(self, holding: str, first: int) -> bool:
        where = [{"holding": holding}, {"chunk_index": {"$gte": first}}]
        return bool(self.beside.get(where={"$and": where}, include=[], limit=1)["ids"])

    def nearest(
        self, vector: bytes, limit: int, parts: Sequence[Mapping[str, Any]], vectors: bool
    ) -> list[tuple[Row, Chunk, float]]:
        """The nearest of those that any of the parts lets through; see ``passing``."""
        found = [each for limits in parts for each in self._nearest(vector, limit, limits, vectors)]
        return sorted(found, key=lambda each: (each[2], each[1].id))[:limit]

    def _nearest(
        self, vector: bytes, limit: int, limits: Mapping[str, Any], vectors: bool
    ) -> Iterator[tuple[Row, Chunk, float]]:
        answer = self.chunks.query(
            query_embeddings=[numbers(vector)],
            n_results=limit,
            include=[*_included(vectors), "distances"],
            **limits,
        )
        first = {name: answer[name][0] for name in ("ids", "metadatas", "documents", "distances")}
        known = self._chunks(first | {"embeddings": answer["embeddings"][0] if vectors else None})
        for id, row, far in zip(first["ids"], first["metadatas"], first["distances"], strict=True):
            yield row, known[id], float(far)

    def matching(self, phrases: Sequence[str]) -> dict[str, str]:
        """By id the stems of each chunk that holds one of the phrases."""
        parts = [{"$contains": phrase} for phrase in phrases]
        holding_one = parts[0] if len(parts) == 1 else {"$or": parts}
        found = _all(self.beside, ["documents"], where={"kind": "words"}, where_document=holding_one)
        return dict(zip(found["ids"], found["documents"], strict=True))

    def mean_length(self) -> float:
        rows = self.beside.get(where={"kind": "words"}, limit=SAMPLE, include=["metadatas"])["metadatas"]
        return sum(int(row["length"]) for row in rows) / max(1, len(rows))

    def by_ids(self, ids: Sequence[str], vectors: bool) -> dict[str, Chunk]:
        found: dict[str, Chunk] = {}
        for some in batches(ids):
            found |= self._chunks(self.chunks.get(ids=some, include=_included(vectors)))
        return found

    def passing(self, where: Metadata) -> list[dict[str, Any]]:
        """What limits queries to the chunks that a filter lets through, in parts that Chroma can take; no part where
        there are none. The filter itself is asked here, so it means the same as in the other store."""
        if not where:
            return [{}]
        node = read_filter(where)
        known = {name: metadata | {"document_id": row["document_id"]} for name, row, metadata in self.holdings()}
        if not names_of(node) & _OF_CHUNKS:
            passed = [name for name, metadata in known.items() if matches(node, metadata)]
            return [{"where": {"holding": {"$in": some}}} for some in batches(passed, READ)]
        found = _all(self.chunks, ["metadatas"])
        ids = [
            id
            for id, row in zip(found["ids"], found["metadatas"], strict=True)
            if row["holding"] in known
            and matches(node, known[row["holding"]] | {name: row[name] for name in _OF_CHUNKS})
        ]
        return [{"ids": some} for some in batches(ids, READ)]

    def _chunks(self, answer: Mapping[str, Any]) -> dict[str, Chunk]:
        """By id, with the metadata that their generations have by now; those that lost theirs are on their way out."""
        rows, vectors = answer["metadatas"], answer["embeddings"]
        wanted = sorted({f"holding {row['holding']}" for row in rows})
        known: dict[str, Metadata] = {}
        for some in batches(wanted):
            found = self.beside.get(ids=some, include=["documents"])
            known |= {id: unpacked(text) for id, text in zip(found["ids"], found["documents"], strict=True)}
        return {
            id: chunk_of(
                self.collection,
                text,
                row,
                known.get(f"holding {row['holding']}", {}),
                None if vectors is None else vectors[at],
            )
            for at, (id, row, text) in enumerate(zip(answer["ids"], rows, answer["documents"], strict=True))
        }


def batches(items: Sequence[str], size: int = AT_ONCE) -> Iterator[list[str]]:
    for start in range(0, len(items), size):
        yield list(items[start : start + size])


def _all(collection: Any, include: list[str], **limits: Any) -> dict[str, list[Any]]:
    """What ``get`` answers, however many rows it is, in no order.

    Where one answer cannot hold them they are read from the end on: what is deleted meanwhile moves others towards the
    beginning, so none is left out.
    """
    answer: dict[str, list[Any]] = collection.get(include=include, limit=READ, **limits)
    if len(answer["ids"]) < READ:
        return answer
    columns = ("ids", *include)
    rows: dict[str, tuple[Any, ...]] = {}
    start = collection.count()
    while start > 0:
        end, start = start, max(0, start - READ)
        part = collection.get(include=include, limit=end - start, offset=start, **limits)
        rows |= {row[0]: row for row in zip(*(part[column] for column in columns), strict=True)}
    return {column: [row[place] for row in rows.values()] for place, column in enumerate(columns)}


def _included(vectors: bool) -> list[str]:
    return ["metadatas", "documents", *(["embeddings"] if vectors else [])]
