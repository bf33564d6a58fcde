"""Uploads, stage by stage: what is seen, what is embedded, and what is left behind."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from abaca_documents.errors import CollectionNotFound, DocumentAlreadyExists, DuplicateDocument, TooLarge
from abaca_documents.model import Document, DocumentStatus, Stage
from abaca_documents.pipeline.duplicates import document_id_of
from abaca_documents.pipeline.marks import progress
from abaca_documents.pipeline.parts import Parts
from abaca_documents.pipeline.uploading import upload
from tests.documents.making import collection
from tests.documents.parts import Bench, words


class Before:
    """A part under which something happens, once, before the first call of a name."""

    def __init__(self, inner: object, name: str, happen: Callable[[], Awaitable[object]]) -> None:
        self._inner = inner
        self._name = name
        self._happen: Callable[[], Awaitable[object]] | None = happen

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name != self._name or self._happen is None:
            return found

        async def call(*args: Any, **kwargs: Any) -> Any:
            happen, self._happen = self._happen, None
            if happen is not None:
                await happen()
            return await found(*args, **kwargs)

        return call


def meanwhile(bench: Bench, happen: Callable[[], Awaitable[object]], call: str = "vectors.put") -> Parts:
    part, _, name = call.partition(".")
    changed: dict[str, Any] = {part: Before(getattr(bench.parts, part), name, happen)}
    return dataclasses.replace(bench.parts, **changed)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(tmp_path)
    await bench.repository.create_collection(collection("books"))
    await bench.repository.create_collection(collection("notes"))
    yield bench
    assert await bench.repository.audit() == []
    await bench.close()


async def test_an_upload_ends_visible_with_all_it_holds(bench: Bench) -> None:
    # When text of thirty chunks is uploaded
    result = await upload(bench.parts, await bench.payload(words(0, 30), metadata={"year": 1}), "job-1")
    # Then the document is completed and all of it is seen
    document = await bench.repository.get(result.document_id)
    assert (result.status, result.chunk_count, result.chunks_embedded) == (DocumentStatus.COMPLETED, 30, 30)
    assert (document.status, document.generation, document.revision) == (DocumentStatus.COMPLETED, 1, 1)
    assert document.stored_in_vector_db
    assert (await bench.seen())["a.txt"] == words(0, 30).splitlines()
    # And nothing is left of its stages
    assert not list((bench.folder / "outputs").glob("*/*"))
    assert await bench.blobs.references(document.content_hash) == [f"{document.id}.job-1", "upload"]


async def test_progress_never_goes_back_and_counts_within_a_stage(bench: Bench) -> None:
    await upload(bench.parts, await bench.payload(words(0, 600)), "job-1")
    marks = [each.percent for each in bench.told]
    assert marks == sorted(marks)
    assert (marks[0], marks[-1]) == (0, 100)
    assert any(each.message == "embed 256 of 600 chunks" for each in bench.told)


async def test_chunks_are_stored_a_hundred_at_a_time(bench: Bench) -> None:
    await upload(bench.parts, await bench.payload(words(0, 250)), "job-1")
    stored = [each.done for each in bench.told if each.stage is Stage.STORE]
    assert stored == [0, 100, 200, 250]
    assert {each.stage for each in bench.told} == set(Stage)


def test_a_stage_begins_at_its_mark() -> None:
    assert [progress(stage).percent for stage in Stage] == [0, 10, 30, 50, 70, 90, 100]
    assert progress(Stage.EMBED, 1200, 4000, "chunks").percent == 56
    assert progress(Stage.EMBED, 5000, 4000).percent == 70


async def test_an_edited_document_embeds_only_what_changed(bench: Bench) -> None:
    # Given a document of forty chunks
    await upload(bench.parts, await bench.payload(words(0, 40)), "job-1")
    before = len(bench.embedded)
    # When three of its chunks are others
    changed = words(0, 10) + words(90, 93) + words(13, 40)
    result = await upload(bench.parts, await bench.payload(changed), "job-2")
    # Then three were embedded, and only the new revision is stored
    assert (result.revision, result.chunks_embedded, result.chunks_reused) == (2, 3, 37)
    assert len(bench.embedded) - before == 3
    assert await bench.held() == {result.document_id: {2: 40}}
    assert (await bench.seen())["a.txt"] == changed.splitlines()


async def test_fewer_chunks_leave_no_tail_behind(bench: Bench) -> None:
    await upload(bench.parts, await bench.payload(words(0, 40)), "job-1")
    result = await upload(bench.parts, await bench.payload(words(0, 3)), "job-2")
    assert await bench.held() == {result.document_id: {2: 3}}


async def test_the_bytes_of_the_revision_before_go(bench: Bench) -> None:
    # Given a document, and bytes of which nobody else is the keeper
    first, second = await bench.payload(words(0, 3)), await bench.payload(words(3, 6))
    await upload(bench.parts, first, "job-1")
    await bench.blobs.release(first.content_hash, "upload")
    assert await bench.blobs.exists(first.content_hash)
    # When a second revision answers in place of the first
    await upload(bench.parts, second, "job-2")
    # Then the bytes of the first are gone
    assert not await bench.blobs.exists(first.content_hash)
    assert await bench.blobs.exists(second.content_hash)


async def test_what_cannot_be_read_fails_with_its_reason_and_the_revision_before_answers(bench: Bench) -> None:
    # Given a document
    await upload(bench.parts, await bench.payload(words(0, 3)), "job-1")
    seen = await bench.seen()
    # When a revision of it is empty
    result = await upload(bench.parts, await bench.payload(" \n "), "job-2")
    # Then that is told, on the outcome and on the document, and what was seen is seen
    document = await bench.repository.get(result.document_id)
    assert result.status is document.status is DocumentStatus.FAILED
    assert "no text" in result.error
    assert document.error == result.error
    assert await bench.seen() == seen
    assert await bench.held() == {document.id: {1: 3}}
    # When a good one follows
    result = await upload(bench.parts, await bench.payload(words(5, 9)), "job-3")
    # Then it answers
    assert (result.status, result.revision) == (DocumentStatus.COMPLETED, 3)


async def test_a_kind_without_parser_fails_the_document_not_the_job(bench: Bench) -> None:
    result = await upload(bench.parts, await bench.payload("x", "a.odd"), "job-1")
    assert result.status is DocumentStatus.FAILED
    assert "no parser" in result.error


async def test_what_is_too_large_is_refused_before_anything_is_registered(bench: Bench) -> None:
    payload = msgspec.structs.replace(await bench.payload("x"), file_size=1 << 40)
    with pytest.raises(TooLarge):
        await upload(bench.parts, payload, "job-1")
    assert await bench.repository.count() == 0


async def test_an_upload_needs_its_collection(bench: Bench) -> None:
    with pytest.raises(CollectionNotFound):
        await upload(bench.parts, await bench.payload("x", collection="nowhere"), "job-1")
    # And one that is being deleted takes nothing more
    await bench.repository.change_collection("notes", lambda one: msgspec.structs.replace(one, is_deleting=True))
    with pytest.raises(CollectionNotFound):
        await upload(bench.parts, await bench.payload("x", collection="notes"), "job-1")


class TestDuplicates:
    """The same bytes, or the same name, again: by policy what happens and how many documents there are then."""

    @pytest.mark.parametrize(
        ("policy", "text", "name", "happens", "documents"),
        [
            ("skip", words(0, 5), "a.txt", "deduplicated", 1),
            ("skip", words(0, 5), "b.txt", "deduplicated", 1),
            ("skip", words(5, 9), "a.txt", "revised", 1),
            ("skip", words(5, 9), "b.txt", "created", 2),
            ("replace", words(0, 5), "a.txt", "revised", 1),
            ("replace", words(0, 5), "b.txt", "revised", 1),
            ("replace", words(5, 9), "a.txt", "revised", 1),
            ("version", words(0, 5), "a.txt", "created", 2),
            ("version", words(5, 9), "a.txt", "created", 2),
            ("version", words(5, 9), "b.txt", "created", 2),
            ("error", words(0, 5), "b.txt", "refused", 1),
            ("error", words(5, 9), "a.txt", "refused", 1),
            ("error", words(5, 9), "b.txt", "created", 2),
        ],
    )
    async def test_policy(self, bench: Bench, policy: str, text: str, name: str, happens: str, documents: int) -> None:
        # Given a document
        first = await upload(bench.parts, await bench.payload(words(0, 5)), "job-1")
        embedded = len(bench.embedded)
        # When another is uploaded
        payload = await bench.payload(text, name, on_duplicate=policy)
        if happens == "refused":
            with pytest.raises(DuplicateDocument) as caught:
                await upload(bench.parts, payload, "job-2")
            assert caught.value.existing == first.document_id
            happened = "refused"
        else:
            result = await upload(bench.parts, payload, "job-2")
            again = await upload(bench.parts, payload, "job-2")
            happened = "deduplicated" if result.deduplicated else "revised" if result.revision > 1 else "created"
            # And the same job again means the same document
            assert (again.document_id, again.revision) == (result.document_id, result.revision)
            assert (result.document_id == first.document_id) == (happens != "created")
        # Then it is what the policy says
        assert (happened, await bench.repository.count()) == (happens, documents)
        if text == words(0, 5) and happens != "created":
            assert len(bench.embedded) == embedded

    async def test_the_same_bytes_in_another_collection_are_a_document_of_its_own(self, bench: Bench) -> None:
        first = await upload(bench.parts, await bench.payload("text here"), "job-1")
        second = await upload(bench.parts, await bench.payload("text here", collection="notes"), "job-2")
        assert not second.deduplicated
        assert first.document_id != second.document_id
        # And both keep the bytes, which are stored once
        one = await bench.repository.get(first.document_id)
        assert await bench.blobs.references(one.content_hash) == sorted(
            [f"{one.id}.job-1", f"{second.document_id}.job-2", "upload"]
        )

    async def test_an_id_of_another_collection_is_refused(self, bench: Bench) -> None:
        await upload(bench.parts, await bench.payload("text", document_id="mine"), "job-1")
        with pytest.raises(DocumentAlreadyExists):
            await upload(bench.parts, await bench.payload("x y", collection="notes", document_id="mine"), "job-2")

    async def test_a_deleted_document_is_brought_back_by_an_upload(self, bench: Bench) -> None:
        first = await upload(bench.parts, await bench.payload("text here"), "job-1")
        await bench.repository.delete(first.document_id)
        assert await bench.seen() == {}
        back = await upload(bench.parts, await bench.payload("text here"), "job-2")
        assert (back.document_id, back.revision) == (first.document_id, 2)
        assert await bench.seen() == {"a.txt": ["text here"]}

    def test_a_name_means_one_id_in_each_collection(self) -> None:
        assert document_id_of("books", "a") == document_id_of("books", "a") != document_id_of("notes", "a")
        assert document_id_of("book", "sa") != document_id_of("books", "a")


async def test_the_later_of_two_revisions_answers_whichever_is_finished_first(bench: Bench) -> None:
    # Given a revision that is under way when a later one is finished
    earlier = await bench.payload(words(0, 4))

    async def later() -> None:
        await upload(bench.parts, await bench.payload(words(4, 6)), "job-2")

    # When the earlier one goes on
    result = await upload(meanwhile(bench, later), earlier, "job-1")
    # Then it changes nothing
    document = await bench.repository.get(result.document_id)
    assert result.status is DocumentStatus.FAILED
    assert "later revision" in result.error
    assert (document.status, document.generation) == (DocumentStatus.COMPLETED, 2)
    assert await bench.held() == {document.id: {2: 2}}


async def test_metadata_that_changes_meanwhile_is_what_the_chunks_carry(bench: Bench) -> None:
    # Given an upload
    payload = await bench.payload(words(0, 4), metadata={"year": 1})

    async def change() -> None:
        await bench.repository.update(payload.document_id, {"metadata": {"year": 2}})

    # When its metadata is set while it is stored
    await upload(meanwhile(bench, change), payload, "job-1")
    # Then the chunks carry what was set
    chunks = await bench.vectors.chunks("books", 1, payload.document_id, 1)
    assert {each.metadata["year"] for each in chunks} == {2}


async def test_a_document_that_is_deleted_meanwhile_stays_deleted(bench: Bench) -> None:
    payload = await bench.payload(words(0, 4))

    async def delete() -> None:
        await bench.repository.delete(payload.document_id)

    result = await upload(meanwhile(bench, delete), payload, "job-1")
    document: Document = await bench.repository.get(result.document_id)
    assert document.status is DocumentStatus.DELETED
    assert await bench.seen() == {}


async def test_clearing_up_behind_one_revision_leaves_the_next_one_alone(bench: Bench) -> None:
    # Given a document
    await upload(bench.parts, await bench.payload(words(0, 4)), "job-1")

    async def next_one() -> None:
        await upload(bench.parts, await bench.payload(words(4, 9)), "job-3")

    # When a revision fails, and another begins and ends before the failed one is cleared up
    failed = await upload(meanwhile(bench, next_one, "vectors.sweep"), await bench.payload(" \n"), "job-2")
    # Then the other is whole
    assert failed.status is DocumentStatus.FAILED
    assert await bench.seen() == {"a.txt": words(4, 9).splitlines()}


async def test_bytes_that_come_back_as_they_are_let_go_stay(bench: Bench) -> None:
    # Given a document that nobody else keeps the bytes of
    first = await bench.payload(words(0, 4))
    await upload(bench.parts, first, "job-1")
    await bench.blobs.release(first.content_hash, "upload")

    async def again() -> None:
        payload = await bench.payload(words(0, 4))
        await upload(bench.parts, payload, "job-3")
        await bench.blobs.release(payload.content_hash, "upload")

    # When another content replaces them, and they come back at that moment
    await upload(meanwhile(bench, again, "blobs.release"), await bench.payload(words(4, 9)), "job-2")
    # Then they are there
    assert await bench.seen() == {"a.txt": words(0, 4).splitlines()}
    assert await bench.blobs.exists(first.content_hash)
