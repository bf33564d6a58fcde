"""What goes over the wire, apart from what is kept: the source system's fields, times as text, no vectors.

Each DTO is made by ``from_model`` of the value it shows. ``to_model`` is there where the DTO tells enough.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from abaca_documents.model.base import Metadata, Value
from abaca_documents.model.chunking import ChunkingStrategy
from abaca_documents.model.chunks import Chunk, ChunkMetadata, split_chunk_id
from abaca_documents.model.collections import Collection, CollectionStats
from abaca_documents.model.documents import Document, DocumentStats, DocumentStatus
from abaca_documents.model.search import SearchResult

_KEPT_BACK = {"generation", "last_generation", "index", "revisions", "is_described", "is_purging", "version"}
_SHARED = tuple(each for each in Document.__struct_fields__ if each not in _KEPT_BACK)


class DocumentDTO(Value, frozen=True, kw_only=True):
    """A document as the API shows it."""

    id: str
    document_id: str
    collection: str
    filename: str
    status: DocumentStatus
    content_hash: str = ""
    file_size: int = 0
    media_type: str = ""
    source_type: str = "file"
    source_id: str = ""
    title: str = ""
    chunk_count: int = 0
    page_count: int = 0
    chunking_strategy: ChunkingStrategy = ChunkingStrategy.SENTENCE
    chunk_size: int = 512
    chunk_overlap: int = 50
    extract_metadata: bool = False
    num_questions: int = 3
    max_pages: int = 0
    llm_provider: str = ""
    llm_model: str = ""
    metadata: Metadata = {}
    stored_in_vector_db: bool = False
    is_searchable: bool = False
    error: str = ""
    job_id: str = ""
    revision: int = 0
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None = None

    @classmethod
    def from_model(cls, document: Document) -> DocumentDTO:
        shared: dict[str, Any] = {name: getattr(document, name) for name in _SHARED}
        return cls(document_id=document.id, is_searchable=document.is_searchable, **shared)

    def to_model(self) -> Document:
        """The document without what only the repository knows: generations, revisions, version."""
        document = Document(**{name: getattr(self, name) for name in _SHARED})
        document.validate()
        return document


class DocumentStatsDTO(Value, frozen=True, kw_only=True):
    total: int
    by_status: dict[str, int]
    by_collection: dict[str, int]
    chunks: int
    bytes: int
    collections: int
    success_rate: float | None

    @classmethod
    def from_model(cls, stats: DocumentStats) -> DocumentStatsDTO:
        return cls(
            total=stats.total,
            by_status={status.value: count for status, count in stats.by_status.items()},
            by_collection=stats.by_collection,
            chunks=stats.chunks,
            bytes=stats.bytes,
            collections=stats.collections,
            success_rate=stats.success_rate,
        )


class ChunkDTO(Value, frozen=True, kw_only=True):
    """A chunk without its vector."""

    chunk_id: str
    document_id: str
    collection: str
    chunk_index: int
    text: str
    chunk_hash: str
    start_char: int = 0
    end_char: int = 0
    page: int = 0
    heading_path: tuple[str, ...] = ()
    token_count: int = 0
    title: str = ""
    keywords: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()
    parent: int | None = None
    metadata: Metadata = {}

    @classmethod
    def from_model(cls, chunk: Chunk) -> ChunkDTO:
        return cls(
            chunk_id=chunk.id,
            document_id=chunk.document_id,
            collection=chunk.collection,
            chunk_index=chunk.index,
            text=chunk.text,
            chunk_hash=chunk.chunk_hash,
            metadata=chunk.metadata,
            **{name: getattr(chunk.where, name) for name in ChunkMetadata.__struct_fields__},
        )

    def to_model(self) -> Chunk:
        document_id, index = split_chunk_id(self.chunk_id)
        chunk = Chunk(
            document_id=document_id,
            collection=self.collection,
            index=index,
            text=self.text,
            chunk_hash=self.chunk_hash,
            metadata=self.metadata,
            where=ChunkMetadata(**{name: getattr(self, name) for name in ChunkMetadata.__struct_fields__}),
        )
        chunk.validate()
        return chunk


class FoundDocumentDTO(Value, frozen=True, kw_only=True):
    id: str
    filename: str
    title: str


class SearchResultDTO(Value, frozen=True, kw_only=True):
    """A hit, with the document in a field of its own as the source system had it."""

    chunk_id: str
    document_id: str
    text: str
    score: float
    distance: float | None
    metadata: Metadata
    chunk_index: int
    filename: str
    collection: str
    page: int
    start_char: int
    end_char: int
    heading_path: tuple[str, ...]
    parent_text: str
    highlights: list[dict[str, int]]
    score_breakdown: dict[str, float | int | None]
    document: FoundDocumentDTO

    @classmethod
    def from_model(cls, found: SearchResult) -> SearchResultDTO:
        breakdown = found.score_breakdown
        same = set(cls.__struct_fields__) - {"highlights", "score_breakdown", "document"}
        return cls(
            highlights=[{"start": each.start, "end": each.end} for each in found.highlights],
            score_breakdown={name: getattr(breakdown, name) for name in breakdown.__struct_fields__},
            document=FoundDocumentDTO(id=found.document_id, filename=found.filename, title=found.title),
            **{name: getattr(found, name) for name in same},
        )


class CollectionDTO(Value, frozen=True, kw_only=True):
    name: str
    description: str
    metadata: Metadata
    metric: str
    embedder: str
    dimension: int
    index: int
    is_reindexing: bool
    chunking_strategy: ChunkingStrategy
    chunk_size: int
    chunk_overlap: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def from_model(cls, collection: Collection) -> CollectionDTO:
        return cls(
            name=collection.name,
            description=collection.description,
            metadata=collection.metadata,
            metric=collection.metric.value,
            embedder=collection.index.embedder,
            dimension=collection.index.dimension,
            index=collection.index.number,
            is_reindexing=collection.building is not None,
            chunking_strategy=collection.chunking.strategy,
            chunk_size=collection.chunking.size,
            chunk_overlap=collection.chunking.overlap,
            created_at=collection.created_at,
            updated_at=collection.updated_at,
        )


class CollectionStatsDTO(Value, frozen=True, kw_only=True):
    name: str
    documents: int
    document_count: int
    by_status: dict[str, int]
    chunks: int
    chunk_count: int
    bytes: int
    vectors: int | None

    @classmethod
    def from_model(cls, stats: CollectionStats) -> CollectionStatsDTO:
        return cls(
            name=stats.name,
            documents=stats.documents,
            document_count=stats.documents,
            by_status=stats.by_status,
            chunks=stats.chunks,
            chunk_count=stats.chunks,
            bytes=stats.bytes,
            vectors=stats.vectors,
        )
