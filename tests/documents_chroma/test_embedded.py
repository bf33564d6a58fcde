"""An embedded Chroma is an index of the library file: it has no text, and is mended and made anew from the file."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import msgspec
import pytest

from abaca import App, ConfigError
from abaca_documents.embedding.local import unit
from abaca_documents.library import Library
from abaca_documents.libraryfile import LibraryFile
from abaca_documents.model import ChunkSettings, CollectionRequest, DocumentStatus, Metric
from abaca_documents.plugin import PLUGIN
from abaca_documents.protocols import Found, Space
from abaca_documents.vectors.chroma import graph
from abaca_documents.vectors.chroma.client import Chroma
from abaca_documents.vectors.chroma.indexed import IndexedVectors
from abaca_documents.vectors.sqlitevec import SqliteVectors
from benchmarks.documents_stores import HAS_CHROMA
from tests.documents_proof.test_forgotten import STAYS, WORDS, told
from tests.documents_search.models import needs_static
from tests.documents_search.test_vectors import SPACE, chunk

LONG = 100
pytestmark = pytest.mark.skipif(not HAS_CHROMA, reason="Chroma is not installed: make test-chroma runs this")


@pytest.fixture
async def file(tmp_path: Path) -> AsyncIterator[LibraryFile]:
    opened = LibraryFile(tmp_path / "vectors.db")
    yield opened
    await opened.close()


def indexed(file: LibraryFile) -> IndexedVectors:
    return IndexedVectors(file, Chroma(f"chroma:///{file.path.parent}"))


def texts(found: Sequence[Found]) -> list[str]:
    return [each.chunk.text for each in found]


async def test_an_index_that_missed_writes_is_mended_and_one_that_is_lost_is_made_anew(file: LibraryFile) -> None:
    # Given chunks that were stored, and then some that came and went without the index, as crashes leave it
    store = indexed(file)
    await store.open_space(SPACE)
    await store.put(SPACE, [chunk("goes", index=0), chunk("stays", (0, 1, 0), document="d2")])
    await store.close()
    without = SqliteVectors(file)
    await without.put(SPACE, [chunk("comes", (0, 0, 1), document="d3")])
    await without.sweep("papers", 1, "d1")
    # When it is opened again, also without its folder
    for is_lost in (False, True):
        if is_lost:
            shutil.rmtree(file.path.parent / "index")
        store = indexed(file)
        # Then searches find what is in the file, and Chroma has nothing else
        assert sorted(texts(await store.nearest(SPACE, unit((1, 0, 0)), 10, {}))) == ["comes", "stays"]
        assert await ids(store) == {2, 3}
        await store.close()


async def test_what_breaks_off_between_file_and_index_is_mended_by_the_next_search(
    file: LibraryFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a store in use
    store = indexed(file)
    await store.open_space(SPACE)
    await store.put(SPACE, [chunk("first")])
    # When a write reaches the file and Chroma fails
    with monkeypatch.context() as broken:
        broken.setattr(graph, "store", lambda *_, **__: 1 / 0)
        with pytest.raises(Exception, match="ZeroDivision"):
            await store.put(SPACE, [chunk("second", (0, 1, 0), index=1)])
    # Then it is found nevertheless
    assert texts(await store.nearest(SPACE, unit((0, 1, 0)), 10, {})) == ["second", "first"]
    assert await ids(store) == {1, 2}
    await store.close()


async def test_what_was_dropped_leaves_no_index(file: LibraryFile) -> None:
    store = indexed(file)
    for number in (1, 2):
        space = Space(collection="papers", index=number, dimension=3, metric=Metric.L2)
        await store.open_space(space)
        await store.put(space, [chunk("text")])
    await store.drop_space("papers", 1)
    assert len(await store._chroma.run(graph.names_indexed)) == 1
    await store.close()


async def test_parents_and_vectors_without_direction_come_and_go_though_no_index_has_them(file: LibraryFile) -> None:
    # Given a parent, a child, and a child whose vector says nothing
    store = indexed(file)
    await store.open_space(SPACE)
    nothing = msgspec.structs.replace(chunk("nothing", index=2), embedding=bytes(12))
    await store.put(SPACE, [chunk("parent", None, index=0), chunk("child", index=1), nothing])
    # Then only what is near to something is found
    assert texts(await store.nearest(SPACE, unit((1, 0, 0)), 10, {})) == ["child"]
    # And all of it is swept
    assert await store.sweep("papers", 1, "d1") == 3
    assert await ids(store) == set()
    await store.close()


async def test_a_transaction_that_is_undone_leaves_the_index_as_it_was(file: LibraryFile) -> None:
    # Given a chunk
    store = indexed(file)
    await store.open_space(SPACE)
    await store.put(SPACE, [chunk("stays")])

    async def break_off() -> None:
        async with file.together():
            await store.sweep("papers", 1, "d1")
            await store.put(SPACE, [chunk("never", document="d2")])
            raise RuntimeError

    # When it is swept, and another one stored, in a transaction that fails
    with pytest.raises(RuntimeError):
        await break_off()
    # Then it is found, alone; and one that does not fail is followed
    assert texts(await store.nearest(SPACE, unit((1, 0, 0)), 10, {})) == ["stays"]
    async with file.together():
        await store.sweep("papers", 1, "d1")
        await store.put(SPACE, [chunk("comes", document="d2")])
    assert texts(await store.nearest(SPACE, unit((1, 0, 0)), 10, {})) == ["comes"]
    await store.close()


async def ids(store: IndexedVectors) -> set[int]:
    known = await store._find("papers", 1)
    assert known is not None
    return await store._chroma.run(lambda client: graph.ids_indexed(client, known))


@needs_static
@pytest.mark.timeout(200)
async def test_what_was_purged_is_in_no_byte_of_the_folder_of_chroma(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given documents, one of them revised and described anew
    monkeypatch.setenv("ABACA_DOCUMENTS_VECTORS", f"chroma:///{tmp_path}/chroma")
    monkeypatch.setenv("ABACA_DOCUMENTS_RETENTION", "1ms")
    async with App(f"sqlite:///{tmp_path}/jobs.db", plugins=[PLUGIN]) as app:
        library = Library.of(app)
        known: dict[str, str] = {}
        await library.create_collection(CollectionRequest(name="books", embedder="static"))
        async with app.worker(queues=PLUGIN.queues):
            for name, text in (("a.md", told(WORDS)), ("a.md", told(WORDS[1:])), ("b.md", told([STAYS, "bridge"]))):
                added = await library.add(text, collection="books", filename=name, extract_metadata=True)
                assert added.job is not None
                assert (await added.job.result(timeout=LONG)).status is DocumentStatus.COMPLETED
                known[name] = added.document.id
            gone = known["a.md"]
            revised = (await library.revise(gone, chunking=ChunkSettings(size=700), extract=True)).job
            assert revised is not None
            await revised.result(timeout=LONG)
            assert left(tmp_path) == set(WORDS)
            # When it is deleted and cleared up
            await library.delete(gone)
            await library.tasks.clean_up.run()
        # Then the other one is found
        found = await library.search(f"the {STAYS} bridge", collection="books")
        assert {each.filename for each in found.results} == {"b.md"}
        # And no byte of it is left, in the folder of Chroma or elsewhere, while it is open or later
        assert left(tmp_path) == set()
        await library.close()
    assert left(tmp_path) == set()
    assert (tmp_path / "chroma" / "index" / "chroma.sqlite3").exists()


def left(folder: Path) -> set[str]:
    """The odd words that lie in any file, in any case."""
    data = [path.read_bytes().lower() for path in folder.rglob("*") if path.is_file()]
    return {word for word in WORDS if any(word.lower().encode() in each for each in data)}


async def test_a_second_process_is_refused_before_it_writes(file: LibraryFile, tmp_path: Path) -> None:
    # Given a process that has the folder, as its lock says
    with (tmp_path / "abaca.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        store = indexed(file)
        # When another one comes
        with pytest.raises(ConfigError, match="one process at a time"):
            await store.open_space(SPACE)
        with pytest.raises(ConfigError, match="one process at a time"):
            await store.put(SPACE, [chunk("text")])
        await store.close()
    # Then it has written nothing
    assert await SqliteVectors(file).spaces() == []
