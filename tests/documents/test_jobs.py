"""The jobs: their outcomes, their progress, and what a program does with a library."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from abaca import App, ConfigError, JobFailed, Kind
from abaca_documents.errors import DuplicateDocument, ValidationError
from abaca_documents.library import Library
from abaca_documents.model import (
    ChunkSettings,
    CollectionRequest,
    DocumentFilter,
    DocumentStatus,
    ImportKind,
    ImportPayload,
    ItemOutcome,
    JobType,
    SearchMode,
    SearchRequest,
)
from abaca_documents.plugin import PLUGIN
from abaca_documents.settings import places
from tests.documents.lending import library_on
from tests.documents.parts import Bench, words

LONG = 50


@pytest.fixture(params=["file", "memory"])
async def lent(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[Library, Bench]]:
    """A library in a file, and one whose metadata is in the app's own store, each with a worker."""
    url = f"sqlite:///{tmp_path}/jobs.db" if request.param == "file" else "memory://"
    async with App(url) as app:
        library, bench = await library_on(app)
        async with app.worker(queues=("documents",)):
            yield library, bench
        assert await library.documents.audit() == []
        await library.close()


async def test_a_file_is_added_searched_and_deleted(lent: tuple[Library, Bench], tmp_path: Path) -> None:
    library, bench = lent
    # Given a file
    (tmp_path / "notes.txt").write_text(words(0, 30))
    # When it is added and its job has ended
    added = await library.add(tmp_path / "notes.txt", collection="books", metadata={"year": 2026})
    assert added.document.status is DocumentStatus.PENDING
    assert added.job is not None
    result = await added.job.result(timeout=LONG)
    # Then it is completed, its job told of every stage, and searches find it
    assert (result.status, result.chunk_count) == (DocumentStatus.COMPLETED, 30)
    updates = [each async for each in added.job.updates()]
    assert any(each.kind is Kind.PROGRESS for each in updates)
    found = await library.search(
        SearchRequest(query="17", collection="books", mode=SearchMode.KEYWORD, filter={"year": 2026})
    )
    assert [each.text for each in found.results] == ["17 is a number."]
    # And the same file again is the same document, without a job
    again = await library.add(tmp_path / "notes.txt", collection="books")
    assert (again.document.id, again.job) == (added.document.id, None)
    # When it is deleted
    await library.delete(added.document.id)
    # Then no search finds it, and its job leaves nothing of it
    assert (await library.search("17", "books")).results == ()
    gone = await library.tasks.document_delete.run(added.document.id)
    assert (gone.documents, gone.chunks, gone.blobs) == (1, 30, 1)
    assert not any(b"is a number" in path.read_bytes() for path in bench.folder.rglob("*") if path.is_file())


async def test_a_document_that_cannot_be_read_is_an_outcome(lent: tuple[Library, Bench]) -> None:
    library, _ = lent
    added = await library.add(b"x", collection="books", filename="a.odd")
    assert added.job is not None
    result = await added.job.result(timeout=LONG)
    assert result.status is DocumentStatus.FAILED
    assert "no parser" in (await library.documents.get(added.document.id)).error


async def test_a_job_that_gives_up_says_so_on_its_document(lent: tuple[Library, Bench]) -> None:
    library, _ = lent
    # Given a document whose bytes get lost
    added = await library.add(b"text", collection="books", filename="a.lost")
    # When its job runs
    assert added.job is not None
    with pytest.raises(JobFailed):
        await added.job.result(timeout=LONG)
    # Then the document says why
    document = await library.documents.get(added.document.id)
    assert document.status is DocumentStatus.FAILED
    assert "BlobNotFound" in document.error


async def test_a_duplicate_is_refused_before_there_is_a_job(lent: tuple[Library, Bench]) -> None:
    library, _ = lent
    added = await library.add(b"text", collection="books", filename="a.txt")
    assert added.job is not None
    await added.job.result(timeout=LONG)
    with pytest.raises(DuplicateDocument):
        await library.add(b"text", collection="books", filename="b.txt", on_duplicate="error")
    assert await library.documents.count() == 1


async def test_metadata_is_extracted_and_found_by_filters(lent: tuple[Library, Bench]) -> None:
    library, bench = lent
    # Given a document
    text = (
        "Beekeeping at home\nThe bees of this garden make the honey of the year.\nHoney is what bees make in summer.\n"
    )
    added = await library.add(text.encode(), collection="books", filename="bees.txt")
    assert added.job is not None
    await added.job.result(timeout=LONG)
    embedded = len(bench.embedded)
    # When its metadata is extracted
    result = await library.tasks.metadata_extract.run(added.document.id)
    # Then it is on the document and in the filters of searches, and nothing was embedded for it
    document = await library.documents.get(added.document.id)
    assert document.metadata["language"] == "en"
    assert {"honey", "bees"} <= set(document.metadata["keywords"])
    assert "bees" in document.metadata["summary"]
    assert len(document.metadata["questions"]) == 3
    assert document.title
    assert (result.revision, result.chunks_embedded, len(bench.embedded)) == (2, 0, embedded)
    request = SearchRequest(
        query="honey", collection="books", mode=SearchMode.KEYWORD, filter={"keywords": {"$contains": "honey"}}
    )
    assert (await library.search(request)).results


