"""The stages of an ingest. Each takes what the one before left in the outputs, or makes that again."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import msgspec

from abaca_documents.embedding.caching import CachedEmbedder
from abaca_documents.errors import IngestError, TooLarge
from abaca_documents.model import (
    Chunk,
    ChunkSettings,
    Collection,
    Document,
    DocumentStatus,
    Index,
    Metadata,
    Revision,
    Stage,
    Vector,
    carried,
    chunk_hash,
    instant_now,
)
from abaca_documents.model.base import Value
from abaca_documents.pipeline.extracting import extract, with_extracted
from abaca_documents.pipeline.marks import progress
from abaca_documents.pipeline.parts import Parts
from abaca_documents.protocols import Parsed, ParseLimits, Piece, Space

T = TypeVar("T")
EMBED_BATCH = 256
"""Chunks that are embedded before their vectors are put aside: what a crash can cost."""
STORE_BATCH = 100
SMALL_BATCH = 64
"""Texts of a small file that may be embedded again after a crash."""


_RUNS = DocumentStatus.PROCESSING


class ParseStep(Value, frozen=True, kw_only=True):
    """No text of the document: a job outlives it."""

    media_type: str
    characters: int
    pages: int


class EmbedStep(Value, frozen=True, kw_only=True):
    chunks: int
    embedded: int
    """Distinct texts that had no vector yet, neither in the visible revision nor in the cache."""


class Made(Value, frozen=True, kw_only=True):
    vectors: dict[str, Vector]
    computed: int


class Ingest:
    """One revision of one document on its way into the indices of its collection."""

    def __init__(self, parts: Parts, document: Document, generation: int) -> None:
        revision = document.revision_of(generation)
        if revision is None:
            raise IngestError(f"document {document.id}: generation {generation} was forgotten; upload it again")
        self.parts = parts
        self.document = document
        self.revision: Revision = revision
        self._is_small = revision.file_size <= parts.limits.small
        self._made: dict[str, Any] = {}
        """What stages of a small file made: it is kept here and not put aside."""

    async def start(self) -> Document:
        """Say that it is being worked on; also after a run that failed."""
        generation = self.revision.generation
        if (self.revision.status, self.document.status, self.document.error) == (_RUNS, _RUNS, ""):
            return self.document

        def change(before: Document) -> Document | None:
            revision = before.revision_of(generation)
            if revision is None or before.generation >= generation or before.status is DocumentStatus.DELETED:
                return None
            started = msgspec.structs.replace(
                revision,
                status=DocumentStatus.PROCESSING,
                error="",
                started_at=revision.started_at or instant_now(),
                finished_at=None,
            )
            return msgspec.structs.replace(
                before, status=DocumentStatus.PROCESSING, error="", revisions=replaced(before.revisions, started)
            )

        self.document = await self.parts.repository.change(self.document.id, change, "start")
        return self.document

    async def parse(self) -> ParseStep:
        self._tell(Stage.PARSE)
        parsed = await self._parsed()
        pages = max((page.number for page in parsed.pages), default=0)
        return ParseStep(media_type=parsed.media_type, characters=len(parsed.text), pages=pages)

    async def title(self) -> str:
        """As it stands in the bytes; empty where there is none."""
        name = f"title {self._parse_name()}"
        title = await self._output(name, str)
        if title is None:
            title = (await self._parsed()).title
            await self._put_aside(name, title)
        return title

    async def extract(self) -> int:
        """Note on the document what the text itself says of it; how many keywords that are."""
        parsed = await self._parsed()
        found = await asyncio.to_thread(extract, parsed, self.document.num_questions)
        await self.parts.repository.change(self.document.id, lambda before: with_extracted(before, found), "extract")
        return len(found.keywords)

    async def chunk(self, index: Index) -> int:
        """How many chunks, parents not counted."""
        self._tell(Stage.CHUNK)
        return sum(not piece.is_parent for piece in await self._pieces(index))

    async def embed(self, index: Index) -> EmbedStep:
        """Vectors for all chunks whose text the visible revision has not, batch by batch."""
        pieces = await self._pieces(index)
        wanted = _texts(pieces)
        known = await self._known(index)
        missing = [hash for hash in wanted if hash not in known]
        done, embedded = len(wanted) - len(missing), 0
        self._tell(Stage.EMBED, done, len(wanted))
        for batch in _batches(missing, EMBED_BATCH):
            embedded += (await self._vectors(index, batch, wanted, base=done, total=len(wanted))).computed
            done += len(batch)
            self._tell(Stage.EMBED, done, len(wanted))
        return EmbedStep(chunks=sum(not piece.is_parent for piece in pieces), embedded=embedded)

    async def chunks(self, index: Index, metadata: Metadata) -> list[Chunk]:
        """What is stored of the revision."""
        pieces = await self._pieces(index)
        wanted = _texts(pieces)
        vectors = await self._known(index)
        for batch in _batches([hash for hash in wanted if hash not in vectors], EMBED_BATCH):
            vectors |= (await self._vectors(index, batch, wanted)).vectors
        return [self._chunk(at, piece, vectors, metadata) for at, piece in enumerate(pieces)]

    def is_stored_at_once(self, chunks: Sequence[Chunk]) -> bool:
        """Whether they fit into the write that shows them."""
        return self._is_small and len(chunks) <= STORE_BATCH

    async def store(self, collection: Collection, index: Index, chunks: Sequence[Chunk]) -> int:
        """Write the chunks under the generation, which no search sees yet."""
        space = space_of(collection, index)
        await self.parts.vectors.open_space(space)
        self._tell(Stage.STORE, 0, len(chunks))
        for start in range(0, len(chunks), STORE_BATCH):
            await self.parts.vectors.put(space, chunks[start : start + STORE_BATCH])
            self._tell(Stage.STORE, min(start + STORE_BATCH, len(chunks)), len(chunks))
        return len(chunks)

    def metadata_of(self, document: Document, title: str) -> Metadata:
        """What filters of a search see; ``title`` is what was read in the bytes."""
        is_seen = document.generation == self.revision.generation
        return carried(document, document.filename if is_seen else self.revision.filename, document.title or title)

    def _chunk(self, at: int, piece: Piece, vectors: dict[str, Vector], metadata: Metadata) -> Chunk:
        hash = chunk_hash(piece.embed_text or piece.text)
        return Chunk(
            document_id=self.document.id,
            collection=self.document.collection,
            index=at,
            text=piece.text,
            chunk_hash=hash,
            generation=self.revision.generation,
            where=piece.where,
            metadata=metadata,
            embedding=None if piece.is_parent else vectors[hash],
            is_parent=piece.is_parent,
        )

    async def _parsed(self) -> Parsed:
        parser, limits, name = self.parts.parser, self._parse_limits(), f"parse {self._parse_name()}"
        stored = await self._output(name, Parsed)
        if stored is not None:
            return stored
        path = await self.parts.blobs.path(self.revision.content_hash)
        parsed = await parser.parse(path, self.revision.filename, self.revision.media_type, limits)
        await self._put_aside(name, parsed)
        return parsed

    def _parse_name(self) -> str:
        limits = self._parse_limits()
        return f"{self.parts.parser.version} {self.revision.content_hash} {limits.max_pages} {limits.max_characters}"

    def _parse_limits(self) -> ParseLimits:
        limits, asked = self.parts.limits.parse, self.document.max_pages
        pages = min(asked or limits.max_pages, limits.max_pages or asked)
        return msgspec.structs.replace(limits, max_pages=pages)

    async def _pieces(self, index: Index) -> list[Piece]:
        settings = self.settings_of(index)
        chunker = self.parts.chunker
        name = (
            f"chunk {chunker.version} {self.parts.parser.version} {self.revision.content_hash} {settings.key} "
            + str(self.document.max_pages)
        )
        stored = await self._output(name, list[Piece])
        if stored is not None:
            return stored
        parsed = await self._parsed()
        pieces = list(parsed.pieces) or await asyncio.to_thread(chunker.chunk, parsed, settings)
        if len(pieces) > self.parts.limits.chunks:
            raise TooLarge(f"{len(pieces):,} chunks; at most {self.parts.limits.chunks:,} are taken, use a larger size")
        await self._put_aside(name, pieces)
        return pieces

    def settings_of(self, index: Index) -> ChunkSettings:
        return index.chunking or self.document.chunking

    async def _known(self, index: Index) -> dict[str, Vector]:
        """Vectors of the visible revision in this index, by the hash of their text."""
        document, found, after = self.document, dict[str, Vector](), -1
        if not document.generation:
            return found
        while True:
            chunks = await self.parts.vectors.chunks(
                document.collection,
                index.number,
                document.id,
                document.generation,
                after=after,
                limit=STORE_BATCH,
                vectors=True,
            )
            found |= {each.chunk_hash: each.embedding for each in chunks if each.embedding is not None}
            if len(chunks) < STORE_BATCH:
                return found
            after = chunks[-1].index

    async def _vectors(
        self, index: Index, hashes: Sequence[str], texts: dict[str, str], base: int = 0, total: int = 0
    ) -> Made:
        """One batch, from the outputs or from the embedder."""
        name = f"vectors {index.embedder} {hashlib.sha256(''.join(hashes).encode()).hexdigest()}"
        stored = await self._output(name, Made, len(hashes) <= SMALL_BATCH)
        if stored is not None:
            return stored
        done = base

        def counted(more: int) -> None:
            nonlocal done
            done += more
            self._tell(Stage.EMBED, done, total)

        embedder = CachedEmbedder(self.parts.embedder_of(index.embedder), self.parts.cache, self.document.id)
        vectors = await embedder.embed([texts[hash] for hash in hashes], counted)
        made = Made(vectors=dict(zip(hashes, vectors, strict=True)), computed=embedder.computed)
        await self._put_aside(name, made, len(hashes) <= SMALL_BATCH)
        return made

    async def _output(self, name: str, type: type[T], is_little: bool = True) -> T | None:
        if self._is_small and is_little:
            made: T | None = self._made.get(name)
            return made
        data = await self.parts.outputs.read(self.document.id, name)
        return None if data is None else msgspec.msgpack.decode(data, type=type)

    async def _put_aside(self, name: str, made: object, is_little: bool = True) -> None:
        if self._is_small and is_little:
            self._made[name] = made
        else:
            await self.parts.outputs.write(self.document.id, name, msgspec.msgpack.encode(made))

    def _tell(self, stage: Stage, done: int = 0, total: int = 0) -> None:
        self.parts.tell(progress(stage, done, total, "chunks" if total else ""))


def space_of(collection: Collection, index: Index) -> Space:
    return Space(collection=collection.name, index=index.number, dimension=index.dimension, metric=collection.metric)


def replaced(revisions: Sequence[Revision], one: Revision) -> tuple[Revision, ...]:
    return tuple(one if each.generation == one.generation else each for each in revisions)


def _texts(pieces: Sequence[Piece]) -> dict[str, str]:
    """By hash the text to embed, each once, in order."""
    texts = (piece.embed_text or piece.text for piece in pieces if not piece.is_parent)
    return {chunk_hash(text): text for text in texts}


def _batches(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (items[start : start + size] for start in range(0, len(items), size))
