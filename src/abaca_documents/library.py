"""The library: an app's documents, its tasks about them, and what a program does with them without a server."""

from __future__ import annotations

import asyncio
import shutil
import uuid
import weakref
from collections.abc import Callable, Container, Sequence
from pathlib import Path

import msgspec

from abaca import AbacaError, App, ConfigError, JobHandle
from abaca_documents import hosting
from abaca_documents.errors import CollectionAlreadyExists
from abaca_documents.model import (
    Chunk,
    ChunkSettings,
    Collection,
    CollectionRequest,
    Document,
    DuplicatePolicy,
    ImportPayload,
    ImportResult,
    Index,
    Metadata,
    SearchRequest,
    SearchResponse,
    UploadJobPayload,
    UploadJobResult,
    instant_now,
)
from abaca_documents.opened import Opened
from abaca_documents.pipeline.beginning import Begun, begin, keeper
from abaca_documents.pipeline.describing import update
from abaca_documents.pipeline.duplicates import document_id_of
from abaca_documents.pipeline.finishing import abandon
from abaca_documents.pipeline.maintaining import IMPORT
from abaca_documents.pipeline.revising import payload_of, searchable
from abaca_documents.protocols import Repository
from abaca_documents.settings import Places, places, value
from abaca_documents.submitting import ANYBODY, By, call_by
from abaca_documents.tasks import QUEUE, Tasks

Open = Callable[[App, Places], Opened]


class Added(msgspec.Struct, frozen=True):
    """``job`` is ``None`` when the collection has these bytes already."""

    document: Document
    job: JobHandle[UploadJobResult] | None


