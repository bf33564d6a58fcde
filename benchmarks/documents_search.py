"""Searches beside each other in all stores that are installed: ``python -m benchmarks.documents search CHUNKS...``.

Every store is filled with the same seeded random vectors of 384 numbers and texts of 80 words drawn from 20,000, in
documents of a hundred chunks. Each is asked 200 times, in turns of 20: for the ten nearest, for the ten best by two
words, and by a whole search of each mode, which drops what is not visible and shows ten results. ``recall`` is the
share of the true ten nearest, by comparing with all vectors, that a store finds; asked with random vectors, to which
nothing is near, and with stored ones that were moved to a cosine of 0.8.

``--store sqlite,chroma,chroma-server`` picks stores. ``--folder FOLDER`` keeps them there, and a later run goes on with
what is in them, so a long fill may be interrupted.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from abaca_documents.embedding.weights import MINILM
from abaca_documents.libraryfile import LibraryFile
from abaca_documents.model import SearchMode, SearchRequest, Vector
from abaca_documents.protocols import Counted, Piece
from benchmarks.documents_stage import Stage
from benchmarks.documents_stores import opened

ASKED = 200
TURN = 20
DOCUMENT = 100
WORDS = [f"w{number:x}q" for number in range(20_000)]
COSINES = {"random": 0.0, "near": 0.8}
Table = npt.NDArray[np.float32]
Question = tuple[Vector, frozenset[int]]
"""A vector, and the places of the ten that are nearest to it."""
Ask = Callable[[], Awaitable[object]]


class Random:
    """Vectors from a seed, in place of a model."""

    name = "random@1"
    dimension = MINILM.dimension

    def __init__(self) -> None:
        self._source = np.random.default_rng(1)

    def vector(self) -> Vector:
        row = self._source.standard_normal(self.dimension)
        return (row / np.linalg.norm(row)).astype("<f4").tobytes()

    async def embed(self, texts: Sequence[str], counted: Counted | None = None) -> list[Vector]:
        return [self.vector() for _ in texts]

    async def embed_query(self, text: str) -> Vector:
        return self.vector()

    async def close(self) -> None:
        """Nothing to close."""


@dataclass
class Asked:
    """A store that is filled, and what it is asked with."""

    kind: str
    stage: Stage
    embedder: Random
    source: random.Random

    def words(self) -> str:
        return " ".join(self.source.choices(WORDS, k=2))

    def asks(self) -> dict[str, Ask]:
        store, space = self.stage.store, self.stage.space
        whole = {f"search, {mode}": self._search(mode) for mode in SearchMode}
        return {
            "vector": lambda: store.nearest(space, self.embedder.vector(), 10, {}),
            "keyword": lambda: store.matching(space, self.words(), 10, {}),
        } | whole

    def _search(self, mode: SearchMode) -> Ask:
        return lambda: self.stage.searcher.search(
            SearchRequest(query=self.words(), collection="bench", mode=mode, use_cache=False)
        )


async def search(chunks: int, kinds: Sequence[str], folder: Path | None) -> None:
    print(f"{chunks} chunks")
    stores: list[Asked] = []
    table: Table = np.empty((0, Random.dimension), "<f4")
    with tempfile.TemporaryDirectory() as made:
        async with AsyncExitStack() as stack:
            for kind in kinds:
                place = (folder or Path(made)) / f"{chunks}-{kind}"
                place.mkdir(parents=True, exist_ok=True)
                embedder, source = Random(), random.Random(1)
                stage = await stack.enter_async_context(staged(kind, place, embedder))
                began, held = time.perf_counter(), len(await stage.store.count("bench", 1))
                table = await fill(stage, embedder, source, chunks)
                rate = (chunks - held * DOCUMENT) / (time.perf_counter() - began)
                print(f"  {kind:16} stored at {rate:.0f} a second in batches of {DOCUMENT}", flush=True)
                stores.append(Asked(kind, stage, embedder, source))
            for what in stores[0].asks():
                await beside(what, {each.kind: each.asks()[what] for each in stores})
            for name, cosine in COSINES.items():
                questions = asked_of(table, cosine)
                shares = [f"{each.kind} {await recall(each.stage, questions):.3f}" for each in stores]
                print(f"  recall, {name}: {', '.join(shares)}")


@asynccontextmanager
async def staged(kind: str, place: Path, embedder: Random) -> AsyncIterator[Stage]:
    """A collection in a store of this kind, as the last run left it in the place."""
    file = LibraryFile(place / "bench.db")
    async with opened(kind, file, place) as store:
        stage = Stage(file, embedder, store)
        await stage.open()
        yield stage
    await file.close()


async def fill(stage: Stage, embedder: Random, source: random.Random, chunks: int) -> Table:
    """Visible documents of a hundred chunks, written where they are not there; their vectors, in the order of their ids
    and places."""
    vectors: list[Vector] = []
    known = await stage.store.count("bench", 1)
    for document in range(chunks // DOCUMENT):
        pieces = [Piece(text=" ".join(source.choices(WORDS, k=80))) for _ in range(DOCUMENT)]
        vectors += [embedder.vector() for _ in pieces]
        if known.get(f"d{document}") != {1: DOCUMENT}:
            await stage.store.put(stage.space, stage.chunks(f"d{document}", pieces, vectors[-DOCUMENT:]))
        stage.show(f"d{document}")
    return np.frombuffer(b"".join(vectors), "<f4").reshape(len(vectors), -1)


async def beside(what: str, asks: dict[str, Ask]) -> None:
    taken: dict[str, list[float]] = {kind: [] for kind in asks}
    for _ in range(ASKED // TURN):
        for kind, ask in asks.items():
            for _ in range(TURN):
                began = time.perf_counter()
                await ask()
                taken[kind].append((time.perf_counter() - began) * 1000)
    for kind, times in taken.items():
        times.sort()
        p50, p99 = times[len(times) // 2], times[int(len(times) * 0.99) - 1]
        print(f"  {what:16} {kind:14} p50 {p50:7.2f} ms  p99 {p99:7.2f} ms", flush=True)


def asked_of(table: Table, cosine: float) -> list[Question]:
    """Questions that have this cosine to a stored vector; with 0 they are random."""
    questions: list[Question] = []
    source = np.random.default_rng(2)
    for at in source.integers(len(table), size=ASKED):
        other = source.standard_normal(table.shape[1])
        asked = cosine * table[at] + (1 - cosine**2) ** 0.5 * other / np.linalg.norm(other)
        best = frozenset(np.argsort(-(table @ asked.astype("<f4")))[:10].tolist())
        questions.append((asked.astype("<f4").tobytes(), best))
    return questions


async def recall(stage: Stage, questions: Iterable[Question]) -> float:
    """The share of the ten nearest that the store finds."""
    hits = wanted = 0
    for vector, best in questions:
        found = await stage.store.nearest(stage.space, vector, 10, {})
        hits += len(best & {int(each.chunk.document_id[1:]) * DOCUMENT + each.chunk.index for each in found})
        wanted += len(best)
    return hits / wanted
