"""Documents and their revisions."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from abaca_documents.errors import InvalidTransition, ValidationError
from abaca_documents.model.base import (
    Metadata,
    Value,
    check_collection,
    check_digest,
    check_document_id,
    check_filename,
    check_metadata,
    check_range,
    instant_now,
)
from abaca_documents.model.chunking import ChunkingStrategy, ChunkSettings

MAX_REVISIONS = 20
"""How many revisions a document tells of. Older ones are forgotten; their bytes went when they were replaced."""


class DocumentStatus(StrEnum):
    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    DELETED = "deleted"

    @property
    def is_terminal(self) -> bool:
        return self in (DocumentStatus.COMPLETED, DocumentStatus.FAILED, DocumentStatus.DELETED)

    @property
    def is_active(self) -> bool:
        return self in (DocumentStatus.PENDING, DocumentStatus.PROCESSING)


_MAY_FOLLOW: dict[DocumentStatus, tuple[DocumentStatus, ...]] = {
    DocumentStatus.PENDING: (DocumentStatus.PROCESSING, DocumentStatus.FAILED, DocumentStatus.DELETED),
    DocumentStatus.PROCESSING: (
        DocumentStatus.PENDING,
        DocumentStatus.COMPLETED,
        DocumentStatus.FAILED,
        DocumentStatus.DELETED,
    ),
    DocumentStatus.COMPLETED: (DocumentStatus.PENDING, DocumentStatus.PROCESSING, DocumentStatus.DELETED),
    DocumentStatus.FAILED: (DocumentStatus.PENDING, DocumentStatus.PROCESSING, DocumentStatus.DELETED),
    DocumentStatus.DELETED: (DocumentStatus.PENDING,),
}
"""A new revision brings a document back to pending, also a deleted one."""


def check_transition(id: str, before: DocumentStatus, after: DocumentStatus) -> None:
    """The same status again is no transition and always allowed. Raises ``InvalidTransition``."""
    if before is not after and after not in _MAY_FOLLOW[before]:
        raise InvalidTransition(id, before, after, _MAY_FOLLOW[before])


class DuplicatePolicy(StrEnum):
    """What an upload does that finds its bytes in the collection already. See ``pipeline.duplicates``."""

    SKIP = "skip"
    REPLACE = "replace"
    VERSION = "version"
    ERROR = "error"


class Revision(Value, frozen=True, kw_only=True):
    """One content of a document. Its chunks are stored under ``generation``, which no other revision ever had."""

    number: int
    generation: int
    content_hash: str
    filename: str
    file_size: int = 0
    media_type: str = ""
    status: DocumentStatus = DocumentStatus.PENDING
    error: str = ""
    job_id: str = ""
    chunk_count: int = 0
    chunks_embedded: int = 0
    """Chunks that had to be embedded; the others were known by their hash."""
    page_count: int = 0
    created_at: datetime
    started_at: datetime | None = None
    """When its first run began."""
    finished_at: datetime | None = None

    @property
    def duration_ms(self) -> int:
        """From the first start to the end, 0 before that."""
        if self.started_at is None or self.finished_at is None:
            return 0
        return (self.finished_at - self.started_at) // timedelta(milliseconds=1)

    def validate(self) -> None:
        check_range(self.number, "revision", 1, 1 << 53)
        check_range(self.generation, "generation", 1, 1 << 53)
        check_digest(self.content_hash)
        check_filename(self.filename)
        check_range(self.file_size, "file_size", 0, 1 << 53)
        check_range(self.chunk_count, "chunk_count", 0, 1 << 31)


def carried(document: Document, filename: str, title: str) -> Metadata:
    """The same for a revision that is to be: of another name, or with the title that was read in it."""
    known = {"filename": filename, "source_type": document.source_type} | ({"title": title} if title else {})
    return {**known, **document.metadata}


class Document(Value, frozen=True, kw_only=True):
    """A document as the repository keeps it.

    ``generation`` is the one that readers see, 0 when there is none: writing it is the single commit point of an
    ingest. ``filename``, ``content_hash`` and the like are those of the visible revision, or of the first one until
    then; what is under way is the last of ``revisions``. ``version`` counts the writes of this record.
    """

    id: str
    collection: str
    filename: str
    status: DocumentStatus = DocumentStatus.PENDING
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
    """0 means all, as far as the service's own limit goes."""
    llm_provider: str = ""
    llm_model: str = ""
    metadata: Metadata = {}
    stored_in_vector_db: bool = False
    error: str = ""
    job_id: str = ""
    revision: int = 0
    """The visible revision, 0 when there is none."""
    generation: int = 0
    last_generation: int = 0
    """The highest that was ever given out; it never goes back, also not by a deletion."""
    index: int = 0
    """The newest index of the collection that the visible generation lies in, whole; also one that is being built.
    Searches go by the generation alone."""
    revisions: tuple[Revision, ...] = ()
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None = None
    is_described: bool = True
    """Whether the chunks that searches find carry what ``carried`` says."""
    is_purging: bool = False
    """It is being forgotten for good: no revision can bring it back any more."""
    version: int = 0

    @property
    def is_searchable(self) -> bool:
        return self.generation > 0 and self.status is not DocumentStatus.DELETED

    @property
    def carried(self) -> Metadata:
        """What its chunks carry of it, so that filters of a search see it."""
        return carried(self, self.filename, self.title)

    @property
    def chunking(self) -> ChunkSettings:
        return ChunkSettings(strategy=self.chunking_strategy, size=self.chunk_size, overlap=self.chunk_overlap)

    def revision_of(self, generation: int) -> Revision | None:
        return next((each for each in reversed(self.revisions) if each.generation == generation), None)

    def validate(self) -> None:
        check_document_id(self.id)
        check_collection(self.collection)
        check_filename(self.filename)
        if self.content_hash:
            check_digest(self.content_hash)
        check_range(self.file_size, "file_size", 0, 1 << 53)
        check_range(self.chunk_count, "chunk_count", 0, 1 << 31)
        check_range(self.num_questions, "num_questions", 0, 10)
        check_range(self.max_pages, "max_pages", 0, 100_000)
        check_range(self.generation, "generation", 0, self.last_generation)
        self.chunking.validate()
        check_metadata(self.metadata)
        for revision in self.revisions:
            revision.validate()
        if (self.status is DocumentStatus.DELETED) != (self.deleted_at is not None):
            raise ValidationError("deleted_at", "a deleted document has one, and no other")
        if self.updated_at < self.created_at:
            raise ValidationError("updated_at", "it lies before created_at")


