"""Collections: documents that are searched together, in one space of vectors."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from abaca_documents.errors import ValidationError
from abaca_documents.model.base import Metadata, Value, check_collection, check_metadata, check_range
from abaca_documents.model.chunking import ChunkSettings


class Metric(StrEnum):
    """How near two vectors are. A collection keeps its metric for life."""

    COSINE = "cosine"
    L2 = "l2"
    INNER_PRODUCT = "ip"


class Index(Value, frozen=True, kw_only=True):
    """One space of vectors of a collection. ``number`` is used once; a reindex builds the next one beside it."""

    number: int
    embedder: str
    """The name of the embedder with the version of its weights, as ``minilm-l6-v2-int8@1``."""
    dimension: int
    chunking: ChunkSettings | None = None
    """What overrides the documents' own settings in this index."""

    def validate(self) -> None:
        check_range(self.number, "index", 1, 1 << 31)
        check_range(self.dimension, "dimension", 1, 16_384)
        if not self.embedder:
            raise ValidationError("embedder", "it is empty")
        if self.chunking is not None:
            self.chunking.validate()


class Collection(Value, frozen=True, kw_only=True):
    """``index`` is the one that answers. ``building`` is there while a reindex writes the next one."""

    name: str
    description: str = ""
    metadata: Metadata = {}
    metric: Metric = Metric.COSINE
    index: Index
    building: Index | None = None
    last_index: int = 1
    chunking: ChunkSettings = ChunkSettings()
    """For uploads that say nothing else."""
    is_deleting: bool = False
    created_at: datetime
    updated_at: datetime
    version: int = 0

    def validate(self) -> None:
        check_collection(self.name, "name")
        if len(self.description) > 2000:
            raise ValidationError("description", f"{len(self.description)} characters; at most 2000 are kept")
        check_metadata(self.metadata)
        self.index.validate()
        if self.building is not None:
            self.building.validate()
            check_range(self.building.number, "building", self.index.number + 1, self.last_index)
        self.chunking.validate()


class CollectionRequest(Value, frozen=True, kw_only=True):
    """What somebody asks for who makes a collection."""

    name: str
    description: str = ""
    metadata: Metadata = {}
    metric: Metric = Metric.COSINE
    embedder: str | None = None
    chunking_strategy: str | None = None
    chunk_size: int | None = None
    chunk_overlap: int | None = None

    def validate(self) -> None:
        check_collection(self.name, "name")
        check_metadata(self.metadata)


class CollectionStats(Value, frozen=True, kw_only=True):
    """Counts of one collection. ``documents`` and ``chunks`` are without deleted ones; ``by_status`` counts all."""

    name: str
    documents: int = 0
    by_status: dict[str, int] = {}
    chunks: int = 0
    bytes: int = 0
    vectors: int | None = None
    """What the vector store counts in the index that answers; ``None`` where nobody asked it."""


class CollectionInfo(Value, frozen=True, kw_only=True):
    """A collection with its counts."""

    collection: Collection
    stats: CollectionStats


class VectorDocument(Value, frozen=True, kw_only=True):
    """What the vector store holds of one document: for checks of one store against the other."""

    document_id: str
    generations: dict[int, int] = {}
    """Chunks by generation."""
