"""The six kinds of jobs, and the one that clears up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar

import msgspec

from abaca import Abort, App, Ctx, JobNotFound, Retry, Status
from abaca_documents.errors import (
    BlobNotFound,
    CollectionNotFound,
    DocumentAlreadyExists,
    DocumentNotFound,
    DuplicateDocument,
    EmbedderRefused,
    IngestError,
    ValidationError,
)
from abaca_documents.model import (
    ChunkSettings,
    DeleteResult,
    ImportItem,
    ImportPayload,
    ImportResult,
    JobProgress,
    JobType,
    ReindexResult,
    UploadJobPayload,
    UploadJobResult,
    instant_now,
)
from abaca_documents.opened import Opened
from abaca_documents.pipeline.beginning import keeper
from abaca_documents.pipeline.finishing import abandon
from abaca_documents.pipeline.importing import bulk_import
from abaca_documents.pipeline.maintaining import IMPORT, Swept, sweep
from abaca_documents.pipeline.parts import Parts
from abaca_documents.pipeline.reconciling import GONE, reconcile
from abaca_documents.pipeline.reindexing import build, prepare
from abaca_documents.pipeline.removing import delete_collection, purge, purge_before, scrub
from abaca_documents.pipeline.revising import revise
from abaca_documents.pipeline.sources import inside_folder
from abaca_documents.pipeline.uploading import STOPPED, Step, upload
from abaca_documents.settings import value

R = TypeVar("R")
QUEUE = "documents"
ATTEMPTS = 4
RETRY = Retry(max_attempts=ATTEMPTS)
FINAL = (
    BlobNotFound,
    CollectionNotFound,
    DocumentAlreadyExists,
    DocumentNotFound,
    DuplicateDocument,
    EmbedderRefused,
    IngestError,
    ValidationError,
)
"""What another attempt would meet again."""


class DurableStep(Step):
    """A stage as a durable step of the job: no later run calls it again."""

    def __init__(self, ctx: Ctx) -> None:
        self._ctx = ctx

    async def __call__(self, name: str, fn: Callable[..., Awaitable[R]], *args: Any) -> R:
        return await self._ctx.step(name, fn, *args)


class Tasks:
    """``opened`` gives what the running loop has open, ``is_used`` whether there is anything to open."""

    def __init__(self, app: App, opened: Callable[[], Opened], is_used: Callable[[], bool]) -> None:
        def name(kind: JobType) -> str:
            return f"documents.{kind.value}"

        @app.task(name=name(JobType.DOCUMENT_UPLOAD), queue=QUEUE, retry=RETRY)
        async def document_upload(ctx: Ctx, payload: UploadJobPayload) -> UploadJobResult:
            return await _final(_uploaded(app, opened().telling(_teller(ctx)), ctx, payload))

        @app.task(name=name(JobType.DOCUMENT_DELETE), queue=QUEUE, retry=RETRY)
        async def document_delete(ctx: Ctx, document_id: str) -> DeleteResult:
            return await _deleted(opened().parts, document_id)

        @app.task(name=name(JobType.COLLECTION_DELETE), queue=QUEUE, retry=RETRY)
        async def collection_delete(ctx: Ctx, collection: str) -> DeleteResult:
            return await delete_collection(opened().parts, collection)

        @app.task(name=name(JobType.VECTOR_REINDEX), queue=QUEUE, retry=RETRY)
        async def vector_reindex(
            ctx: Ctx, collection: str, embedder: str | None = None, chunking: ChunkSettings | None = None
        ) -> ReindexResult:
            parts = opened().parts
            index = await _final(ctx.step("prepare", prepare, parts, collection, embedder, chunking))
            return await build(parts, collection, index, lambda done, total: ctx.progress(done, total, stage="reindex"))

        @app.task(name=name(JobType.METADATA_EXTRACT), queue=QUEUE, retry=RETRY)
        async def metadata_extract(ctx: Ctx, document_id: str) -> UploadJobResult:
            parts = opened().telling(_teller(ctx))
            return await _final(revise(parts, document_id, ctx.job_id, extract=True))

        @app.task(name=name(JobType.BULK_IMPORT), queue=QUEUE, retry=RETRY)
        async def import_many(ctx: Ctx, payload: ImportPayload) -> ImportResult:
            parts = opened().parts
            await _final(_may_read(app, ctx, payload))
            result = await _final(bulk_import(parts, payload, _Import(app, ctx)))
            if payload.content_hash:
                await parts.blobs.release(payload.content_hash, keeper(IMPORT, ctx.job_id))
            return result

        @app.task(name="documents.clean_up", queue=QUEUE, retry=RETRY)
        async def clean_up(ctx: Ctx) -> Swept:
            if not is_used():
                return Swept()
            parts = opened().parts
            before = instant_now() - timedelta(seconds=value(app, "documents.retention"))
            await purge_before(parts, before)
            reconciled = await reconcile(parts, lambda job_id: _fate(app, job_id))

            async def is_live(job_id: str) -> bool:
                return await _fate(app, job_id) is None

            swept = await sweep(parts, is_live)
            await scrub(parts)
            return msgspec.structs.replace(swept, reconciled=reconciled)

        app.every("1h", name="documents.clean_up")(clean_up)
        self.document_upload = document_upload
        self.document_delete = document_delete
        self.collection_delete = collection_delete
        self.vector_reindex = vector_reindex
        self.metadata_extract = metadata_extract
        self.bulk_import = import_many
        self.clean_up = clean_up


async def _uploaded(app: App, parts: Parts, ctx: Ctx, payload: UploadJobPayload) -> UploadJobResult:
    async def stopped() -> str:
        is_cancelled = (await app.job(ctx.job_id).info()).cancel
        return f"its job {ctx.job_id} was cancelled; upload it again" if is_cancelled else STOPPED

    try:
        return await upload(parts, payload, ctx.job_id, DurableStep(ctx), stopped)
    except Exception as error:
        told = f"{type(error).__name__}: {error}"
        if ctx.attempt >= ATTEMPTS or isinstance(error, FINAL):
            await abandon(parts, payload, ctx.job_id, told)
        raise


async def _fate(app: App, job_id: str) -> str | None:
    try:
        job = await app.job(job_id).info()
    except JobNotFound:
        return GONE
    match job.status:
        case Status.CANCELLED:
            return "was cancelled"
        case Status.FAILED:
            return f"failed: {job.error}"
        case Status.COMPLETED:
            return "ended without it"
    return None


async def _may_read(app: App, ctx: Ctx, payload: ImportPayload) -> None:
    """A job that somebody's key made, by whichever route, reads this machine's files in one folder alone. Raises
    ``ValidationError``."""
    if payload.path and (await app.job(ctx.job_id).info()).spec.owner is not None:
        await asyncio.to_thread(inside_folder, value(app, "documents.import_folder"), payload.path)


async def _final(work: Awaitable[R]) -> R:
    """Fail the job at once where another attempt would meet the same."""
    try:
        return await work
    except FINAL as error:
        raise Abort(f"{type(error).__name__}: {error}") from error


async def _deleted(parts: Parts, document_id: str) -> DeleteResult:
    if await parts.repository.exists(document_id):
        await parts.repository.delete(document_id)
    result = await purge(parts, document_id)
    await scrub(parts)
    return result


class _Import:
    """The job of a bulk import: its items are the outcomes."""

    def __init__(self, app: App, ctx: Ctx) -> None:
        self.job_id = ctx.job_id
        self._app = app
        self._ctx = ctx

    async def earlier(self) -> list[ImportItem]:
        count = await self._ctx.recall()
        found: list[ImportItem] = []
        if count:
            async for item in self._app.job(self.job_id).items():
                found.append(msgspec.convert(item, ImportItem))
                if len(found) == count:
                    break
        return found

    async def emit(self, outcome: ImportItem) -> None:
        await self._ctx.emit(outcome)

    def tell(self, done: int, total: int) -> None:
        self._ctx.progress(done, total, stage="import")


def _teller(ctx: Ctx) -> Callable[[JobProgress], None]:
    def tell(progress: JobProgress) -> None:
        ctx.progress(
            progress.percent,
            100,
            stage=progress.stage.value,
            message=progress.message,
            data={"done": progress.done, "total": progress.total},
        )

    return tell
