"""What documents cost: ``python -m benchmarks.documents [ingest CHUNKS | files COUNT | search CHUNKS...] [FLAGS]``.

``ingest`` takes texts of so many chunks from the passages of the quality set, a number in every ninth word, so that
none is known to the cache. Bare: the sentence model in as many processes, on the same chunks, and nothing else.
Here: parsing, chunking, the cache, the same model, and the store with its commits. The two take eight turns each,
so that other work on the machine meets both.

``search`` is in ``documents_search.py``, and ``files`` is in ``documents_files.py``.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from abaca_documents.embedding.caching import CachedEmbedder, FileVectorCache
from abaca_documents.embedding.local import LocalEmbedder
from abaca_documents.embedding.pool import Pool
from abaca_documents.embedding.weights import MINILM
from benchmarks.documents_files import files
from benchmarks.documents_quality import passages
from benchmarks.documents_search import search
from benchmarks.documents_stage import Stage, cut
from benchmarks.documents_stores import STORES

PROCESSES = 2
BATCH = 100
ROUNDS = 8


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


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.documents")
    parser.add_argument("what", nargs="?", default="", choices=("", "ingest", "files", "search"))
    parser.add_argument("counts", nargs="*", type=int)
    parser.add_argument("--store", default=",".join(STORES), help="what searches are measured in, %(default)s")
    parser.add_argument("--folder", type=Path, help="where filled stores are kept, and found by the next run")
    given = parser.parse_args(arguments)
    if given.what in ("", "ingest"):
        asyncio.run(ingest(*given.counts or [300]))
    if given.what in ("", "files"):
        asyncio.run(files(*given.counts or [1_000]))
    if given.what in ("", "search"):
        for chunks in given.counts or [1_000, 10_000, 100_000]:
            asyncio.run(search(chunks, given.store.split(","), given.folder))


if __name__ == "__main__":
    main(sys.argv[1:])
