"""A crash behind any operation of the pipeline, and the run that follows it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from abaca import App
from abaca_documents.model import DeleteResult, Document, DocumentFilter
from abaca_documents.pipeline.maintaining import sweep
from abaca_documents.pipeline.parts import Parts
from abaca_documents.pipeline.reindexing import build, prepare
from abaca_documents.pipeline.removing import delete_collection, purge
from abaca_documents.pipeline.uploading import upload
from abaca_documents.registry import RecordRegistry
from tests.documents.crashing import Crash, Crasher
from tests.documents.making import collection
from tests.documents.parts import Bench, words

OLD, NEW = words(0, 6), words(0, 2) + words(50, 53) + words(3, 6)
Work = Callable[[Parts], Awaitable[object]]


APART = pytest.mark.parametrize("is_apart", [False, True], ids=["together", "apart"])


@pytest.fixture
def is_apart() -> bool:
    return False


@pytest.fixture
async def bench(is_apart: bool, tmp_path: Path) -> AsyncIterator[Callable[[], Awaitable[Bench]]]:
    """Makes one bench after the other, each with one document: metadata and vectors in one file, or in two stores."""
    made: list[Bench] = []
    apps: list[App] = []

    async def make() -> Bench:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        registry = None
        if is_apart:
            apps.append(App("memory://"))
            registry = RecordRegistry(apps[-1].records)
        bench = Bench(folder, registry)
        made.append(bench)
        await bench.repository.create_collection(collection("books"))
        await upload(bench.parts, await bench.payload(OLD), "job-old")
        bench.embedded.clear()
        return bench

    yield make
    for each in made:
        await each.close()
    for app in apps:
        await app.close()


async def crashed_everywhere(
    make: Callable[[], Awaitable[Bench]], work: Work, judge: Callable[[Bench, str], Awaitable[None]]
) -> Bench:
    """Crash ``work`` at each of its operations, judge what is there, run it anew, and compare with a run that did not
    crash, of which the bench is answered."""
    clean = await make()
    counting = Crasher()
    await work(counting.around(clean.parts, clean.embedders["static@1"]))
    wanted = await state(clean)
    for at in range(1, len(counting.names) + 1):
        bench = await make()
        crasher = Crasher(at)
        with pytest.raises(Crash):
            await work(crasher.around(bench.parts, bench.embedders["static@1"]))
        where = f"crash behind operation {at}, {crasher.names[-1]}"
        assert await bench.repository.audit() == [], where
        await judge(bench, where)
        await work(bench.parts)
        await sweep(bench.parts)
        assert await state(bench) == wanted, where
        await bench.file.close()
    return clean


async def state(bench: Bench) -> object:
    """All that lasts, without times."""
    documents = (await bench.repository.list(DocumentFilter(include_deleted=True), limit=500)).items
    digests = [(each, await bench.blobs.references(each)) async for each in bench.blobs.digests()]
    outputs = sorted(path.name for path in (bench.folder / "outputs").glob("*/*"))
    collections = [each.index for each in await bench.repository.list_collections()]
    return [lasting(each) for each in documents], digests, outputs, await bench.held(), collections


def lasting(document: Document) -> object:
    fields = {name: getattr(document, name) for name in document.__struct_fields__}
    for name in ("created_at", "updated_at", "version", "revisions"):
        del fields[name]
    return fields, [(each.generation, each.status, each.chunk_count, each.error) for each in document.revisions]


@APART
async def test_an_upload_shows_the_old_revision_or_the_new_one_and_never_a_half(
    bench: Callable[[], Awaitable[Bench]],
) -> None:
    old, new = {"a.txt": OLD.splitlines()}, {"a.txt": NEW.splitlines()}

    benches: list[Bench] = []

    async def make() -> Bench:
        benches.append(await bench())
        return benches[-1]

    async def work(parts: Parts) -> None:
        await upload(parts, await benches[-1].payload(NEW), "job-new")

    async def judge(bench: Bench, where: str) -> None:
        assert await bench.seen() in (old, new), where

    clean = await crashed_everywhere(make, work, judge)
    # And a run that did not crash ends with the new one, of which three chunks were embedded
    assert await clean.seen() == new
    assert len(clean.embedded) == 3
    # And a crash costs at most that batch once more
    assert all(len(each.embedded) <= 6 for each in benches)


async def test_a_deletion_shows_the_document_or_nothing_and_leaves_nothing(
    bench: Callable[[], Awaitable[Bench]],
) -> None:
    async def work(parts: Parts) -> DeleteResult:
        page = await parts.repository.list(DocumentFilter(include_deleted=True))
        for document in page.items:
            await parts.repository.delete(document.id)
            return await purge(parts, document.id)
        return DeleteResult()

    async def judge(bench: Bench, where: str) -> None:
        assert await bench.seen() in ({"a.txt": OLD.splitlines()}, {}), where

    clean = await crashed_everywhere(bench, work, judge)
    assert await clean.held() == {}
    assert await clean.repository.list_collections() != []


async def test_a_collection_goes_with_all_that_is_in_it(bench: Callable[[], Awaitable[Bench]]) -> None:
    async def work(parts: Parts) -> object:
        return await delete_collection(parts, "books")

    async def judge(bench: Bench, where: str) -> None:
        return

    clean = await crashed_everywhere(bench, work, judge)
    assert await clean.repository.list_collections() == []
    assert await clean.vectors.spaces() == []


async def test_a_reindex_never_leaves_a_gap(bench: Callable[[], Awaitable[Bench]]) -> None:
    async def work(parts: Parts) -> object:
        collection = await parts.repository.get_collection("books")
        if collection.index.number == 2 and collection.building is None:
            return None
        return await build(parts, "books", await prepare(parts, "books", None, None), lambda done, total: None)

    async def judge(bench: Bench, where: str) -> None:
        assert await bench.seen() == {"a.txt": OLD.splitlines()}, where

    clean = await crashed_everywhere(bench, work, judge)
    assert await clean.vectors.spaces() == [("books", 2)]
