"""The end of an ingest: the switch that makes a revision visible, or the note of why it is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from abaca_documents.errors import CollectionNotFound
from abaca_documents.model import (
    Chunk,
    Document,
    DocumentStatus,
    Index,
    Metadata,
    Revision,
    Stage,
    UploadJobPayload,
    instant_now,
)
from abaca_documents.pipeline.beginning import begun, keeper
from abaca_documents.pipeline.ingest import Ingest, ParseStep, replaced
from abaca_documents.pipeline.marks import progress
from abaca_documents.pipeline.parts import Parts

SUPERSEDED = "a later revision was finished first"
DELETED = "the document was deleted meanwhile"


@dataclass(frozen=True, slots=True)
class Stored:
    """What an ingest has written, and to which indices: ``metadata`` is what its chunks carry. ``late`` are chunks, by
    the number of their index, that are to be written with the switch."""

    indices: Sequence[Index]
    late: Mapping[int, Sequence[Chunk]]
    title: str
    metadata: Metadata
    chunks: int
    embedded: int


async def finish(ingest: Ingest, parsed: ParseStep, stored: Stored) -> Document | None:
    """Let readers see the revision, in one write, and forget the one before.

    Answers ``None`` and shows nothing where what is stored is not enough any more: another index answers by now, or the
    metadata was changed. Store it anew then.
    """
    parts, generation = ingest.parts, ingest.revision.generation
    repository = parts.repository
    async with repository.together():
        collection = await repository.get_collection(ingest.document.collection)
        wanted = {index.number for index in (collection.index, collection.building) if index is not None}
        if not wanted <= {each.number for each in stored.indices}:
            return None
        for index in stored.indices:
            if index.number in wanted and index.number in stored.late:
                await ingest.store(collection, index, stored.late[index.number])
        parts.tell(progress(Stage.FINISH))
        is_current = True

        def change(before: Document) -> Document | None:
            nonlocal is_current
            is_current = ingest.metadata_of(before, stored.title) == stored.metadata
            if not is_current or before.generation == generation or before.revision_of(generation) is None:
                return None
            if before.status is DocumentStatus.DELETED:
                return ended(before, generation, DocumentStatus.FAILED, DELETED)
            if before.generation > generation:
                return ended(before, generation, DocumentStatus.FAILED, SUPERSEDED)
            return _visible(before, generation, parsed, max(wanted), stored)

        document = await repository.change(ingest.document.id, change, "finish")
        if not is_current:
            return None
        if document.revisions[0].generation != generation or len(document.revisions) > 1:
            for number in sorted(wanted):
                await parts.vectors.sweep(
                    document.collection, number, document.id, _kept(document), document.last_generation
                )
    await let_go(parts, document)
    return document


async def fail(ingest: Ingest, error: str) -> Document:
    """Note why the revision cannot be had. The one before goes on answering."""
    parts, generation = ingest.parts, ingest.revision.generation

    def change(before: Document) -> Document | None:
        revision = before.revision_of(generation)
        if revision is None or not revision.status.is_active or before.generation >= generation:
            return None
        return ended(before, generation, DocumentStatus.FAILED, error)

    repository = parts.repository
    document = await repository.change(ingest.document.id, change, "fail")
    await swept(parts, document)
    return document


async def tidy(parts: Parts, document: Document) -> None:
    """What follows the switch, for a run whose forerunner died behind it."""
    await swept(parts, document)
    await let_go(parts, document)


async def swept(parts: Parts, document: Document) -> None:
    """Delete the chunks of revisions that neither answer nor are under way."""
    try:
        collection = await parts.repository.get_collection(document.collection)
    except CollectionNotFound:
        return
    for index in (collection.index, collection.building):
        if index is not None:
            await parts.vectors.sweep(
                document.collection, index.number, document.id, _kept(document), document.last_generation
            )


async def abandon(parts: Parts, payload: UploadJobPayload, job_id: str, error: str) -> None:
    """Note that the job of an upload has given up. Nothing happens where it had not begun."""
    known = await begun(parts, payload, job_id)
    if known is not None and known.generation:
        await fail(Ingest(parts, known.document, known.generation), error)


async def let_go(parts: Parts, document: Document) -> None:
    """Forget the bytes of revisions that neither answer nor are under way, and what stages left."""
    for each in document.revisions:
        if not each.status.is_active and each.generation != document.generation:
            await parts.blobs.release(each.content_hash, keeper(document.id, each.job_id))
    if not any(each.status.is_active for each in document.revisions):
        await parts.outputs.drop(document.id)


def _kept(document: Document) -> list[int]:
    active = [each.generation for each in document.revisions if each.status.is_active]
    return [*active, *([document.generation] if document.generation else [])]


def _visible(before: Document, generation: int, parsed: ParseStep, index: int, stored: Stored) -> Document:
    revision = before.revision_of(generation)
    assert revision is not None
    done = msgspec.structs.replace(
        revision,
        status=DocumentStatus.COMPLETED,
        media_type=parsed.media_type,
        chunk_count=stored.chunks,
        chunks_embedded=stored.embedded,
        page_count=parsed.pages,
        finished_at=instant_now(),
    )
    revisions = replaced(before.revisions, done)
    return msgspec.structs.replace(
        before,
        status=_status(revisions, DocumentStatus.COMPLETED),
        filename=revision.filename,
        content_hash=revision.content_hash,
        file_size=revision.file_size,
        media_type=parsed.media_type,
        title=before.title or stored.title,
        chunk_count=stored.chunks,
        page_count=parsed.pages,
        revision=revision.number,
        generation=generation,
        index=index,
        stored_in_vector_db=True,
        is_described=True,
        error="",
        revisions=revisions,
    )


def ended(before: Document, generation: int, status: DocumentStatus, error: str) -> Document:
    """The document after a revision has ended without being seen."""
    revision = before.revision_of(generation)
    assert revision is not None
    done: Revision = msgspec.structs.replace(revision, status=status, error=error, finished_at=instant_now())
    revisions = replaced(before.revisions, done)
    is_newest = generation == before.last_generation
    after = before.status
    if after is not DocumentStatus.DELETED:
        after = _status(revisions, status if is_newest else DocumentStatus.COMPLETED)
    return msgspec.structs.replace(
        before, status=after, error=error if is_newest else before.error, revisions=revisions
    )


def _status(revisions: Sequence[Revision], ended: DocumentStatus) -> DocumentStatus:
    """As long as another revision is under way the document is being processed."""
    return DocumentStatus.PROCESSING if any(each.status.is_active for each in revisions) else ended