async def test_a_reindex_with_another_embedder_answers_all_the_time(lent: tuple[Library, Bench]) -> None:
    library, bench = lent
    for n in range(3):
        added = await library.add(words(n * 10, n * 10 + 5).encode(), collection="books", filename=f"{n}.txt")
        assert added.job is not None
        await added.job.result(timeout=LONG)
    before = await bench.seen()
    # When the collection is reindexed with another embedder
    result = await library.tasks.vector_reindex.run("books", "static@2", ChunkSettings(size=64, overlap=0))
    # Then the new index answers with the same documents, and nothing is left of the old one
    assert (result.index, result.documents, result.chunks, result.embedded) == (2, 3, 15, 15)
    assert (await library.documents.get_collection("books")).index.embedder == "static@2"
    assert await bench.vectors.spaces() == [("books", 2)]
    assert await bench.seen() == before
    assert len((await library.search("12", "books")).results) > 0


async def test_a_collection_is_deleted_with_all_that_is_in_it(lent: tuple[Library, Bench]) -> None:
    library, _ = lent
    added = await library.add(b"text", collection="books", filename="a.txt")
    assert added.job is not None
    await added.job.result(timeout=LONG)
    gone = await library.tasks.collection_delete.run("books")
    assert (gone.documents, gone.blobs) == (1, 1)
    assert await library.documents.list_collections() == []


