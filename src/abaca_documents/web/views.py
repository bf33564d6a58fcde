"""What answers hold beside the documents themselves."""

from __future__ import annotations

from datetime import datetime

import msgspec

from abaca_documents.model import Document, DocumentStatus, Metadata, Revision


class Uploaded(msgspec.Struct, frozen=True, kw_only=True):
    """An upload that is stored and whose job waits. ``job_id`` is ``null`` where the collection had the same bytes;
    ``document_id`` is then the document that has them."""

    document_id: str
    job_id: str | None
    filename: str
    collection: str
    status: str
    message: str
    deduplicated: bool = False


class Ingested(Uploaded, frozen=True, kw_only=True):
    """An upload that has ended. ``status`` is ``completed``, or ``failed`` and ``error`` says why."""

    chunk_count: int
    page_count: int
    processing_time_ms: int
    metadata: Metadata
    revision: int
    error: str = ""


class RevisionView(msgspec.Struct, frozen=True, kw_only=True):
    """One content of a document. ``is_visible``: searches find this one."""

    number: int
    status: DocumentStatus
    is_visible: bool
    filename: str
    content_hash: str
    file_size: int
    media_type: str
    chunk_count: int
    chunks_embedded: int
    page_count: int
    job_id: str
    error: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    duration_ms: int


def queued(document: Document, job_id: str) -> Uploaded:
    revision = revision_by(document, job_id)
    return Uploaded(
        document_id=document.id,
        job_id=job_id,
        filename=document.filename if revision is None else revision.filename,
        collection=document.collection,
        status="queued",
        message="the document is stored and waits to be taken in",
    )


def present(document: Document) -> Ingested:
    """For bytes that are there already."""
    return Ingested(
        document_id=document.id,
        job_id=None,
        filename=document.filename,
        collection=document.collection,
        status=document.status.value,
        message="the collection has these bytes already; nothing was stored",
        deduplicated=True,
        chunk_count=document.chunk_count,
        page_count=document.page_count,
        processing_time_ms=0,
        metadata=document.metadata,
        revision=document.revision,
    )


def ended(document: Document, revision: Revision) -> Ingested:
    failed = revision.status is DocumentStatus.FAILED
    return Ingested(
        document_id=document.id,
        job_id=revision.job_id,
        filename=revision.filename,
        collection=document.collection,
        status=revision.status.value,
        message="the document cannot be taken in" if failed else "the document can be searched",
        chunk_count=revision.chunk_count,
        page_count=revision.page_count,
        processing_time_ms=revision.duration_ms,
        metadata=document.metadata,
        revision=revision.number,
        error=revision.error,
    )


def revision_by(document: Document, job_id: str) -> Revision | None:
    return next((each for each in reversed(document.revisions) if each.job_id == job_id), None)


def revision_view(document: Document, revision: Revision) -> RevisionView:
    computed = {"is_visible", "duration_ms"}
    same = {name: getattr(revision, name) for name in RevisionView.__struct_fields__ if name not in computed}
    is_visible = document.is_searchable and revision.generation == document.generation
    return RevisionView(**same, is_visible=is_visible, duration_ms=revision.duration_ms)
