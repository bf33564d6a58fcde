"""What one event loop has open of a library: stores, parser, embedders, and the search over them."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable
from functools import partial

from abaca import App
from abaca_documents import hosting
from abaca_documents.blobs import FolderBlobs
from abaca_documents.chunking.counted import chunker_here
from abaca_documents.embedding.caching import FileVectorCache, NoVectorCache, VectorCache
from abaca_documents.embedding.choosing import Embedders, Service
from abaca_documents.embedding.weights import STATIC
from abaca_documents.libraryfile import LibraryFile
from abaca_documents.parsing.confined import SandboxParser
from abaca_documents.pipeline.outputs import FolderOutputs
from abaca_documents.pipeline.parts import Limits, Parts, Tell
from abaca_documents.protocols import Embedder, ParseLimits, Repository, VectorStore
from abaca_documents.registry import FileRegistry, RecordRegistry
from abaca_documents.searching.searcher import Searcher
from abaca_documents.settings import Places, models, value
from abaca_documents.vectors.chroma.client import Chroma
from abaca_documents.vectors.chroma.indexed import IndexedVectors
from abaca_documents.vectors.chroma.store import ChromaVectors
from abaca_documents.vectors.sqlitevec import SqliteVectors


class Opened:
    """Belongs to one event loop."""

    def __init__(self, app: App, places: Places) -> None:
        self._embedders = Embedders(
            Service(url=value(app, "documents.embedding_url"), key=value(app, "documents.embedding_key")), models(app)
        )
        places.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        replaces = value(app, "documents.replaces")
        place = places.alone
        admit = None if place is None else partial(hosting.admit, app.records, place, replaces)
        self._file = LibraryFile(places.file, admit=admit)
        self._cached = LibraryFile(places.cache, readers=1, synchronous="NORMAL")
        self._vectors = self._store(places, admit)
        repository: Repository = RecordRegistry(app.records) if places.is_shared else FileRegistry(self._file)
        self._parser = SandboxParser(largest=value(app, "documents.max_file"))
        self.parts = Parts(
            repository=repository,
            vectors=self._vectors,
            blobs=FolderBlobs(places.folder),
            outputs=FolderOutputs(places.folder / "outputs"),
            parser=self._parser,
            chunker=chunker_here(models(app)),
            embedder_of=self.embedder_of,
            cache=self._cache(app, places),
            limits=Limits(
                file_size=value(app, "documents.max_file"),
                chunks=value(app, "documents.max_chunks"),
                parse=ParseLimits(max_pages=value(app, "documents.max_pages")),
            ),
        )
        self.searcher = Searcher(repository, self._vectors, self.embedder_of)

    def _store(self, places: Places, admit: Callable[[], Awaitable[None]] | None) -> VectorStore:
        if not places.chroma:
            return SqliteVectors(self._file)
        chroma = Chroma(places.chroma, admit=admit)
        if places.is_served:
            return ChromaVectors(chroma)
        places.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return IndexedVectors(self._file, chroma)

    def _cache(self, app: App, places: Places) -> VectorCache:
        """None where several hosts may take part: each would keep vectors of texts that another one purged."""
        if places.is_served:
            return NoVectorCache()
        return FileVectorCache(self._cached, value(app, "documents.cached_vectors"), without=(STATIC.name,))

    def telling(self, tell: Tell) -> Parts:
        return dataclasses.replace(self.parts, tell=tell)

    def embedder_of(self, name: str) -> Embedder:
        return self._embedders.of(name)

    async def close(self) -> None:
        await self._embedders.close()
        await self._parser.close()
        await self._vectors.close()
        await self._cached.close()
        await self._file.close()
