"""What the six kinds of jobs take and answer."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from abaca_documents.errors import ValidationError
from abaca_documents.model.base import (
    Metadata,
    Value,
    check_collection,
    check_digest,
    check_document_id,
    check_filename,
    check_metadata,
    check_range,
)
from abaca_documents.model.chunking import ChunkingStrategy, ChunkSettings
from abaca_documents.model.documents import DocumentStatus, DuplicatePolicy


class JobType(StrEnum):
    """The tasks; each is ``documents.<value>``."""

    DOCUMENT_UPLOAD = "document_upload"
    DOCUMENT_DELETE = "document_delete"
    COLLECTION_DELETE = "collection_delete"
    VECTOR_REINDEX = "vector_reindex"
    METADATA_EXTRACT = "metadata_extract"
    BULK_IMPORT = "bulk_import"


class Stage(StrEnum):
    """The steps of an ingest, in order."""

    REGISTER = "register"
    PARSE = "parse"
    CHUNK = "chunk"
    EMBED = "embed"
    STORE = "store"
    FINISH = "finish"
    DONE = "done"

    @property
    def mark(self) -> int:
        """Percent when the stage begins."""
        return _MARKS[self]


_MARKS = {
    Stage.REGISTER: 0,
    Stage.PARSE: 10,
    Stage.CHUNK: 30,
    Stage.EMBED: 50,
    Stage.STORE: 70,
    Stage.FINISH: 90,
    Stage.DONE: 100,
}


class JobProgress(Value, frozen=True, kw_only=True):
    """How far an ingest is: percent over all stages, and how far the present stage is in what it counts."""

    stage: Stage
    percent: float
    message: str = ""
    done: int = 0
    total: int = 0


class UploadJobPayload(Value, frozen=True, kw_only=True):
    """One upload. The bytes are stored already, under ``content_hash``; the id is fixed, so a second run of the job
    means the same document."""

    document_id: str
    collection: str
    filename: str
    content_hash: str
    file_size: int
    media_type: str = ""
    source_type: str = "file"
    source_id: str = ""
    title: str = ""
    chunking_strategy: ChunkingStrategy = ChunkingStrategy.SENTENCE
    chunk_size: int = 512
    chunk_overlap: int = 50
    extract_metadata: bool = False
    num_questions: int = 3
    max_pages: int = 0
    llm_provider: str = ""
    llm_model: str = ""
    metadata: Metadata = {}
    on_duplicate: DuplicatePolicy = DuplicatePolicy.SKIP

    @property
    def chunking(self) -> ChunkSettings:
        return ChunkSettings(strategy=self.chunking_strategy, size=self.chunk_size, overlap=self.chunk_overlap)

    def validate(self) -> None:
        check_document_id(self.document_id)
        check_collection(self.collection)
        check_filename(self.filename)
        check_digest(self.content_hash)
        check_range(self.file_size, "file_size", 0, 1 << 53)
        check_range(self.num_questions, "num_questions", 0, 10)
        check_range(self.max_pages, "max_pages", 0, 100_000)
        self.chunking.validate()
        check_metadata(self.metadata)


class UploadJobResult(Value, frozen=True, kw_only=True):
    """What became of an upload. A document that cannot be taken in is an outcome: ``status`` is then ``failed`` and
    ``error`` says why, while the revision before it still answers.

    A job outlives its document, so there is no text of it here: ``metadata`` is what the upload gave; what was
    found in the text is told by the document."""

    document_id: str
    collection: str
    filename: str
    status: DocumentStatus
    revision: int = 0
    chunk_count: int = 0
    chunks_embedded: int = 0
    chunks_reused: int = 0
    page_count: int = 0
    processing_time_ms: int = 0
    deduplicated: bool = False
    error: str = ""
    metadata: Metadata = {}


class DeleteResult(Value, frozen=True, kw_only=True):
    documents: int = 0
    chunks: int = 0
    blobs: int = 0


class ReindexResult(Value, frozen=True, kw_only=True):
    collection: str
    index: int
    documents: int = 0
    chunks: int = 0
    embedded: int = 0


class ImportKind(StrEnum):
    FOLDER = "folder"
    ZIP = "zip"
    JSONL = "jsonl"
    MANIFEST = "manifest"
    COLLECTION = "collection"
    """An archive that a collection was exported to."""


class ImportPayload(Value, frozen=True, kw_only=True):
    """``path`` is of a folder, an archive or a file on the worker's machine, or ``content_hash`` of stored bytes."""

    collection: str
    kind: ImportKind
    path: str = ""
    content_hash: str = ""
    pattern: str = "**/*"
    chunking_strategy: ChunkingStrategy = ChunkingStrategy.SENTENCE
    chunk_size: int = 512
    chunk_overlap: int = 50
    extract_metadata: bool = False
    metadata: Metadata = {}
    on_duplicate: DuplicatePolicy = DuplicatePolicy.SKIP

    def validate(self) -> None:
        check_collection(self.collection)
        if bool(self.path) == bool(self.content_hash):
            raise ValidationError("path", "give a path or a content_hash, one of the two")
        if self.kind is ImportKind.FOLDER and not self.path:
            raise ValidationError("path", "an import of a folder needs the path of it")
        if self.content_hash:
            check_digest(self.content_hash)
        ChunkSettings(strategy=self.chunking_strategy, size=self.chunk_size, overlap=self.chunk_overlap).validate()
        check_metadata(self.metadata)


class ItemOutcome(StrEnum):
    COMPLETED = "completed"
    DEDUPLICATED = "deduplicated"
    FAILED = "failed"


class ImportItem(Value, frozen=True, kw_only=True):
    """One item of a bulk import; the stream of the job carries them."""

    name: str
    outcome: ItemOutcome
    document_id: str = ""
    error: str = ""


class ImportResult(Value, frozen=True, kw_only=True):
    """``status`` is ``completed``, or ``completed_with_errors`` when an item failed. ``failures`` are the first 100."""

    status: str = "completed"
    total: int = 0
    completed: int = 0
    deduplicated: int = 0
    failed: int = 0
    failures: tuple[ImportItem, ...] = ()


class StageTime(Value, frozen=True, kw_only=True):
    stage: Stage
    began_at: datetime
