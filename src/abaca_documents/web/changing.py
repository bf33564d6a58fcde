"""What is done to documents that are there: changed, deleted."""

from __future__ import annotations

import msgspec

from abaca.http import ApiRequest, invalid
from abaca_documents.model import DocumentDTO, Metadata
from abaca_documents.web.declaring import CONFLICT, INVALID, NO_DOCUMENT, caller, library_of, route


class ChangeDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``metadata`` takes the place of all that was there."""

    title: str | None = None
    metadata: Metadata | None = None


@route(
    "PATCH",
    "/documents/{id}",
    errors=(NO_DOCUMENT, CONFLICT, INVALID),
    examples={"body": {"metadata": {"year": 2026}}},
)
async def change_document(request: ApiRequest, id: str, body: ChangeDocument) -> DocumentDTO:
    """Change title and metadata. Filters of searches see new metadata when the job ``job_id`` has ended, which stores
    the chunks anew and embeds nothing."""
    library = library_of(request)
    fields = {name: value for name, value in msgspec.structs.asdict(body).items() if value is not None}
    if not fields:
        raise invalid("there is nothing to change; give a title or metadata")
    document = await library.documents.get(id)
    if body.metadata is not None and body.metadata != document.metadata and document.is_searchable:
        document = await library.documents.update(id, fields)
        document = (await library.revise(id, by=caller(request))).document
    else:
        document = await library.documents.update(id, fields)
    return DocumentDTO.from_model(document)


@route("DELETE", "/documents/{id}", errors=(NO_DOCUMENT, CONFLICT))
async def delete_document(request: ApiRequest, id: str) -> DocumentDTO:
    """Delete a document. No search finds it from now on; its text is gone for good after ``documents.retention``.

    Until then an upload of the same id brings it back. Deleting it again changes nothing.
    """
    library = library_of(request)
    await library.documents.get(id)
    (document,) = await library.delete(id)
    return DocumentDTO.from_model(document)


ENDPOINTS = (change_document, delete_document)
