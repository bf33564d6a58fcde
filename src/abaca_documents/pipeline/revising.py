"""A new revision of the same bytes: other metadata, or other settings. What was embedded is embedded no second time."""

from __future__ import annotations

from typing import Any

from abaca_documents.errors import DocumentNotFound
from abaca_documents.model import Document, DuplicatePolicy, UploadJobPayload, UploadJobResult
from abaca_documents.pipeline.parts import Parts
from abaca_documents.pipeline.uploading import upload

_OF_TEXT = {"metadata", "title"}
"""The document keeps them. They may be words of its text, and a job outlives it."""
_SHARED = sorted((set(UploadJobPayload.__struct_fields__) & set(Document.__struct_fields__)) - _OF_TEXT)


async def revise(parts: Parts, document_id: str, job_id: str, *, extract: bool = False) -> UploadJobResult:
    """Raises ``DocumentNotFound`` for a document that no search finds."""
    return await upload(parts, payload_of(await searchable(parts, document_id), extract=extract), job_id)


async def searchable(parts: Parts, document_id: str) -> Document:
    document = await parts.repository.get(document_id)
    if not document.is_searchable:
        raise DocumentNotFound("revise", document_id, more="no revision of it was ever finished, or it is deleted")
    return document


def payload_of(document: Document, *, extract: bool) -> UploadJobPayload:
    shared: dict[str, Any] = {name: getattr(document, name) for name in _SHARED}
    shared["extract_metadata"] = extract
    return UploadJobPayload(document_id=document.id, on_duplicate=DuplicatePolicy.REPLACE, **shared)
