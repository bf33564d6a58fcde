"""An upload from its payload to its outcome: which stages run, in which order, and what each end means."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from abaca_documents.errors import CollectionNotFound, DocumentNotFound, IngestError
from abaca_documents.model import (
    Chunk,
    Document,
    DocumentStatus,
    Stage,
    UploadJobPayload,
    UploadJobResult,
)
from abaca_documents.model.base import Value
from abaca_documents.pipeline.beginning import begin
from abaca_documents.pipeline.finishing import Stored, fail, finish, let_go, tidy
from abaca_documents.pipeline.ingest import EmbedStep, Ingest
from abaca_documents.pipeline.maintaining import forget
from abaca_documents.pipeline.marks import progress
from abaca_documents.pipeline.parts import Parts

R = TypeVar("R")
STOPPED = "it was stopped before it was done; a later run of its job goes on"
ROUNDS = 10
"""How often a revision is stored anew because the collection or its metadata changed under it."""


class Step:
    """Calls a stage. A job puts ``ctx.step`` in its place, so that no later run calls it again."""

    async def __call__(self, name: str, fn: Callable[..., Awaitable[R]], *args: Any) -> R:
        return await fn(*args)


class Registered(Value, frozen=True, kw_only=True):
    document_id: str
    generation: int


async def _will_go_on() -> str:
    return STOPPED


async def upload(
    parts: Parts,
    payload: UploadJobPayload,
    job_id: str,
    step: Step | None = None,
    stopped: Callable[[], Awaitable[str]] = _will_go_on,
    *,
    is_kept: bool = False,
) -> UploadJobResult:
    """Take a document in. What is wrong with the document is an outcome; what it raises is worth another attempt.
    ``stopped`` says why a run is cancelled. ``is_kept`` is that of ``begin``.

    Raises what ``begin`` raises, and whatever the stores and the embedder do.
    """
    call = step or Step()
    document: Document | None = None

    async def register() -> Registered:
        nonlocal document
        begun = await begin(parts, payload, job_id, is_run=True, is_kept=is_kept)
        document = begun.document
        return Registered(document_id=document.id, generation=begun.generation)

    parts.tell(progress(Stage.REGISTER))
    registered = await call("register", register)
    if document is None:
        (document,) = await parts.repository.get_batch([registered.document_id])
    if document is None:
        return _gone(payload)
    if not registered.generation:
        parts.tell(progress(Stage.DONE))
        return _outcome(document, document.generation, payload, deduplicated=True)
    ingest = Ingest(parts, document, registered.generation)
    if ingest.revision.status is DocumentStatus.COMPLETED:
        await tidy(parts, document)
        parts.tell(progress(Stage.DONE))
        return _outcome(document, registered.generation, payload)
    try:
        await ingest.start()
        document = await _taken_in(ingest, call)
    except IngestError as error:
        document = await fail(ingest, str(error))
    except asyncio.CancelledError:
        await asyncio.shield(_stop(ingest, stopped))
        raise
    except (DocumentNotFound, CollectionNotFound):
        await forget(parts, ingest.document)
        return _gone(payload)
    parts.tell(progress(Stage.DONE))
    return _outcome(document, registered.generation, payload)


async def _stop(ingest: Ingest, stopped: Callable[[], Awaitable[str]]) -> None:
    reason = await stopped()
    document = await fail(ingest, reason)
    if reason != STOPPED:
        await let_go(ingest.parts, document)


async def _taken_in(ingest: Ingest, step: Step) -> Document:
    repository, document = ingest.parts.repository, ingest.document
    parsed = await step("parse", ingest.parse)
    if document.extract_metadata:
        await step("metadata", ingest.extract)
        document = await repository.get(document.id)
    title = await ingest.title()
    embedded: dict[int, EmbedStep] = {}
    for round in range(ROUNDS):
        collection = await repository.get_collection(document.collection)
        indices = [each for each in (collection.index, collection.building) if each is not None]
        for index in indices:
            if index.number not in embedded:
                await step(f"chunk {index.number}", ingest.chunk, index)
                embedded[index.number] = await step(f"embed {index.number}", ingest.embed, index)
        if round:
            document = await repository.get(document.id)
        metadata = ingest.metadata_of(document, title)
        late: dict[int, list[Chunk]] = {}
        for index in indices:  # in every run: what a run left may have been swept
            chunks = await ingest.chunks(index, metadata)
            if ingest.is_stored_at_once(chunks):
                late[index.number] = chunks
            else:
                await ingest.store(collection, index, chunks)
        made = embedded[collection.index.number]
        stored = Stored(indices, late, title, metadata, made.chunks, made.embedded)
        done = await finish(ingest, parsed, stored)
        if done is not None:
            return done
    raise IngestError(f"its metadata or its collection changed {ROUNDS} times while it was stored; upload it again")


def _outcome(
    document: Document, generation: int, payload: UploadJobPayload, *, deduplicated: bool = False
) -> UploadJobResult:
    revision = document.revision_of(generation)
    if revision is None:
        return UploadJobResult(
            document_id=document.id,
            collection=document.collection,
            filename=document.filename,
            status=document.status,
            revision=document.revision,
            chunk_count=document.chunk_count,
            page_count=document.page_count,
            deduplicated=deduplicated,
        )
    return UploadJobResult(
        document_id=document.id,
        collection=document.collection,
        filename=revision.filename,
        status=revision.status,
        revision=revision.number,
        chunk_count=revision.chunk_count,
        chunks_embedded=0 if deduplicated else revision.chunks_embedded,
        chunks_reused=max(revision.chunk_count - revision.chunks_embedded, 0),
        page_count=revision.page_count,
        processing_time_ms=0 if deduplicated else revision.duration_ms,
        deduplicated=deduplicated,
        error=revision.error,
        metadata=payload.metadata,
    )


def _gone(payload: UploadJobPayload) -> UploadJobResult:
    return UploadJobResult(
        document_id=payload.document_id,
        collection=payload.collection,
        filename=payload.filename,
        status=DocumentStatus.DELETED,
        error="the document was purged while it was being taken in",
    )
