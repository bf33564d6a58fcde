"""Small files: less is written for them, and no guarantee is given up. And documents that come again after a purge."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from abaca import App
from abaca_documents.libraryfile import LibraryFile
from abaca_documents.model import DocumentStatus, DuplicatePolicy
from abaca_documents.pipeline.maintaining import sweep
from abaca_documents.pipeline.removing import purge
from abaca_documents.pipeline.uploading import upload
from abaca_documents.protocols import Space
from abaca_documents.registry import RecordRegistry
from abaca_documents.vectors.chroma.client import Chroma
from abaca_documents.vectors.chroma.indexed import IndexedVectors
from benchmarks.documents_stores import HAS_CHROMA
from tests.documents.crashing import Crash, Crasher
from tests.documents.making import collection
from tests.documents.parts import Bench, words

TEXT, OTHER = words(0, 6), words(20, 24)


@pytest.fixture
def first_generation() -> None:
    """Generations begin with the time, as they do."""


@pytest.fixture(params=["together", "apart", *(["chroma"] if HAS_CHROMA else [])])
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    async with App("memory://") as app:
        registry = RecordRegistry(app.records) if request.param != "together" else None
        texts = LibraryFile(tmp_path / "texts.db", readers=1, synchronous="OFF")
        chroma = Chroma(f"chroma:///{tmp_path / 'chroma'}")
        vectors = IndexedVectors(texts, chroma) if request.param == "chroma" else None
        bench = Bench(tmp_path, registry, small=16_384, vectors=vectors)
        await bench.repository.create_collection(collection("books"))
        yield bench
        assert await bench.repository.audit() == []
        await bench.close()
        await texts.close()


async def crashed(bench: Bench, at: int, text: str, job: str, **fields: Any) -> str:
    """Take text in with a crash behind the ``at``-th operation; its name, or nothing where there are fewer."""
    payload = await bench.payload(text, **fields)
    crasher = Crasher(at)
    try:
        await upload(crasher.around(bench.parts, bench.embedders["static@1"]), payload, job)
    except Crash:
        return crasher.names[-1]
    return ""


async def test_a_small_file_is_seen_whole_or_not_at_all_wherever_its_run_dies(bench: Bench) -> None:
    at, names = 0, [""]
    while True:
        at += 1
        name = f"{at}.txt"
        # When a run dies behind one of its operations
        names.append(await crashed(bench, at, TEXT, f"job-{at}", name=name, on_duplicate=DuplicatePolicy.VERSION))
        assert (await bench.seen()).get(name, TEXT.splitlines()) == TEXT.splitlines(), names[-1]
        # And another one follows
        payload = await bench.payload(TEXT, name, on_duplicate=DuplicatePolicy.VERSION)
        result = await upload(bench.parts, payload, f"job-{at}")
        # Then it is there
        assert (result.status, result.chunk_count) == (DocumentStatus.COMPLETED, 6), names[-1]
        assert (await bench.seen())[name] == TEXT.splitlines()
        if not names[-1]:
            break
    # And nothing is left over, nor was anything put aside
    assert (await sweep(bench.parts)).chunks == 0
    assert not {"outputs.write", "outputs.read"} & set(names)
    assert {sum(each.values()) for each in (await bench.held()).values()} == {6}


async def test_text_of_a_purged_document_never_comes_back_with_another_of_its_name(bench: Bench) -> None:
    # Given a document, of which a run is about to store its chunks again
    result = await upload(bench.parts, await bench.payload(TEXT), "job-1")
    index = (await bench.repository.get_collection("books")).index
    generation = (await bench.repository.get(result.document_id)).generation
    stored = await bench.vectors.chunks("books", 1, result.document_id, generation, vectors=True)
    # When the document is purged, and the run writes before it notices, and dies
    await bench.repository.delete(result.document_id)
    await purge(bench.parts, result.document_id)
    await bench.vectors.put(Space(collection="books", index=1, dimension=index.dimension), stored)
    # And a shorter document of the same name is taken in
    again = await upload(bench.parts, await bench.payload(OTHER), "job-2")
    # Then it is seen alone
    assert again.document_id == result.document_id
    assert await bench.seen() == {"a.txt": OTHER.splitlines()}
    # And what the dead run left is cleared up
    await sweep(bench.parts)
    assert [len(each) for each in (await bench.held()).values()] == [1]
