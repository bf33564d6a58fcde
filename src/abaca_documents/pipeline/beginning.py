"""The first step: which document an upload is about, and a generation for its new revision."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from abaca_documents.errors import (
    CollectionNotFound,
    Conflict,
    DocumentAlreadyExists,
    DuplicateDocument,
    TooLarge,
    ValidationError,
)
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


async def begin(
    parts: Parts, payload: UploadJobPayload, job_id: str, *, is_run: bool = False, is_kept: bool = False
) -> Begun:
    """Register the document, or a new revision of it, and refer to its bytes. A second call for the same job answers
    what the first one did.

    ``is_run`` says that the run which takes it in has begun. ``is_kept`` says that ``keeper`` of the payload's own
    document refers to the bytes already; where another document, or none, is to have them, it lets go.

    Raises ``DuplicateDocument``, ``DocumentAlreadyExists``, ``CollectionNotFound``, ``BlobNotFound``, ``TooLarge``, and
    ``Conflict`` while the document is being purged.
    """
    own = keeper(payload.document_id, job_id) if is_kept else ""
    try:
        begun = await _begin(parts, payload, job_id, is_run, own)
    except (ValidationError, TooLarge, CollectionNotFound, DocumentAlreadyExists, DuplicateDocument, Conflict):
        if own:
            await parts.blobs.release(payload.content_hash, own)
        raise
    if own and (not begun.generation or begun.document.id != payload.document_id):
        await parts.blobs.release(payload.content_hash, own)
    return begun


async def _begin(parts: Parts, payload: UploadJobPayload, job_id: str, is_run: bool, own: str) -> Begun:
    payload.validate()
    if payload.file_size > parts.limits.file_size:
        raise TooLarge(f"{payload.filename}: {payload.file_size:,} bytes; at most {parts.limits.file_size:,} are taken")
    repository = parts.repository
    if (await repository.get_collection(payload.collection)).is_deleting:
        raise CollectionNotFound("upload", payload.collection, more="it is being deleted")
    for _ in range(5):
        mine, same = await _there(parts, payload)
        if (known := _begun_in(same if mine is None else [mine, *same], job_id)) is not None:
            return known
        match decide(payload, job_id, mine, same):
            case Skip(existing):
                return Begun(next(each for each in same if each.id == existing), 0)
            case Create(id):
                await _refer(parts, payload, keeper(id, job_id), own)
                document = _with_revision(_fresh(payload, id), payload, job_id, is_run)
                try:
                    return Begun(await repository.register(document), document.last_generation)
                except DocumentAlreadyExists:
                    continue  # somebody else made it meanwhile: decide anew
            case Revise(id):
                await _refer(parts, payload, keeper(id, job_id), own)
                return await _revised(parts, payload, id, job_id, is_run)
    raise Conflict("upload", payload.document_id)


async def begun(parts: Parts, payload: UploadJobPayload, job_id: str) -> Begun | None:
    """What an earlier call for this job registered. Only ``version`` and ``replace`` can have chosen another id."""
    mine, same = await _there(parts, payload)
    return _begun_in(same if mine is None else [mine, *same], job_id)


async def _there(parts: Parts, payload: UploadJobPayload) -> tuple[Document | None, list[Document]]:
    """The document of the payload's id, and documents of the collection with its bytes."""
    (mine,) = await parts.repository.get_batch([payload.document_id])
    filter = DocumentFilter(collection=payload.collection, content_hash=payload.content_hash)
    return mine, list((await parts.repository.list(filter, limit=_SAME)).items)


def _begun_in(documents: Sequence[Document], job_id: str) -> Begun | None:
    for document in documents:
        for revision in document.revisions:
            if revision.job_id == job_id:
                return Begun(document, revision.generation)
    return None


async def _refer(parts: Parts, payload: UploadJobPayload, by: str, own: str) -> None:
    if by != own:
        await parts.blobs.refer(payload.content_hash, by)


async def _revised(parts: Parts, payload: UploadJobPayload, id: str, job_id: str, is_run: bool) -> Begun:
    def change(before: Document) -> Document | None:
        if before.is_purging:
            raise Conflict("upload", id, more="it is being purged; try again when it is gone")
        if any(each.job_id == job_id for each in before.revisions):
            return None
        return _with_revision(before, payload, job_id, is_run)

    document = await parts.repository.change(id, change, "upload")
    return Begun(document, next(each.generation for each in document.revisions if each.job_id == job_id))


def first_generation() -> int:
    """By the time, so that none comes again where a document was forgotten and another one takes its id: what a dead
    run left of the first is then never seen with the second."""
    return time.time_ns() // 1000


def _fresh(payload: UploadJobPayload, id: str) -> Document:
    shared = (set(payload.__struct_fields__) & set(Document.__struct_fields__)) - {"metadata"}
    return new_document(
        id=id,
        metadata=dict(payload.metadata),
        last_generation=first_generation(),
        **{name: getattr(payload, name) for name in sorted(shared)},
    )


def _with_revision(before: Document, payload: UploadJobPayload, job_id: str, is_run: bool) -> Document:
    generation = before.last_generation + 1
    number = max((each.number for each in before.revisions), default=before.revision) + 1
    now = max(instant_now(), before.created_at)
    revision = Revision(
        status=DocumentStatus.PROCESSING if is_run else DocumentStatus.PENDING,
        number=number,
        generation=generation,
        content_hash=payload.content_hash,
        filename=payload.filename,
        file_size=payload.file_size,
        media_type=payload.media_type,
        job_id=job_id,
        created_at=now,
        started_at=now if is_run else None,
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
        status=_status(before, revision),
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


def _status(before: Document, revision: Revision) -> DocumentStatus:
    """A deleted document comes back as pending only."""
    if before.status is DocumentStatus.DELETED:
        return DocumentStatus.PENDING
    return DocumentStatus.PROCESSING if before.status is DocumentStatus.PROCESSING else revision.status
