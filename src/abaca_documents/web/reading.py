"""``GET /documents`` and what hangs below one: its status, its chunks, its bytes, its revisions."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from abaca import Progress
from abaca.http import ApiRequest, Items, Reply, Waiting, malformed, opened, sealed
from abaca_documents.errors import BlobNotFound, DocumentNotFound
from abaca_documents.library import Library
from abaca_documents.model import ChunkDTO, Document, DocumentDTO, DocumentStatus
from abaca_documents.web.asking import Which, filter_of
from abaca_documents.web.declaring import DAMAGED, GONE, INVALID, NO_DOCUMENT, library_of, route
from abaca_documents.web.sending import FileReply, safe_headers
from abaca_documents.web.views import RevisionView, revision_by, revision_view

_HEAD = 64 << 10


class ListDocuments(Which, frozen=True, kw_only=True):
    __doc__ = Which.__doc__

    limit: Annotated[int, Meta(ge=1, le=500)] = 50
    cursor: str | None = None


class StatusView(msgspec.Struct, frozen=True, kw_only=True):
    """How far a document is. ``stage``, ``progress`` (percent) and ``message`` are those of its latest job while that
    is under way. ``is_searchable``: searches find it, perhaps in the revision before."""

    document_id: str
    job_id: str
    filename: str
    collection: str
    status: DocumentStatus
    is_searchable: bool
    stage: str | None
    progress: float
    message: str
    error: str
    revision: int
    chunk_count: int
    updated_at: datetime


class ReadChunks(msgspec.Struct, frozen=True, kw_only=True):
    """``offset`` is the index of the first chunk; ``cursor`` goes before it."""

    limit: Annotated[int, Meta(ge=1, le=500)] = 50
    cursor: str | None = None
    offset: Annotated[int, Meta(ge=0, le=1 << 31)] = 0


class ChunkList(msgspec.Struct, frozen=True, kw_only=True):
    """``total``: chunks that searches find; parents of a hierarchical chunker are listed and not counted."""

    document_id: str
    total: int
    items: list[ChunkDTO]
    next_cursor: str | None = None


class ReadContent(msgspec.Struct, frozen=True, kw_only=True):
    """``inline``: to be shown, where that harms nobody. ``revision``: another one than that which searches find."""

    inline: bool = False
    revision: int | None = None


@route("GET", "/documents", errors=(INVALID,))
async def list_documents(request: ApiRequest, query: ListDocuments) -> Items[DocumentDTO]:
    """List documents, the newest first. Deleted ones are listed where ``status`` or ``include_deleted`` asks."""
    cursor = opened(query.cursor)
    page = await library_of(request).documents.list(filter_of(query), cursor=cursor, limit=query.limit)
    return Items(items=[DocumentDTO.from_model(each) for each in page.items], next_cursor=sealed(page.cursor))


@route("GET", "/documents/{id}", errors=(NO_DOCUMENT,))
async def get_document(request: ApiRequest, id: str) -> DocumentDTO:
    """Read a document. A deleted one is there until it is purged."""
    return DocumentDTO.from_model(await library_of(request).documents.get(id))


@route("GET", "/documents/{id}/status", errors=(NO_DOCUMENT,))
async def document_status(request: ApiRequest, id: str, query: Waiting) -> StatusView:
    """Read how far a document is; with ``wait``, as soon as its latest job has ended."""
    library = library_of(request)
    document = await library.documents.get(id)
    return await _status(request, library, document, query.wait)


@route("GET", "/documents/{id}/chunks", errors=(NO_DOCUMENT, INVALID))
async def document_chunks(request: ApiRequest, id: str, query: ReadChunks) -> ChunkList:
    """Read the chunks that searches find, in their order, each with where it stands in the text."""
    library = library_of(request)
    document = await library.documents.get(id)
    position = opened(query.cursor) or str(query.offset)
    if not (position.isascii() and position.isdecimal() and len(position) <= 10):
        raise malformed("the cursor is none that this service gave", "cursor")
    start = int(position)
    chunks = await library.chunks(document, after=start - 1, limit=query.limit + 1)
    items = [ChunkDTO.from_model(each) for each in chunks[: query.limit]]
    more = len(chunks) > query.limit
    return ChunkList(
        document_id=id,
        total=document.chunk_count if document.is_searchable else 0,
        items=items,
        next_cursor=sealed(str(items[-1].chunk_index + 1)) if more else None,
    )


@route("GET", "/documents/{id}/content", errors=(NO_DOCUMENT, GONE, DAMAGED))
async def document_content(request: ApiRequest, id: str, query: ReadContent) -> Reply:
    """Read the original bytes, whole or by ``Range``.

    They are sent to be saved. With ``inline`` text, pdf and HTML are sent to be shown, without their scripts. 410 where
    the bytes of a revision are not kept any more.
    """
    library = library_of(request)
    document = await library.documents.get(id)
    filename, digest, media_type = _content(document, query.revision)
    path = await library.opened().parts.blobs.path(digest)
    head = await asyncio.to_thread(_head, path)
    headers = safe_headers(filename, media_type, digest, head, inline=query.inline)
    return FileReply(path, headers, request.header("range"))


@route("GET", "/documents/{id}/revisions", errors=(NO_DOCUMENT,))
async def document_revisions(request: ApiRequest, id: str) -> Items[RevisionView]:
    """List the contents that a document had, the latest first; 20 at most are told of."""
    document = await library_of(request).documents.get(id)
    return Items(items=[revision_view(document, each) for each in reversed(document.revisions)])


async def _status(request: ApiRequest, library: Library, document: Document, wait: float) -> StatusView:
    progress: Progress | None = None
    if document.status.is_active and document.job_id:
        (job,) = await request.ask(lambda backend: backend.get([document.job_id]))
        if job is not None and not job.state.ended:
            if wait:
                await request.ended(job, wait)
                return await _status(request, library, await library.documents.get(document.id), 0)
            progress = await request.app.job(job.id).progress()
    is_active = document.status.is_active
    revision = revision_by(document, document.job_id)
    return StatusView(
        document_id=document.id,
        job_id=document.job_id,
        filename=document.filename,
        collection=document.collection,
        status=document.status,
        is_searchable=document.is_searchable,
        stage=progress.stage if is_active and progress is not None else None,
        progress=_percent(progress) if is_active else 100.0,
        message=(progress.message or "") if is_active and progress is not None else "",
        error=document.error or (revision.error if revision is not None else ""),
        revision=document.revision,
        chunk_count=document.chunk_count,
        updated_at=document.updated_at,
    )


def _percent(progress: Progress | None) -> float:
    return (progress.percent or 0.0) if progress is not None else 0.0


def _content(document: Document, number: int | None) -> tuple[str, str, str]:
    """File name, digest and media type of the visible revision, of the latest where none is, or of one by number."""
    if number is None and document.content_hash and document.generation:
        return document.filename, document.content_hash, document.media_type
    known = [each for each in document.revisions if number in (None, each.number)]
    if not known and number is not None:
        raise DocumentNotFound("content", document.id, more=f"it has no revision {number}")
    if not known:
        raise BlobNotFound(f"document {document.id} has no bytes")
    return known[-1].filename, known[-1].content_hash, known[-1].media_type


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD)


ENDPOINTS = (
    list_documents,
    get_document,
    document_status,
    document_chunks,
    document_content,
    document_revisions,
)
