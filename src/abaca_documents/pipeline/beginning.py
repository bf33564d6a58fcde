"""The first step: which document an upload is about, and a generation for its new revision."""

from __future__ import annotations

import re
from dataclasses import dataclass

import msgspec

from abaca_documents.errors import CollectionNotFound, Conflict, DocumentAlreadyExists, TooLarge
from abaca_documents.model import (
    MAX_REVISIONS,
    Document,
    DocumentFilter,
    DocumentStatus,
    Revision,
    UploadJobPayload,
    instant_now,
    new_document,
)
from abaca_documents.pipeline.duplicates import Create, Revise, Skip, decide
from abaca_documents.pipeline.parts import Parts

_SAME = 20
_JOB_ID = 36
_ITEM = re.compile(rf".{{{_JOB_ID}}}-[0-9]+")


@dataclass(frozen=True, slots=True)
class Begun:
    """``generation`` is that of the new revision; 0 when the document has these bytes already."""

    document: Document
    generation: int


def keeper(document_id: str, job_id: str) -> str:
    """Who refers to the bytes of a revision. Each does so for itself: one that goes takes no other's bytes along, also
    where they are the same and come back at that moment."""
    return f"{document_id}.{job_id}"


def item_job(job_id: str, at: int) -> str:
    """Who brings the item of an import: revisions of one job are told apart by it."""
    return f"{job_id}-{at}"


def job_of(id: str) -> str:
    """The job behind a revision's ``job_id``: the import's, where that is an item of one."""
    return id[:_JOB_ID] if _ITEM.fullmatch(id) else id


async def begin(parts: Parts, payload: UploadJobPayload, job_id: str) -> Begun:
    """Register the document, or a new revision of it, and refer to its bytes. A second call for the same job answers
    what the first one did.

    Raises ``DuplicateDocument``, ``DocumentAlreadyExists``, ``CollectionNotFound``, ``BlobNotFound``, ``TooLarge``, and
    ``Conflict`` while the document is being purged.
    """
    payload.validate()
    if payload.file_size > parts.limits.file_size:
        raise TooLarge(f"{payload.filename}: {payload.file_size:,} bytes; at most {parts.limits.file_size:,} are taken")
    repository = parts.repository
    if (await repository.get_collection(payload.collection)).is_deleting:
        raise CollectionNotFound("upload", payload.collection, more="it is being deleted")
    for _ in range(5):
        if (known := await begun(parts, payload, job_id)) is not None:
            return known
        (mine,) = await repository.get_batch([payload.document_id])
        same = await repository.list(
            DocumentFilter(collection=payload.collection, content_hash=payload.content_hash), limit=_SAME
        )
        match decide(payload, job_id, mine, same.items):
            case Skip(existing):
                return Begun(await repository.get(existing), 0)
            case Create(id):
                await parts.blobs.refer(payload.content_hash, keeper(id, job_id))
                document = _with_revision(_fresh(payload, id), payload, job_id)
                try:
                    return Begun(await repository.register(document), document.last_generation)
                except DocumentAlreadyExists:
                    continue  # somebody else made it meanwhile: decide anew
            case Revise(id):
                return await _revised(parts, payload, id, job_id)
    raise Conflict("upload", payload.document_id)


async def begun(parts: Parts, payload: UploadJobPayload, job_id: str) -> Begun | None:
    """What an earlier call for this job registered. Only ``version`` and ``replace`` can have chosen another id."""
    found = list(await parts.repository.get_batch([payload.document_id]))
    if found[0] is None or all(each.job_id != job_id for each in found[0].revisions):
        same = await parts.repository.list(
            DocumentFilter(collection=payload.collection, content_hash=payload.content_hash), limit=_SAME
        )
        found += same.items
    for document in found:
        for revision in document.revisions if document is not None else ():
            if document is not None and revision.job_id == job_id:
                return Begun(document, revision.generation)
    return None


async def _revised(parts: Parts, payload: UploadJobPayload, id: str, job_id: str) -> Begun:
    await parts.blobs.refer(payload.content_hash, keeper(id, job_id))

    def change(before: Document) -> Document | None:
        if before.is_purging:
            raise Conflict("upload", id, more="it is being purged; try again when it is gone")
        if any(each.job_id == job_id for each in before.revisions):
            return None
        return _with_revision(before, payload, job_id)

    document = await parts.repository.change(id, change, "upload")
    return Begun(document, next(each.generation for each in document.revisions if each.job_id == job_id))


def _fresh(payload: UploadJobPayload, id: str) -> Document:
    shared = (set(payload.__struct_fields__) & set(Document.__struct_fields__)) - {"metadata"}
    return new_document(
        id=id, metadata=dict(payload.metadata), **{name: getattr(payload, name) for name in sorted(shared)}
    )


def _with_revision(before: Document, payload: UploadJobPayload, job_id: str) -> Document:
    generation = before.last_generation + 1
    number = max((each.number for each in before.revisions), default=before.revision) + 1
    revision = Revision(
        number=number,
        generation=generation,
        content_hash=payload.content_hash,
        filename=payload.filename,
        file_size=payload.file_size,
        media_type=payload.media_type,
        job_id=job_id,
        created_at=max(instant_now(), before.created_at),
    )
    settings = (
        "chunking_strategy chunk_size chunk_overlap extract_metadata num_questions max_pages llm_provider llm_model"
    )
    kept = [each for each in before.revisions if each.status.is_active or each.generation == before.generation]
    ended = [each for each in before.revisions if each not in kept]
    room = max(MAX_REVISIONS - 1 - len(kept), 0)
    revisions = sorted([*kept, *ended[len(ended) - room :]], key=lambda each: each.generation)
    return msgspec.structs.replace(
        before,
        status=before.status if before.status.is_active else DocumentStatus.PENDING,
        deleted_at=None,
        generation=0 if before.status is DocumentStatus.DELETED else before.generation,
        stored_in_vector_db=before.stored_in_vector_db and before.status is not DocumentStatus.DELETED,
        error="",
        job_id=job_id,
        last_generation=generation,
        metadata={**before.metadata, **payload.metadata},
        revisions=(*revisions, revision),
        **{name: getattr(payload, name) for name in settings.split()},
    )