async def test_what_was_deleted_long_ago_is_cleared_up(
    lent: tuple[Library, Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    library, _ = lent
    added = await library.add(b"text", collection="books", filename="a.txt")
    assert added.job is not None
    await added.job.result(timeout=LONG)
    await library.delete(added.document.id)
    # When it is cleared up within the retention, nothing happens
    await library.tasks.clean_up.run()
    assert await library.documents.exists(added.document.id)
    # When it is cleared up after it, the document is gone
    monkeypatch.setattr("abaca_documents.tasks.value", lambda app, name: 0)
    await library.tasks.clean_up.run()
    assert not await library.documents.exists(added.document.id)


class TestImports:
    async def test_a_folder_has_an_outcome_for_each_file(self, lent: tuple[Library, Bench], tmp_path: Path) -> None:
        library, bench = lent
        # Given a folder with good files, one that cannot be read, one twice, and a link out of it
        root = tmp_path / "root"
        (root / "deep").mkdir(parents=True)
        for n in range(6):
            (root / "deep" / f"{n}.txt").write_text(words(n * 10, n * 10 + 3))
        (root / "odd.odd").write_text("?")
        (root / "z-twin.txt").write_text(words(0, 3))
        (tmp_path / "secret.txt").write_text("secret")
        (root / "link.txt").symlink_to(tmp_path / "secret.txt")
        payload = ImportPayload(collection="books", kind=ImportKind.FOLDER, path=str(root), metadata={"from": "root"})
        # When it is imported
        handle = await library.tasks.bulk_import.enqueue(payload)
        result = await handle.result(timeout=LONG)
        # Then each has its outcome, in order
        assert (result.status, result.total) == ("completed_with_errors", 8)
        assert (result.completed, result.deduplicated, result.failed) == (6, 1, 1)
        assert [each.name for each in result.failures] == ["odd.odd"]
        items = [item async for item in handle.items()]
        assert [item["name"] for item in items] == [*(f"deep/{n}.txt" for n in range(6)), "odd.odd", "z-twin.txt"]
        # And a second run changes nothing and embeds nothing
        embedded = len(bench.embedded)
        again = await library.tasks.bulk_import.run(payload)
        assert (again.completed, again.deduplicated, again.failed) == (0, 7, 1)
        assert len(bench.embedded) == embedded
        assert (await library.documents.stats()).total == 7

    async def test_an_archive_lines_and_a_manifest(self, lent: tuple[Library, Bench], tmp_path: Path) -> None:
        library, bench = lent
        # Given an archive with a name that would lead out, lines of JSON, and a manifest with a path that would too
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("a/one.txt", words(0, 2))
            archive.writestr("../two.txt", words(2, 4))
        key, _ = await bench.blobs.put(packed.getvalue(), by="upload")
        lines = [
            {"text": words(4, 6), "document_id": "four", "metadata": {"n": 4}},
            {"content": words(6, 8), "source_id": "s-6"},
            {"nothing": 1},
        ]
        (tmp_path / "lines.jsonl").write_text("\n".join(json.dumps(line) for line in lines) + "\nbroken\n")
        (tmp_path / "eight.txt").write_text(words(8, 10))
        manifest = [{"path": "eight.txt", "metadata": {"n": 8}}, {"path": "../../etc/passwd"}, {"path": "none.txt"}]
        (tmp_path / "manifest.jsonl").write_text("\n".join(json.dumps(line) for line in manifest))
        payloads = [
            ImportPayload(collection="books", kind=ImportKind.ZIP, content_hash=key),
            ImportPayload(collection="books", kind=ImportKind.JSONL, path=str(tmp_path / "lines.jsonl")),
            ImportPayload(collection="books", kind=ImportKind.MANIFEST, path=str(tmp_path / "manifest.jsonl")),
        ]
        # When they are imported
        results = [await library.tasks.bulk_import.run(payload) for payload in payloads]
        # Then what is good is there with its names and metadata, and the rest has its reason
        assert [(each.completed, each.failed) for each in results] == [(2, 0), (2, 2), (1, 2)]
        assert "leads out" in results[2].failures[0].error
        assert results[2].failures[0].outcome is ItemOutcome.FAILED
        assert (await library.documents.get("four")).metadata == {"n": 4}
        listed = await library.documents.list(DocumentFilter(source_id="s-6"))
        assert [each.filename for each in listed.items] == ["s-6.txt"]

    async def test_a_bomb_is_cut_off(self, lent: tuple[Library, Bench], tmp_path: Path) -> None:
        library, _ = lent
        with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("bomb.txt", b"0" * 60_000_000)
        payload = ImportPayload(collection="books", kind=ImportKind.ZIP, path=str(tmp_path / "bomb.zip"))
        result = await library.tasks.bulk_import.run(payload)
        assert "larger than" in result.failures[0].error

    async def test_a_source_that_is_none_is_refused(self, lent: tuple[Library, Bench], tmp_path: Path) -> None:
        library, _ = lent
        (tmp_path / "a.zip").write_text("no archive")
        for payload in (
            ImportPayload(collection="books", kind=ImportKind.ZIP, path=str(tmp_path / "a.zip")),
            ImportPayload(collection="books", kind=ImportKind.FOLDER, path=str(tmp_path / "none")),
            ImportPayload(collection="books", kind=ImportKind.FOLDER, content_hash="0" * 64),
        ):
            with pytest.raises(JobFailed):
                await library.tasks.bulk_import.run(payload)


async def test_a_collection_is_made_with_what_is_asked_for(tmp_path: Path) -> None:
    async with App(f"sqlite:///{tmp_path}/jobs.db") as app:
        library, _ = await library_on(app)
        made = await library.create_collection(
            CollectionRequest(name="papers", chunking_strategy="markdown", chunk_size=900, chunk_overlap=0)
        )
        assert (made.chunking.strategy, made.chunking.size, made.chunking.overlap) == ("markdown", 900, 0)
        assert await library.ensure_collection("papers") == made
        for bad in (CollectionRequest(name="x"), CollectionRequest(name="papers2", chunk_size=3)):
            with pytest.raises(ValidationError):
                await library.create_collection(bad)
        await library.close()


def test_every_kind_of_job_has_its_task(tmp_path: Path) -> None:
    app = App(f"sqlite:///{tmp_path}/jobs.db", plugins=[PLUGIN])
    assert {f"documents.{kind.value}" for kind in JobType} <= set(app.tasks)
    assert Library.of(app) is app.plugins["documents"]
    with pytest.raises(ConfigError, match="without the plugin"):
        Library.of(App("memory://"))


def test_places_follow_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given jobs in a file
    found = places(App(f"sqlite:///{tmp_path}/jobs.db"))
    # Then the rest is beside it
    assert (found.file, found.folder) == (tmp_path / "jobs.documents.db", tmp_path / "jobs.documents")
    # Given jobs in Redis
    with pytest.raises(ConfigError, match="ABACA_DOCUMENTS_VECTORS"):
        places(App("redis://localhost"))
    # Then the places have to be named, by either name of the variables
    for vectors, blobs in (
        ("ABACA_DOCUMENTS_VECTORS", "ABACA_DOCUMENTS_BLOBS"),
        ("ABACA_VECTORS_URL", "ABACA_BLOBS_URL"),
    ):
        with monkeypatch.context() as patch:
            patch.setenv(vectors, f"sqlite:///{tmp_path}/v.db")
            patch.setenv(blobs, f"file://{tmp_path}/blobs")
            named = places(App("redis://localhost", plugins=[PLUGIN]))
            assert (named.file, named.folder, named.is_shared) == (tmp_path / "v.db", tmp_path / "blobs", True)


async def test_where_nobody_uses_documents_nothing_is_made(tmp_path: Path) -> None:
    # Given an app with the plugin aboard, and one whose store has no place for documents
    async with App(f"sqlite:///{tmp_path}/jobs.db", plugins=[PLUGIN]) as app:
        # When it is cleared up
        async with app.worker(queues=("documents",)):
            swept = await Library.of(app).tasks.clean_up.run()
        # Then there is nothing to do, and no file for it
        assert (swept.chunks, swept.files) == (0, 0)
        assert not list(tmp_path.glob("*documents*"))
    assert not Library.of(App("redis://localhost", plugins=[PLUGIN])).is_used()
