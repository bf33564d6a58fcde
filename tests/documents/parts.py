"""The parts of the pipeline for tests: registry, vector store and parsers are the real ones; each line is a chunk,
and the embedder remembers what it was given."""

from __future__ import annotations

import asyncio
import hashlib
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from abaca_documents.blobs import FolderBlobs
from abaca_documents.errors import BlobNotFound, UnsupportedMediaType
from abaca_documents.libraryfile import LibraryFile
from abaca_documents.model import (
    ChunkMetadata,
    ChunkSettings,
    DuplicatePolicy,
    JobProgress,
    UploadJobPayload,
    Vector,
)
from abaca_documents.parsing import read
from abaca_documents.pipeline.duplicates import document_id_of
from abaca_documents.pipeline.outputs import FolderOutputs
from abaca_documents.pipeline.parts import Limits, Parts
from abaca_documents.protocols import Counted, Parsed, ParseLimits, Piece, Repository, VectorStore
from abaca_documents.registry import FileRegistry
from abaca_documents.vectors.sqlitevec import SqliteVectors


class InPlaceParser:
    """Parses in this process what the parsers confine to a sandbox elsewhere."""

    version = "1"

    def __init__(self) -> None:
        self.calls = 0

    async def detect(self, path: Path, filename: str) -> str:
        return "text/plain"

    async def parse(self, path: Path, filename: str, media_type: str, limits: ParseLimits) -> Parsed:
        self.calls += 1
        if filename.endswith(".odd"):
            raise UnsupportedMediaType("no parser for .odd")
        if filename.endswith(".lost"):
            raise BlobNotFound("the bytes were lost")
        return await asyncio.to_thread(read, path.read_bytes(), filename, limits)


class LineChunker:
    """One chunk for each line."""

    version = "lines"

    def chunk(self, parsed: Parsed, settings: ChunkSettings) -> list[Piece]:
        pieces, at = [], 0
        for line in parsed.text.splitlines(keepends=True):
            if line.strip():
                where = ChunkMetadata(start_char=at, end_char=at + len(line.rstrip()))
                pieces.append(Piece(text=line.rstrip(), where=where))
            at += len(line)
        return pieces


class DigestEmbedder:
    """A vector of each text's digest: equal texts have equal vectors."""

    def __init__(self, name: str = "static@1", dimension: int = 8) -> None:
        self.name = name
        self.dimension = dimension
        self.texts: list[str] = []

    async def embed(self, texts: Sequence[str], counted: Counted | None = None) -> list[Vector]:
        self.texts += texts
        for _ in texts:
            await asyncio.sleep(0)
            if counted is not None:
                counted(1)
        return [await self.embed_query(text) for text in texts]

    async def embed_query(self, text: str) -> Vector:
        numbers = [byte / 16 - 8 for byte in hashlib.sha512(text.encode()).digest()[: self.dimension]]
        length = sum(each * each for each in numbers) ** 0.5
        return struct.pack(f"<{self.dimension}f", *(each / length for each in numbers))

    async def close(self) -> None: ...


class Bench:
    """Parts on one library file in a folder, or on a registry and a vector store that are given. Files of at most
    ``small`` bytes are taken in as small ones, by default none."""

    def __init__(
        self, folder: Path, repository: Repository | None = None, small: int = 0, vectors: VectorStore | None = None
    ) -> None:
        self.folder = folder
        self.file = LibraryFile(folder / "library.db", readers=1, synchronous="OFF")
        self.vectors: VectorStore = vectors or SqliteVectors(self.file)
        self.repository: Repository = repository or FileRegistry(self.file)
        self.blobs = FolderBlobs(folder / "blobs")
        self.embedders = {name: DigestEmbedder(name) for name in ("static@1", "static@2")}
        self.parser = InPlaceParser()
        self.told: list[JobProgress] = []
        self.parts = Parts(
            repository=self.repository,
            vectors=self.vectors,
            blobs=self.blobs,
            outputs=FolderOutputs(folder / "outputs"),
            parser=self.parser,
            chunker=LineChunker(),
            embedder_of=self.embedders.__getitem__,
            limits=Limits(small=small),
            tell=self.told.append,
        )

    @property
    def embedded(self) -> list[str]:
        return self.embedders["static@1"].texts

    async def payload(self, text: str, name: str = "a.txt", **fields: Any) -> UploadJobPayload:
        """Stores the bytes, as whoever uploads them does."""
        key, size = await self.blobs.put(text.encode(), by="upload")
        given: dict[str, Any] = {
            "collection": "books",
            "on_duplicate": DuplicatePolicy.SKIP,
        } | fields
        id = given.pop("document_id", document_id_of(given["collection"], name))
        return UploadJobPayload(document_id=id, filename=name, content_hash=key, file_size=size, **given)

    async def seen(self, collection: str = "books") -> dict[str, list[str]]:
        """What searches can find: by filename the texts of the visible chunks, in order."""
        found: dict[str, list[str]] = {}
        number = (await self.repository.get_collection(collection)).index.number
        for document in (await self.repository.list(limit=500)).items:
            visible = await self.repository.visible([document.id])
            if document.collection == collection and visible:
                chunks = await self.vectors.chunks(collection, number, document.id, visible[document.id], limit=1000)
                assert [each.index for each in chunks] == list(range(len(chunks)))
                assert len(chunks) == document.chunk_count
                found[document.filename] = [each.text for each in chunks]
        return found

    async def held(self, collection: str = "books") -> dict[str, dict[int, int]]:
        """What the vector store holds in all indices: chunks by document and generation."""
        held: dict[str, dict[int, int]] = {}
        for name, index in await self.vectors.spaces():
            if name == collection:
                for id, generations in (await self.vectors.count(name, index)).items():
                    held.setdefault(id, {}).update(generations)
        return held

    async def close(self) -> None:
        await self.repository.close()
        await self.vectors.close()
        await self.file.close()


def words(first: int, last: int) -> str:
    """Text of one chunk for each number."""
    return "".join(f"{n} is a number.\n" for n in range(first, last))
