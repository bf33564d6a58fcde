"""What is done to documents that are there: changed, taken in anew, deleted one by one or by a filter."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from abaca.http import Answer, ApiRequest, Nothing, invalid
from abaca_documents.errors import DocumentNotFound
from abaca_documents.library import Added, Library
from abaca_documents.model import ChunkingStrategy, ChunkSettings, DocumentDTO, Metadata
from abaca_documents.pipeline.revising import searchable
from abaca_documents.web.asking import Which, filter_of
from abaca_documents.web.declaring import CONFLICT, INVALID, NO_DOCUMENT, caller, library_of, route, spend
from abaca_documents.web.starting import Started, accepted, start

_PAGE = 100
_MOST = 10_000


class ChangeDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``metadata`` takes the place of all that was there."""

    title: str | None = None
    metadata: Metadata | None = None


class ReindexDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is not given stays as it is."""

    chunking_strategy: ChunkingStrategy | None = None
    chunk_size: int | None = None
    chunk_overlap: int | None = None


class DeleteDocument(msgspec.Struct, frozen=True, kw_only=True):
    """``purge``: for good and at once, by a job."""

    purge: bool = False


class DeleteDocuments(Which, frozen=True, kw_only=True):
    __doc__ = f"{Which.__doc__} ``dry_run`` counts and deletes nothing. ``all``: every document, without a filter."

    dry_run: bool = False
    all: bool = False
    limit: Annotated[int, Meta(ge=1, le=_MOST)] = _MOST


class Deleted(msgspec.Struct, frozen=True, kw_only=True):
    """``matched`` documents are meant, ``deleted`` of them were deleted; none in a dry run. ``complete: false`` says
    that there are more, and the same request goes on with them. ``document_ids``: the first 100."""

    matched: int
    deleted: int
    dry_run: bool
    complete: bool
    document_ids: list[str]


@route(
    "PATCH",
    "/documents/{id}",
    errors=(NO_DOCUMENT, CONFLICT, INVALID),
    examples={"body": {"metadata": {"year": 2026}}},
)
async def change_document(request: ApiRequest, id: str, body: ChangeDocument) -> DocumentDTO:
    """Change title and metadata. Filters of searches see it at once."""
    fields = {name: value for name, value in msgspec.structs.asdict(body).items() if value is not None}
    if not fields:
        raise invalid("there is nothing to change; give a title or metadata")
    return DocumentDTO.from_model(await library_of(request).update(id, fields))


@route("DELETE", "/documents/{id}", errors=(NO_DOCUMENT, CONFLICT))
async def delete_document(request: ApiRequest, id: str, query: DeleteDocument) -> DocumentDTO | Answer[Started]:
    """Delete a document. No search finds it from now on; its text is gone for good after ``documents.retention``.

    Until then an upload of the same id brings it back. With ``purge`` a job deletes it for good at once, and the answer
    is 202.
    """
    library = library_of(request)
    await library.documents.get(id)
    (document,) = await library.delete(id)
    if query.purge:
        return await start(request, library.tasks.document_delete, id)
    return DocumentDTO.from_model(document)


@route("DELETE", "/documents", errors=(INVALID,))
async def delete_documents(request: ApiRequest, query: DeleteDocuments) -> Deleted:
    """Delete all documents of a filter, at most ``limit`` of them. Without a filter nothing is deleted, unless ``all``
    says so."""
    library = library_of(request)
    which = filter_of(query)
    if query == DeleteDocuments(dry_run=query.dry_run, limit=query.limit):
        raise invalid("there is no filter, which means every document; say so with all=true", "all")
    if query.include_deleted:
        raise invalid("deleted documents cannot be deleted again", "include_deleted")
    ids: list[str] = []
    cursor, complete = None, True
    while True:
        page = await library.documents.list(which, cursor=cursor, limit=_PAGE)
        ids += [document.id for document in page.items if document.deleted_at is None]
        cursor = page.cursor
        if cursor is None or len(ids) > query.limit:
            break
    complete = len(ids) <= query.limit
    ids = ids[: query.limit]
    deleted = 0 if query.dry_run else await _deleted(library, ids)
    return Deleted(
        matched=len(ids), deleted=deleted, dry_run=query.dry_run, complete=complete, document_ids=ids[:_PAGE]
    )


@route(
    "POST",
    "/documents/{id}/reindex",
    status=202,
    errors=(NO_DOCUMENT, CONFLICT, INVALID),
    examples={"body": {"chunking_strategy": "markdown", "chunk_size": 800}},
)
async def reindex_document(request: ApiRequest, id: str, body: ReindexDocument) -> Answer[Started]:
    """Take a document in anew from its bytes, perhaps cut otherwise. Searches find what they found until it is done.
    404 for a document that no search finds."""
    await spend(request)
    library = library_of(request)
    before = await searchable(library.opened().parts, id)
    chunking = ChunkSettings(
        strategy=body.chunking_strategy or before.chunking_strategy,
        size=before.chunk_size if body.chunk_size is None else body.chunk_size,
        overlap=before.chunk_overlap if body.chunk_overlap is None else body.chunk_overlap,
    )
    return _accepted(request, await library.revise(id, chunking=chunking, by=caller(request)))


@route("POST", "/documents/{id}/metadata", status=202, errors=(NO_DOCUMENT, CONFLICT))
async def extract_metadata(request: ApiRequest, id: str, body: Nothing) -> Answer[Started]:
    """Read title, language, keywords, a summary and questions from a document's text. What was given by hand stays.
    404 for a document that no search finds."""
    await spend(request)
    library = library_of(request)
    await searchable(library.opened().parts, id)
    return await start(request, library.tasks.metadata_extract, id)


def _accepted(request: ApiRequest, added: Added) -> Answer[Started]:
    if added.job is None:  # it was revised meanwhile by somebody else
        raise DocumentNotFound("reindex", added.document.id)
    return accepted(request, added.job.id)


async def _deleted(library: Library, ids: list[str]) -> int:
    """Batch by batch; one that is purged meanwhile is left out."""
    count = 0
    for first in range(0, len(ids), _PAGE):
        batch = ids[first : first + _PAGE]
        try:
            count += len(await library.delete(batch))
        except DocumentNotFound:
            known = await library.documents.get_batch(batch)
            there = [document.id for document in known if document is not None]
            count += len(await library.delete(there)) if there else 0
    return count


ENDPOINTS = (
    change_document,
    delete_document,
    delete_documents,
    reindex_document,
    extract_metadata,
)
