"""What one event loop has open of a library: stores, parser, embedders, and the search over them."""

from __future__ import annotations

import dataclasses

from abaca import App
from abaca_documents.blobs import FolderBlobs
from abaca_documents.chunking.counted import chunker_here
from abaca_documents.embedding.local import LocalEmbedder
from abaca_documents.embedding.weights import MINILM, STATIC
from abaca_documents.errors import ValidationError
from abaca_documents.libraryfile import LibraryFile
from abaca_documents.parsing.confined import SandboxParser
from abaca_documents.pipeline.outputs import FolderOutputs
from abaca_documents.pipeline.parts import Limits, Parts, Tell
from abaca_documents.protocols import Embedder, ParseLimits, Repository
from abaca_documents.registry import FileRegistry, RecordRegistry
from abaca_documents.searching.searcher import Searcher
from abaca_documents.settings import Places, value
from abaca_documents.vectors.sqlitevec import SqliteVectors

NAMES = {"minilm": MINILM.name, "static": STATIC.name}
"""The name that an index carries, by the setting's."""
_MODELS = {model.name: model for model in (MINILM, STATIC)}


class Opened:
    """Belongs to one event loop."""

    def __init__(self, app: App, places: Places) -> None:
        self._embedders: dict[str, Embedder] = {}
        places.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = LibraryFile(places.file)
        vectors = SqliteVectors(self._file)
        repository: Repository = RecordRegistry(app.records) if places.is_shared else FileRegistry(self._file)
        self._parser = SandboxParser(largest=value(app, "documents.max_file"))
        self.parts = Parts(
            repository=repository,
            vectors=vectors,
            blobs=FolderBlobs(places.folder),
            outputs=FolderOutputs(places.folder / "outputs"),
            parser=self._parser,
            chunker=chunker_here(),
            embedder_of=self.embedder_of,
            limits=Limits(
                file_size=value(app, "documents.max_file"),
                chunks=value(app, "documents.max_chunks"),
                parse=ParseLimits(max_pages=value(app, "documents.max_pages")),
            ),
        )
        self.searcher = Searcher(repository, vectors, self.embedder_of)

    def telling(self, tell: Tell) -> Parts:
        return dataclasses.replace(self.parts, tell=tell)

    def embedder_of(self, name: str) -> Embedder:
        name = NAMES.get(name, name)
        if name not in self._embedders:
            if name not in _MODELS:
                known = ", ".join(sorted(_MODELS))
                raise ValidationError("embedder", f"{name!r} is not here; known are {known}")
            self._embedders[name] = LocalEmbedder(_MODELS[name])
        return self._embedders[name]

    async def close(self) -> None:
        for embedder in self._embedders.values():
            await embedder.close()
        await self._parser.close()
        await self._file.close()