class Library:
    """Documents of an app. The plugin makes one; ``Library(app)`` makes one for an app without the plugin. Its tasks
    run in workers of the queue ``documents``."""

    def __init__(self, app: App, *, open: Open = Opened) -> None:
        self.app = app
        self._open = open
        self._places: Places | None = None
        self._opened: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Opened] = weakref.WeakKeyDictionary()
        self.tasks = Tasks(app, self.opened, self.is_used)
        app.check_workers(self._may_work)
        app.beside_workers(self._until_the_worker_ends)

    @classmethod
    def of(cls, app: App) -> Library:
        """The one that the plugin made. Raises ``ConfigError`` for an app without it."""
        found: Library = app.plugins["documents"]
        return found

    def opened(self) -> Opened:
        """What the running loop has open; it is opened on first use."""
        loop = asyncio.get_running_loop()
        if loop not in self._opened:
            self._opened[loop] = self._open(self.app, self._found())
        return self._opened[loop]

    def _found(self) -> Places:
        """Raises ``ConfigError`` where a place has to be named."""
        if self._places is None:
            self._places = places(self.app)
            if self.app.url.startswith("memory:"):
                weakref.finalize(self, shutil.rmtree, self._places.folder, True)
        return self._places

    def is_used(self) -> bool:
        """Whether there is anything yet. An app may have the plugin aboard without a document, or a place for one."""
        try:
            found = self._found()
        except ConfigError:
            return False
        begun = found.folder if found.chroma else found.file
        return bool(self._opened) or begun.exists()

    @property
    def documents(self) -> Repository:
        """The registry: ``get``, ``list``, counts, collections. Metadata that it changes reaches filters of a search
        with the next ``clean_up``; with ``Library.update`` it does at once."""
        return self.opened().parts.repository

    def incoming(self) -> Path:
        """Where files may lie that are on their way in. What crashes leave there is cleared up."""
        self.opened()
        return self._found().folder / "incoming"

    async def create_collection(self, request: CollectionRequest | str) -> Collection:
        """Raises ``CollectionAlreadyExists``, ``ValidationError``."""
        wanted = CollectionRequest(name=request) if isinstance(request, str) else request
        wanted.validate()
        opened = self.opened()
        embedder = opened.embedder_of(wanted.embedder or value(self.app, "documents.embedder"))
        default = ChunkSettings()
        given = {
            "strategy": wanted.chunking_strategy or default.strategy,
            "size": wanted.chunk_size or default.size,
            "overlap": default.overlap if wanted.chunk_overlap is None else wanted.chunk_overlap,
        }
        now = instant_now()
        collection = Collection(
            name=wanted.name,
            description=wanted.description,
            metadata=wanted.metadata,
            metric=wanted.metric,
            index=Index(number=1, embedder=embedder.name, dimension=embedder.dimension),
            chunking=msgspec.convert(given, ChunkSettings),
            created_at=now,
            updated_at=now,
        )
        return await opened.parts.repository.create_collection(collection)

    async def drop_empty(self, name: str) -> None:
        """Delete a collection that holds nothing. Raises ``CollectionNotFound``, and ``CollectionNotEmpty`` also where
        only deleted documents are in it."""
        parts = self.opened().parts
        await parts.repository.drop_collection(name)
        for collection, index in await parts.vectors.spaces():
            if collection == name:
                await parts.vectors.drop_space(collection, index)

    async def ensure_collection(self, name: str) -> Collection:
        """The collection, made with the defaults if it is missing."""
        known = {each.name: each for each in await self.documents.list_collections()}
        if name in known:
            return known[name]
        try:
            return await self.create_collection(name)
        except CollectionAlreadyExists:
            return await self.documents.get_collection(name)

    async def add(
        self,
        source: Path | str | bytes,
        *,
        collection: str = "default",
        filename: str | None = None,
        document_id: str | None = None,
        source_id: str = "",
        chunking: ChunkSettings | None = None,
        metadata: Metadata | None = None,
        title: str = "",
        extract_metadata: bool = False,
        num_questions: int = 3,
        max_pages: int = 0,
        media_type: str = "",
        source_type: str = "file",
        on_duplicate: DuplicatePolicy | str = DuplicatePolicy.SKIP,
        by: By = ANYBODY,
        number: int = 0,
    ) -> Added:
        """Store the bytes of a file, or bytes that are given, register the document, and enqueue the job that takes it
        in. The collection is made if it is missing. ``media_type`` is told by the content where it is not given.

        Raises ``ValidationError``, ``TooLarge``, and under the policy ``error`` ``DuplicateDocument``.
        """
        name = filename or (source if isinstance(source, bytes) else Path(source).name)
        if isinstance(name, bytes):
            name = "document.txt"
        found = await self.ensure_collection(collection)
        settings = chunking or found.chunking
        ticket = f"upload-{uuid.uuid4()}"
        blobs = self.opened().parts.blobs
        key, size = await blobs.put(source if isinstance(source, bytes) else Path(source), by=ticket)
        try:
            payload = UploadJobPayload(
                document_id=document_id or document_id_of(collection, source_id or name),
                collection=collection,
                filename=name,
                content_hash=key,
                file_size=size,
                media_type=media_type,
                source_type=source_type,
                source_id=source_id,
                title=title,
                chunking_strategy=settings.strategy,
                chunk_size=settings.size,
                chunk_overlap=settings.overlap,
                extract_metadata=extract_metadata,
                num_questions=num_questions,
                max_pages=max_pages,
                metadata=metadata or {},
                on_duplicate=DuplicatePolicy(on_duplicate),
            )
            return await self.submit(payload, by, number)
        finally:
            await blobs.release(key, ticket)

    async def submit(self, payload: UploadJobPayload, by: By = ANYBODY, number: int = 0) -> Added:
        """Register a document whose bytes are stored, and enqueue its job. The document is there before the job is, so
        whoever asks for it finds it, and the job finds it as well. Where the job is refused the document says so."""
        parts = self.opened().parts
        call = call_by(by, number, self.tasks.document_upload, payload)
        begun: Begun = await begin(parts, payload, call.id)
        if not begun.generation:
            return Added(begun.document, None)
        try:
            (handle,) = await self.app.enqueue_many([call])
        except AbacaError as error:
            await abandon(parts, payload, call.id, f"its job could not be enqueued: {error}")
            raise
        return Added(begun.document, handle)

    async def import_many(
        self, payload: ImportPayload, source: Path | None = None, *, by: By = ANYBODY
    ) -> JobHandle[ImportResult]:
        """Enqueue a bulk import: of ``source``, whose bytes are kept until it has ended, or of what the payload
        names. The collection is made if it is missing. Raises ``ValidationError``."""
        await self.ensure_collection(payload.collection)
        blobs = self.opened().parts.blobs
        if source is None:
            payload.validate()
            (handle,) = await self.app.enqueue_many([call_by(by, 0, self.tasks.bulk_import, payload)])
            return handle
        ticket = f"import-{uuid.uuid4()}"
        digest, _ = await blobs.put(source, by=ticket)
        try:
            payload = msgspec.structs.replace(payload, content_hash=digest)
            payload.validate()
            call = call_by(by, 0, self.tasks.bulk_import, payload)
            await blobs.refer(digest, keeper(IMPORT, call.id))
            (handle,) = await self.app.enqueue_many([call])
            return handle
        finally:
            await blobs.release(digest, ticket)

    async def revise(
        self,
        document_id: str,
        *,
        chunking: ChunkSettings | None = None,
        extract: bool = False,
        by: By = ANYBODY,
        number: int = 0,
    ) -> Added:
        """Enqueue a new revision of the same bytes, with the document's metadata of now and perhaps other chunks.
        Raises ``DocumentNotFound`` for a document that no search finds."""
        payload = payload_of(await searchable(self.opened().parts, document_id), extract=extract)
        if chunking is not None:
            chunking.validate()
            payload = msgspec.structs.replace(
                payload,
                chunking_strategy=chunking.strategy,
                chunk_size=chunking.size,
                chunk_overlap=chunking.overlap,
            )
        return await self.submit(payload, by, number)

    async def chunks(self, document: Document, *, after: int = -1, limit: int = 100) -> list[Chunk]:
        """Those that searches find, in order of their index; none of a document that no search finds."""
        if not document.is_searchable:
            return []
        number = (await self.documents.get_collection(document.collection)).index.number
        return await self.opened().parts.vectors.chunks(
            document.collection, number, document.id, document.generation, after=after, limit=limit
        )

    async def update(self, id: str, fields: Metadata) -> Document:
        """Change ``metadata``, ``title`` and other fields by name. Filters of searches see it at once; its revision
        stays, and nothing is embedded. Raises ``DocumentNotFound``, ``ValidationError``."""
        return await update(self.opened().parts, id, fields)

    async def delete(self, ids: str | Sequence[str]) -> list[Document]:
        """Not found by any search from now on; gone for good after ``documents.retention``."""
        return await self.documents.delete_batch([ids] if isinstance(ids, str) else list(ids))

    async def search(self, query: str | SearchRequest, collection: str = "default") -> SearchResponse:
        request = SearchRequest(query=query, collection=collection) if isinstance(query, str) else query
        return await self.opened().searcher.search(request)

    async def _may_work(self, queues: Container[str]) -> None:
        """A worker whose place of vectors is not the library's would fail jobs that others can run."""
        if QUEUE not in queues:
            return
        try:
            found = self._found()
        except ConfigError as unnamed:
            await hosting.refuse_without(self.app.records, unnamed)
            return
        if found.alone is not None:
            await hosting.admit(self.app.records, found.alone, value(self.app, "documents.replaces"))

    async def _until_the_worker_ends(self) -> None:
        """Parsers and embedders are processes, which a worker must not leave behind."""
        try:
            await asyncio.Event().wait()
        finally:
            await self.close()

    async def close(self) -> None:
        """Close what the running loop has open; a worker does it at its end. The next use opens it anew."""
        opened = self._opened.pop(asyncio.get_running_loop(), None)
        if opened is not None:
            await opened.close()
