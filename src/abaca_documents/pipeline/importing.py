"""Many documents by one job: a folder, an archive, lines of JSON, or a manifest. Every item has its own outcome, and a
run that goes on after a crash begins behind the last outcome that is stored."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

from abaca_documents.errors import (
    DocumentsError,
    DuplicateDocument,
    EmbedderAway,
    EmbedderRefused,
    IngestError,
    StoreUnavailable,
    ValidationError,
)
from abaca_documents.model import (
    DocumentStatus,
    ImportItem,
    ImportPayload,
    ImportResult,
    ItemOutcome,
    UploadJobPayload,
    UploadJobResult,
    check_document_id,
)
from abaca_documents.pipeline.beginning import item_job, keeper
from abaca_documents.pipeline.duplicates import document_id_of
from abaca_documents.pipeline.finishing import abandon
from abaca_documents.pipeline.parts import Parts
from abaca_documents.pipeline.sources import Source, open_source
from abaca_documents.pipeline.turns import Turn, Turns
from abaca_documents.pipeline.uploading import upload

AT_ONCE = 4
FAILURES = 100


class Job(Protocol):
    """The job that imports."""

    job_id: str

    async def earlier(self) -> list[ImportItem]:
        """The outcomes that are stored already, in order."""
        ...

    async def emit(self, outcome: ImportItem) -> None: ...

    def tell(self, done: int, total: int) -> None: ...


async def bulk_import(parts: Parts, payload: ImportPayload, job: Job) -> ImportResult:
    """Raises ``ValidationError`` for a source that cannot be read, and what makes another attempt worth while."""
    payload.validate()
    stored = await parts.blobs.path(payload.content_hash) if payload.content_hash else None
    with open_source(payload, stored, parts.limits.file_size) as source:
        outcomes = await job.earlier()
        running: deque[asyncio.Task[ImportItem]] = deque()
        waiting, turns = iter(range(len(outcomes), len(source.names))), Turns()
        try:
            while True:
                while len(running) < AT_ONCE and (at := next(waiting, None)) is not None:
                    running.append(asyncio.create_task(_in_turn(parts, payload, job.job_id, source, at, turns.next())))
                if not running:
                    break
                outcome = await running[0]
                running.popleft()
                await job.emit(outcome)
                outcomes.append(outcome)
                job.tell(len(outcomes), len(source.names))
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
    return _counted(outcomes)


async def _in_turn(
    parts: Parts, payload: ImportPayload, job_id: str, source: Source, at: int, turn: Turn
) -> ImportItem:
    """Bytes are known as there once they can be found, and of two items about one document the last counts."""
    async with turn.taken():
        return await _one(parts, payload, job_id, source, at, turn)


async def _one(parts: Parts, payload: ImportPayload, job_id: str, source: Source, at: int, turn: Turn) -> ImportItem:
    name = source.names[at]
    job = item_job(job_id, at)
    try:
        entry = await asyncio.to_thread(source.read, at)
        id = entry.document_id or document_id_of(payload.collection, entry.source_id or entry.filename)
        key, size = await parts.blobs.put(entry.data, by=keeper(check_document_id(id), job))
        wanted = UploadJobPayload(
            document_id=id,
            collection=payload.collection,
            filename=entry.filename,
            content_hash=key,
            file_size=size,
            source_type=payload.kind.value,
            source_id=entry.source_id,
            chunking_strategy=payload.chunking_strategy,
            chunk_size=payload.chunk_size,
            chunk_overlap=payload.chunk_overlap,
            extract_metadata=payload.extract_metadata,
            metadata={**payload.metadata, **entry.metadata},
            on_duplicate=payload.on_duplicate,
        )
        await turn.comes(f"bytes {key}", f"document {id}")
        result = await _uploaded(parts, wanted, job)
    except (StoreUnavailable, EmbedderAway, EmbedderRefused):
        raise  # every item would meet the same
    except (IngestError, ValidationError, DuplicateDocument) as error:
        return ImportItem(name=name, outcome=ItemOutcome.FAILED, error=str(error))
    except DocumentsError as error:
        return ImportItem(name=name, outcome=ItemOutcome.FAILED, error=f"{type(error).__name__}: {error}")
    if result.status is not DocumentStatus.COMPLETED:
        return ImportItem(
            name=name, outcome=ItemOutcome.FAILED, document_id=result.document_id, error=result.error or result.status
        )
    outcome = ItemOutcome.DEDUPLICATED if result.deduplicated else ItemOutcome.COMPLETED
    return ImportItem(name=name, outcome=outcome, document_id=result.document_id)


async def _uploaded(parts: Parts, wanted: UploadJobPayload, job: str) -> UploadJobResult:
    """What no later run of the import would try again is noted on the document."""
    try:
        return await upload(parts, wanted, job, is_kept=True)
    except (StoreUnavailable, EmbedderAway):
        raise
    except Exception as error:
        await abandon(parts, wanted, job, f"{type(error).__name__}: {error}")
        raise


def _counted(outcomes: list[ImportItem]) -> ImportResult:
    failures = [each for each in outcomes if each.outcome is ItemOutcome.FAILED]
    return ImportResult(
        status="completed_with_errors" if failures else "completed",
        total=len(outcomes),
        completed=sum(each.outcome is ItemOutcome.COMPLETED for each in outcomes),
        deduplicated=sum(each.outcome is ItemOutcome.DEDUPLICATED for each in outcomes),
        failed=len(failures),
        failures=tuple(failures[:FAILURES]),
    )
