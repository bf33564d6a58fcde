"""A store, a library on it, and worker processes that serve it: what every proof here stands on."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from abaca import App, JobHandle
from abaca_documents.library import Library
from abaca_documents.model import CollectionRequest, ImportItem, ImportKind, ImportPayload, ImportResult
from abaca_documents.plugin import PLUGIN
from tests.integration.crew import WorkerProcess, eventually

IS_WHOLE = os.environ.get("PROOF_DOCUMENTS") == "all"
"""``make proof-documents`` runs all of it; else a tenth is run."""
APP = "tests.documents_proof.shop:app"
NAME = "corpus"


def part(whole: int) -> int:
    return whole if IS_WHOLE else max(1, whole // 10)


@dataclass
class Ground:
    """``folder`` holds everything but what is in Redis."""

    app: App
    library: Library
    folder: Path
    workers: list[WorkerProcess] = field(default_factory=list)

    @property
    def embedded(self) -> int:
        """Texts that workers embedded."""
        path = Path(os.environ["PROOF_EMBEDDED"])
        return path.stat().st_size if path.exists() else 0

    def worker(self, **flags: str) -> WorkerProcess:
        """It has claimed nothing yet when this returns, or it has."""
        worker = WorkerProcess(self.app.url, APP, **{"queues": "documents", "concurrency": "2", **flags})
        self.workers.append(worker)
        worker.wait_says("worker started")
        return worker

    async def imported(self, path: Path, kind: ImportKind = ImportKind.FOLDER) -> JobHandle[ImportResult]:
        payload = ImportPayload(collection=NAME, kind=kind, path=str(path))
        return await self.library.tasks.bulk_import.enqueue(payload)


async def items(handle: JobHandle[ImportResult]) -> list[ImportItem]:
    return [msgspec.convert(each, ImportItem) async for each in handle.items()]


async def progressed(handle: JobHandle[ImportResult], share: float) -> int:
    """How many items are done, once it is this share of them."""

    async def look() -> int | None:
        told = await handle.progress()
        return int(told.done) if told is not None and told.total and told.done >= share * told.total else None

    while True:
        try:
            return await eventually(look)
        except TimeoutError:
            continue


@asynccontextmanager
async def ground_on(url: str, folder: Path) -> AsyncIterator[Ground]:
    """With a collection of the static embedder. Raises what the settings do; the caller sets the environment."""
    async with App(url, name="proof", plugins=[PLUGIN]) as app:
        library = Library.of(app)
        await library.create_collection(CollectionRequest(name=NAME, embedder="static"))
        ground = Ground(app, library, folder)
        try:
            yield ground
        finally:
            for worker in ground.workers:
                worker.kill()
            await library.close()


def environment(folder: Path) -> dict[str, str]:
    """Settings of the app, here and in workers: where things are when jobs are in Redis."""
    return {
        "ABACA_DOCUMENTS_VECTORS": f"sqlite:///{folder}/vectors.db",
        "ABACA_DOCUMENTS_BLOBS": f"file://{folder}/blobs",
        "ABACA_DOCUMENTS_RETENTION": "1ms",
        "PROOF_EMBEDDED": f"{folder}/embedded",
    }