def new_document(**fields: object) -> Document:
    """A document of now."""
    now = instant_now()
    return Document(**({"created_at": now, "updated_at": now} | fields))  # type: ignore[arg-type]


class DocumentFilter(Value, frozen=True, kw_only=True):
    """Which documents are meant. What is not given does not matter; a deleted one is meant only when asked for, by
    ``statuses`` or ``include_deleted``."""

    collection: str | None = None
    statuses: tuple[DocumentStatus, ...] = ()
    filename: str | None = None
    source_id: str | None = None
    content_hash: str | None = None
    metadata: Metadata = {}
    """A filter as in a search: ``{"year": {"$gte": 2020}}``; a bare value means ``$eq``."""
    created_after: datetime | None = None
    created_before: datetime | None = None
    updated_after: datetime | None = None
    updated_before: datetime | None = None
    include_deleted: bool = False

    def validate(self) -> None:
        if self.collection is not None:
            check_collection(self.collection)
        for after, before, field in (
            (self.created_after, self.created_before, "created_before"),
            (self.updated_after, self.updated_before, "updated_before"),
        ):
            if after and before and before < after:
                raise ValidationError(field, "it lies before the beginning of the range")


class DocumentPage(Value, frozen=True, kw_only=True):
    """``cursor`` is what to go on with; ``None`` at the end."""

    items: tuple[Document, ...] = ()
    cursor: str | None = None


class DocumentStats(Value, frozen=True, kw_only=True):
    """What the repository holds. ``total`` and the sums are without deleted documents, ``by_status`` counts all."""

    total: int = 0
    by_status: dict[DocumentStatus, int] = {}
    by_collection: dict[str, int] = {}
    chunks: int = 0
    bytes: int = 0
    collections: int = 0

    @property
    def success_rate(self) -> float | None:
        """Completed of those that ended, ``None`` before the first."""
        done = self.by_status.get(DocumentStatus.COMPLETED, 0)
        ended = done + self.by_status.get(DocumentStatus.FAILED, 0)
        return done / ended if ended else None
