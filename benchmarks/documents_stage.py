"""What the benchmarks of documents stand on: a collection with a registry and a store of its own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from abaca_documents.chunking import TextChunker
from abaca_documents.libraryfile import LibraryFile
from abaca_documents.model import Chunk, ChunkSettings, Collection, Document, Index, chunk_hash, new_document
from abaca_documents.parsing import read
from abaca_documents.protocols import Embedder, Piece, Space, VectorStore
from abaca_documents.searching import Searcher
from abaca_documents.vectors.sqlitevec import SqliteVectors

DAY = datetime(2026, 1, 1, tzinfo=UTC)


def cut(data: bytes) -> list[Piece]:
    return TextChunker().chunk(read(data, "a.txt"), ChunkSettings())


class Stage:
    """One collection, all of whose documents are visible."""

    def __init__(self, file: LibraryFile | Path, embedder: Embedder, store: VectorStore | None = None) -> None:
        self.file = file if isinstance(file, LibraryFile) else LibraryFile(file)
        self.store = store or SqliteVectors(self.file)
        self.embedder = embedder
        self.space = Space(collection="bench", index=1, dimension=embedder.dimension)
        index = Index(number=1, embedder=embedder.name, dimension=embedder.dimension)
        self.collection = Collection(name="bench", index=index, created_at=DAY, updated_at=DAY)
        self.documents: dict[str, Document] = {}
        self.searcher = Searcher(self, self.store, lambda name: embedder)

    async def open(self) -> None:
        await self.store.open_space(self.space)

    async def close(self) -> None:
        await self.file.close()

    def show(self, id: str) -> None:
        self.documents[id] = new_document(id=id, collection="bench", filename=id, generation=1)

    def chunks(self, id: str, pieces: Sequence[Piece], vectors: Sequence[bytes]) -> list[Chunk]:
        return [
            Chunk(
                document_id=id,
                collection="bench",
                index=at,
                text=piece.text,
                chunk_hash=chunk_hash(piece.text),
                generation=1,
                where=piece.where,
                embedding=vector,
            )
            for at, (piece, vector) in enumerate(zip(pieces, vectors, strict=True))
        ]

    async def get_collection(self, name: str) -> Collection:
        return self.collection

    async def visible(self, ids: Sequence[str]) -> dict[str, int]:
        return {id: 1 for id in ids if id in self.documents}

    async def get_batch(self, ids: Sequence[str]) -> list[Document | None]:
        return [self.documents.get(id) for id in ids]

    async def changes(self, names: Sequence[str]) -> dict[str, int]:
        return dict.fromkeys(names, 0)
