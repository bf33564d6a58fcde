"""Many small text files with the static model: by a plain loop, and as an import of their folder by a job.

The loop reads, cuts, embeds and stores one file after the other, each in a transaction that is synced. The import keeps
the original bytes, a record and the outcome of each file as well, four files at a time, and goes on after a crash.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from abaca import App
from abaca_documents.embedding.local import LocalEmbedder
from abaca_documents.embedding.weights import STATIC
from abaca_documents.library import Library
from abaca_documents.model import CollectionRequest, ImportKind, ImportPayload
from abaca_documents.plugin import PLUGIN
from benchmarks.documents_quality import passages
from benchmarks.documents_stage import Stage, cut

ROUNDS = 3


def write(folder: Path, count: int, round: int) -> list[Path]:
    """Of 600 characters or so each, all different."""
    texts = list(passages().values())
    folder.mkdir()
    paths = []
    for number in range(count):
        paths.append(folder / f"{number:05}.txt")
        paths[-1].write_text(f"File {round}.{number}. {texts[number % len(texts)][:600]}")
    return paths


async def plain(paths: list[Path], place: Path) -> float:
    embedder = LocalEmbedder(STATIC)
    await embedder.embed(["warm"])
    stage = Stage(place / "plain.db", embedder)
    await stage.open()
    began = time.perf_counter()
    for path in paths:
        pieces = cut(path.read_bytes())
        vectors = await embedder.embed([piece.text for piece in pieces])
        await stage.store.put(stage.space, stage.chunks(path.name, pieces, vectors))
    taken = time.perf_counter() - began
    await stage.close()
    await embedder.close()
    return taken


async def imported(folder: Path, count: int, place: Path) -> float:
    async with App(f"sqlite:///{place}/jobs.db", plugins=[PLUGIN]) as app:
        library = Library.of(app)
        await library.create_collection(CollectionRequest(name="bench", embedder="static"))
        payload = ImportPayload(collection="bench", kind=ImportKind.FOLDER, path=str(folder))
        async with app.worker(queues=PLUGIN.queues, concurrency=4):
            warm = await library.add(b"warm", collection="bench", filename="warm.txt")
            assert warm.job is not None
            await warm.job.result(timeout=60)
            began = time.perf_counter()
            result = await (await library.tasks.bulk_import.enqueue(payload)).result(timeout=600)
            taken = time.perf_counter() - began
        assert result.completed == count, result
        await library.close()
    return taken


async def files(count: int) -> None:
    seconds = {"plain": 0.0, "import": 0.0}
    for round in range(ROUNDS):
        with tempfile.TemporaryDirectory() as name:
            place = Path(name)
            paths = write(place / "in", count, round)
            for which in ("plain", "import") if round % 2 else ("import", "plain"):
                run = plain(paths, place) if which == "plain" else imported(place / "in", count, place)
                seconds[which] += await run
    loop, job = (ROUNDS * count / seconds[each] for each in ("plain", "import"))
    print(f"{count} small text files, static model, {ROUNDS} turns of each")
    print(f"files a second: plain loop {loop:.0f}, import as a job {job:.0f}, {job / loop:.2f} of it")
