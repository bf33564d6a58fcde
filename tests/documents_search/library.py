"""A small library in memory: a registry that says what is visible, a store, and an embedder of counted words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from abaca_documents.embedding.local import unit
from abaca_documents.errors import CollectionNotFound
from abaca_documents.libraryfile import LibraryFile
from abaca_documents.model import (
    Chunk,
    ChunkMetadata,
    Collection,
    Document,
    Index,
    Metadata,
    Metric,
    Vector,
    chunk_hash,
    new_document,
)
from abaca_documents.protocols import Counted, Space, VectorStore
from abaca_documents.searching import SearchCache, Searcher

SUBJECTS = {"cat": 0, "kitten": 0, "feline": 0, "dog": 1, "puppy": 1, "hound": 1, "tax": 2, "levy": 2, "duty": 2}
"""Words by what they mean; the vectors know meanings, not words."""
DAY = datetime(2026, 1, 1, tzinfo=UTC)


class Meanings:
    """An embedder that counts subjects."""

    name = "meanings@1"
    dimension = 4

    def __init__(self) -> None:
        self.queries = 0

    async def embed(self, texts: Sequence[str], counted: Counted | None = None) -> list[Vector]:
        return [self.vector(text) for text in texts]

    async def embed_query(self, text: str) -> Vector:
        self.queries += 1
        return self.vector(text)

    async def close(self) -> None:
        """Nothing to close."""

    def vector(self, text: str) -> Vector:
        row = np.array([0.0, 0.0, 0.0, 0.05])
        for word in re.findall(r"\w+", text.lower()):
            if (at := SUBJECTS.get(word.removesuffix("s"))) is not None:
                row[at] += 1
        return unit(row.tolist())


class Library:
    """A registry with a store behind it."""

    def __init__(self, file: LibraryFile, store: VectorStore) -> None:
        self.file = file
        self.store = store
        self.embedder = Meanings()
        self.collections: dict[str, Collection] = {}
        self.documents: dict[str, Document] = {}
        self.changed: dict[str, int] = {}
        self.searcher = Searcher(self, self.store, lambda name: self.embedder, SearchCache())

    async def make(self, name: str, metric: Metric = Metric.COSINE) -> None:
        index = Index(number=1, embedder=self.embedder.name, dimension=4)
        self.collections[name] = Collection(name=name, metric=metric, index=index, created_at=DAY, updated_at=DAY)
        await self.store.open_space(Space(collection=name, index=1, dimension=4, metric=metric))

    async def add(
        self,
        id: str,
        *texts: str,
        collection: str = "animals",
        generation: int = 1,
        visible: bool = True,
        metadata: Metadata | None = None,
    ) -> None:
        found = self.collections[collection]
        space = Space(collection=collection, index=1, dimension=4, metric=found.metric)
        chunks = [
            Chunk(
                document_id=id,
                collection=collection,
                index=at,
                text=text,
                chunk_hash=chunk_hash(text),
                generation=generation,
                where=ChunkMetadata(start_char=10 * at, end_char=10 * at + len(text), page=at + 1),
                metadata=metadata or {},
                embedding=self.embedder.vector(text),
            )
            for at, text in enumerate(texts)
        ]
        await self.store.put(space, chunks)
        if visible:
            self.show(id, collection, generation)

    def show(self, id: str, collection: str, generation: int) -> None:
        self.documents[id] = new_document(
            id=id, collection=collection, filename=f"{id}.txt", title=id.title(), generation=generation, index=1
        )
        self.changed[collection] = self.changed.get(collection, 0) + 1

    async def get_collection(self, name: str) -> Collection:
        if name not in self.collections:
            raise CollectionNotFound("get_collection", name)
        return self.collections[name]

    async def visible(self, ids: Sequence[str]) -> dict[str, int]:
        return {id: found.generation for id in ids if (found := self.documents.get(id)) is not None}

    async def get_batch(self, ids: Sequence[str]) -> list[Document | None]:
        return [self.documents.get(id) for id in ids]

    async def changes(self, names: Sequence[str]) -> dict[str, int]:
        return {name: self.changed.get(name, 0) for name in names}
