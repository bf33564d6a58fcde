"""A library for tests of jobs: an app's own, with the parts of ``Bench``."""

from __future__ import annotations

import dataclasses
from typing import Any

from abaca import App
from abaca_documents.library import Library
from abaca_documents.opened import Opened
from abaca_documents.pipeline.parts import Parts, Tell
from abaca_documents.registry import FileRegistry, RecordRegistry
from abaca_documents.searching.searcher import Searcher
from abaca_documents.settings import Places
from tests.documents.making import collection
from tests.documents.parts import Bench


class Lent(Opened):
    """What a loop has open, made of a bench's parts."""

    def __init__(self, app: App, places: Places) -> None:
        folder = places.folder
        folder.mkdir(parents=True, exist_ok=True)
        self.bench = Bench(folder)
        if places.is_shared:
            self.bench.repository = RecordRegistry(app.records)
        assert isinstance(self.bench.repository, FileRegistry | RecordRegistry)
        self.parts: Parts = dataclasses.replace(self.bench.parts, repository=self.bench.repository)
        self.searcher = Searcher(self.parts.repository, self.parts.vectors, self.embedder_of)

    def embedder_of(self, name: str) -> Any:
        return self.bench.embedders[{"minilm": "static@1"}.get(name, name)]

    def telling(self, tell: Tell) -> Parts:
        return dataclasses.replace(self.parts, tell=tell)

    async def close(self) -> None:
        await self.bench.file.close()


async def library_on(app: App, *collections: str) -> tuple[Library, Bench]:
    """A library with collections, and the bench that it works with in this loop."""
    library = Library(app, open=Lent)
    opened = library.opened()
    assert isinstance(opened, Lent)
    for name in collections or ("books",):
        await opened.parts.repository.create_collection(collection(name))
    return library, opened.bench
