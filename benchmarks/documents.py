"""What documents cost: ``python -m benchmarks.documents [ingest CHUNKS | files COUNT | search CHUNKS...]``.

``ingest`` takes texts of so many chunks from the passages of the quality set, a number in every ninth word, so that
none is known to the cache. Bare: the sentence model in as many processes, on the same chunks, and nothing else.
Here: parsing, chunking, the cache, the same model, and the store with its commits. The two take eight turns each,
so that other work on the machine meets both.

``search`` fills the store with seeded random vectors of 384 numbers and texts of 80 words drawn from 20,000, and asks
200 times: by vector, by two words, and both as one search, which drops what is not visible and shows ten results.
``recall`` is the share of the true ten nearest, by comparing with all vectors, that the store finds; asked with
random vectors, to which nothing is near, and with stored ones that were moved to a cosine of 0.8.

``files`` is in ``documents_files.py``.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from abaca_documents.embedding.caching import CachedEmbedder, FileVectorCache
from abaca_documents.embedding.local import LocalEmbedder
from abaca_documents.embedding.pool import Pool
from abaca_documents.embedding.weights import MINILM
from abaca_documents.model import SearchMode, SearchRequest, Vector
from abaca_documents.protocols import Counted, Piece
from benchmarks.documents_files import files
from benchmarks.documents_quality import passages
from benchmarks.documents_stage import Stage, cut

PROCESSES = 2
ASKED = 200
BATCH = 100
ROUNDS = 8
WORDS = [f"w{number:x}q" for number in range(20_000)]
Table = npt.NDArray[np.float32]


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


def documents(chunks: int, round: int) -> list[bytes]:
    """Texts of ten chunks or so each, all different."""
    whole = "\n\n".join(passages().values())
    size = 4600
    starts = range(0, len(whole) - size, size)
    texts = [f"Text {round}.{n}. {whole[starts[n % len(starts)] :][:size]}" for n in range(max(1, chunks // 10))]
    return [
        " ".join(f"{word}{round}x{n}" if at % 9 == 0 else word for at, word in enumerate(text.split())).encode()
        for n, text in enumerate(texts)
    ]


async def bare(files: Sequence[bytes], pool: Pool) -> tuple[int, float]:
    texts = [piece.text for data in files for piece in cut(data)]
    waiting = iter([texts[at : at + 8] for at in range(0, len(texts), 8)])

    async def work() -> None:
        for batch in waiting:
            await pool.encode(batch)

    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(PROCESSES)))
    return len(texts), time.perf_counter() - began


async def whole(files: Sequence[bytes], stage: Stage, embedder: CachedEmbedder, round: int) -> tuple[int, float]:
    """Two documents at a time, as a worker with two slots would."""
    count = 0
    waiting = iter(enumerate(files))

    async def work() -> None:
        nonlocal count
        for number, data in waiting:
            pieces = await asyncio.to_thread(cut, data)
            vectors = await embedder.embed([piece.text for piece in pieces])
            id = f"d{round}-{number}"
            for at in range(0, len(pieces), BATCH):
                chunks = stage.chunks(id, pieces[at : at + BATCH], vectors[at : at + BATCH])
                await stage.store.put(stage.space, chunks)
            count += len(pieces)

    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(2 * PROCESSES)))
    return count, time.perf_counter() - began


async def ingest(chunks: int) -> None:
    local = LocalEmbedder(MINILM, processes=PROCESSES)
    await local.ready()
    pool = Pool(MINILM.name, local.folder, PROCESSES)
    counts = {"bare": 0, "whole": 0}
    seconds = {"bare": 0.0, "whole": 0.0}
    own = 0.0
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(Path(folder) / "bench.db", local)
        embedder = CachedEmbedder(local, FileVectorCache(stage.file))
        await stage.open()
        await asyncio.gather(*(pool.encode(["warm"]) for _ in range(PROCESSES)), local.embed(["warm"] * 32))
        for round in range(ROUNDS):
            files = documents(chunks // ROUNDS, round)
            for name in ("bare", "whole") if round % 2 else ("whole", "bare"):
                before = time.process_time()
                run = bare(files, pool) if name == "bare" else whole(files, stage, embedder, round)
                count, taken = await run
                counts[name] += count
                seconds[name] += taken
                own += time.process_time() - before if name == "whole" else 0
        await stage.close()
    await local.close()
    await pool.close()
    assert embedder.computed == counts["whole"]
    alone, together = (counts[name] / seconds[name] for name in ("bare", "whole"))
    print(f"{counts['whole']} chunks in {ROUNDS} turns, {PROCESSES} processes")
    print(f"chunks a second: bare embedder {alone:.1f}")
    print(f"chunks a second with parsing, chunking, cache and store: {together:.1f}, {together / alone:.2f} of it")
    print(f"processor time beside the model: {own / counts['whole'] * 1000:.2f} ms a chunk")


async def search(chunks: int) -> None:
    source, embedder = random.Random(1), Random()
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(Path(folder) / "bench.db", embedder)
        await stage.open()
        began = time.perf_counter()
        table = await fill(stage, embedder, source, chunks)
        rate = chunks / (time.perf_counter() - began)
        print(f"{chunks} chunks, stored at {rate:.0f} a second in batches of {BATCH}")

        def query() -> str:
            return " ".join(source.choices(WORDS, k=2))

        await timed("vector", lambda: stage.store.nearest(stage.space, embedder.vector(), 10, {}))
        await timed("keyword", lambda: stage.store.matching(stage.space, query(), 10, {}))
        for mode in SearchMode:
            await timed(
                f"search, {mode}",
                lambda mode=mode: stage.searcher.search(  # type: ignore[misc]
                    SearchRequest(query=query(), collection="bench", mode=mode, use_cache=False)
                ),
            )
        for name, cosine in (("random", 0.0), ("near", 0.8)):
            print(f"  recall, {name:8} {await recall(stage, embedder, table, cosine):.3f}")
        await stage.close()


async def fill(stage: Stage, embedder: Random, source: random.Random, chunks: int) -> Table:
    """Visible documents of a hundred chunks; their vectors, in the order of their ids and places."""
    vectors: list[Vector] = []
    for document in range(chunks // BATCH):
        pieces = [Piece(text=" ".join(source.choices(WORDS, k=80))) for _ in range(BATCH)]
        vectors += [embedder.vector() for _ in pieces]
        await stage.store.put(stage.space, stage.chunks(f"d{document}", pieces, vectors[-BATCH:]))
        stage.show(f"d{document}")
    return np.frombuffer(b"".join(vectors), "<f4").reshape(len(vectors), -1)


async def recall(stage: Stage, embedder: Random, table: Table, cosine: float) -> float:
    """Queries have this cosine to a stored vector; with 0 they are random."""
    hits = 0
    for at in np.random.default_rng(2).integers(len(table), size=ASKED):
        other = np.frombuffer(embedder.vector(), "<f4")
        asked = cosine * table[at] + (1 - cosine**2) ** 0.5 * other
        best = set(np.argsort(-(table @ asked))[:10].tolist())
        found = await stage.store.nearest(stage.space, asked.astype("<f4").tobytes(), 10, {})
        hits += len(best & {int(each.chunk.document_id[1:]) * BATCH + each.chunk.index for each in found})
    return hits / (10 * ASKED)


async def timed(name: str, ask: Callable[[], Awaitable[object]]) -> None:
    taken = []
    for _ in range(ASKED):
        began = time.perf_counter()
        await ask()
        taken.append((time.perf_counter() - began) * 1000)
    taken.sort()
    print(f"  {name:16} p50 {taken[len(taken) // 2]:7.2f} ms  p99 {taken[int(len(taken) * 0.99) - 1]:7.2f} ms")


def main(arguments: Sequence[str]) -> None:
    what, counts = arguments[0] if arguments else "", [int(each) for each in arguments[1:]]
    if what in ("", "ingest"):
        asyncio.run(ingest(*counts or [300]))
    if what in ("", "files"):
        asyncio.run(files(*counts or [1_000]))
    if what in ("", "search"):
        for chunks in counts or [1_000, 10_000, 100_000]:
            asyncio.run(search(chunks))


if __name__ == "__main__":
    main(sys.argv[1:])
