"""Chunks: pieces of a document's text, with where they stand in it."""

from __future__ import annotations

import hashlib

from abaca_documents.errors import ValidationError
from abaca_documents.model.base import Metadata, Value, check_collection, check_digest, check_document_id, check_range

Vector = bytes
"""A packed vector: 32-bit floats, little-endian. Of a cosine space it has length 1."""


class ChunkMetadata(Value, frozen=True, kw_only=True):
    """Where a chunk stands, and what is known of it. Characters count from 0 in the document's parsed text;
    ``end_char`` is behind the last one. Pages count from 1; 0 means that the format has none."""

    start_char: int = 0
    end_char: int = 0
    page: int = 0
    heading_path: tuple[str, ...] = ()
    token_count: int = 0
    title: str = ""
    keywords: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()
    parent: int | None = None
    """The index of the chunk around this one, from a hierarchical chunker."""


class Chunk(Value, frozen=True, kw_only=True):
    """``id`` is ``document_id:index``. ``chunk_hash`` is of what is embedded, so equal hashes have equal vectors."""

    document_id: str
    collection: str
    index: int
    text: str
    chunk_hash: str
    generation: int = 0
    where: ChunkMetadata = ChunkMetadata()
    metadata: Metadata = {}
    """The document's, so that filters of a search see it."""
    embedding: Vector | None = None
    is_parent: bool = False
    """It is shown around its children and not searched."""

    @property
    def id(self) -> str:
        return chunk_id(self.document_id, self.index)

    def validate(self) -> None:
        check_document_id(self.document_id)
        check_collection(self.collection)
        check_range(self.index, "chunk_index", 0, 1 << 31)
        check_digest(self.chunk_hash, "chunk_hash")
        if self.where.end_char < self.where.start_char:
            raise ValidationError("end_char", "it lies before start_char")
        if self.embedding is not None and len(self.embedding) % 4:
            raise ValidationError("embedding", "its bytes are no 32-bit floats")


class ChunkPage(Value, frozen=True, kw_only=True):
    items: tuple[Chunk, ...] = ()
    total: int = 0
    cursor: int | None = None


def chunk_id(document_id: str, index: int) -> str:
    return f"{document_id}:{index}"


def split_chunk_id(id: str) -> tuple[str, int]:
    """Document and index. Raises ``ValidationError``."""
    document_id, _, index = id.rpartition(":")
    if not document_id or not (index.isascii() and index.isdigit()) or len(index) > 10:
        raise ValidationError("chunk_id", f"{id!r} is no chunk id; they read document_id:index")
    return check_document_id(document_id), int(index)


def chunk_hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
