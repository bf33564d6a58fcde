"""The embedders that need no service: a model of this machine, in processes of its own."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from abaca_documents.embedding.engines import Engine, open_engine
from abaca_documents.embedding.fetching import fetch_seen
from abaca_documents.embedding.pool import Pool
from abaca_documents.embedding.together import all_of
from abaca_documents.embedding.weights import MINILM, STATIC, Model, is_here, model_folder
from abaca_documents.model import Vector
from abaca_documents.protocols import Counted

BATCH = {MINILM.name: 8, STATIC.name: 256}  # texts between two moments at which a cancel is heard


class LocalEmbedder:
    """A model that runs here; an `Embedder`. Belongs to one event loop.

    `processes` of 0 embeds in threads of this process, which is right for the static model: it takes less time than
    handing the text over. The model is fetched on first use unless it is there.
    """

    def __init__(
        self,
        model: Model = MINILM,
        *,
        folder: Path | None = None,
        processes: int | None = None,
    ) -> None:
        self.model = model
        self.folder = folder or model_folder()
        if processes is None:
            processes = len(os.sched_getaffinity(0)) if model is MINILM else 0
        self._processes = processes
        self._pool = Pool(model.name, self.folder, processes)
        self._batch = BATCH.get(model.name, 32)
        self._engine: Engine | None = None
        self._loading = asyncio.Lock()

    @property
    def name(self) -> str:
        return self.model.name

    @property
    def dimension(self) -> int:
        return self.model.dimension

    async def embed(self, texts: Sequence[str], counted: Counted | None = None) -> list[Vector]:
        await self.ready()
        batches = [texts[at : at + self._batch] for at in range(0, len(texts), self._batch)]
        answers: list[list[Vector]] = [[] for _ in batches]
        waiting = iter(enumerate(batches))

        async def work() -> None:
            for place, batch in waiting:
                answers[place] = split(await self._encode(batch), self.dimension)
                if counted is not None:
                    counted(len(batch))

        await all_of(work() for _ in range(min(max(1, self._processes), len(batches))))
        return [vector for answer in answers for vector in answer]

    async def embed_query(self, text: str) -> Vector:
        """In this process, so that a search does not queue behind an ingest."""
        engine = await self._own_engine()
        rows = await asyncio.to_thread(engine.encode, [text])
        return rows.tobytes()

    async def ready(self) -> None:
        """Fetch the model where it is missing. Raises `ModelMissing`."""
        if not is_here(self.model, self.folder):
            async with self._loading:
                if not is_here(self.model, self.folder):
                    await asyncio.to_thread(fetch_seen, self.model, self.folder)

    async def close(self) -> None:
        self._engine = None
        await self._pool.close()

    async def _encode(self, batch: Sequence[str]) -> bytes:
        if self._processes:
            return await self._pool.encode(batch)
        engine = await self._own_engine()
        return (await asyncio.to_thread(engine.encode, batch)).tobytes()

    async def _own_engine(self) -> Engine:
        if self._engine is None:
            await self.ready()
            async with self._loading:
                if self._engine is None:
                    self._engine = await asyncio.to_thread(open_engine, self.name, self.folder)
        return self._engine


def split(packed: bytes, dimension: int) -> list[Vector]:
    """Packed rows, one by one."""
    size = 4 * dimension
    return [packed[at : at + size] for at in range(0, len(packed), size)]


def unit(numbers: Sequence[float]) -> Vector:
    """A vector of length 1 in the direction of the given one, packed."""
    row = np.asarray(numbers, np.float64)
    return (row / max(float(np.linalg.norm(row)), 1e-12)).astype("<f4").tobytes()
