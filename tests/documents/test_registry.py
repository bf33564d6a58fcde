"""What every registry does: one suite for all of them."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import msgspec
import pytest

from abaca_documents.errors import (
    CollectionAlreadyExists,
    CollectionNotEmpty,
    CollectionNotFound,
    DocumentAlreadyExists,
    DocumentNotFound,
    InvalidTransition,
    ValidationError,
)
from abaca_documents.model import Document, DocumentFilter, DocumentStatus, instant_now
from abaca_documents.protocols import Repository
from tests.documents.making import NOON, collection, digest, document, processing

BAD_UPDATES: list[tuple[dict[str, object], str]] = [
    ({"colour": "red"}, "colour"),
    ({"status": "bogus"}, "status"),
    ({"title": 3}, "title"),
    ({"chunk_count": -1}, "chunk_count"),
    ({"collection": "notes"}, "collection"),
    ({"generation": 3}, "generation"),
    ({"status": "deleted"}, "status"),
    ({"metadata": {"a.b": 1}}, "metadata"),
]
"""What cannot be set, and the field that is blamed."""


class TestOne:
    async def test_a_registered_document_is_read_as_it_was_written(self, registry: Repository) -> None:
        # Given a document with metadata
        given = document("a", metadata={"tags": ["x", "y"], "year": 2020, "deep": {"er": None}}, title="A")
        # When it is registered
        written = await registry.register(given)
        # Then it is read as it was written, at its first version
        assert await registry.get("a") == written == msgspec.structs.replace(given, version=1)
        assert await registry.exists("a")

    async def test_a_second_of_the_same_id_is_refused_also_in_another_collection(self, registry: Repository) -> None:
        # Given a document
        await registry.register(document("a"))
        # When another of its id is registered
        with pytest.raises(DocumentAlreadyExists) as caught:
            await registry.register(document("a", "notes"))
        # Then it is refused with the operation and the id, and the first is as it was
        assert (caught.value.operation, caught.value.ids) == ("register", ("a",))
        assert (await registry.get("a")).collection == "books"

    async def test_one_of_many_at_once_registers_an_id(self, registry: Repository) -> None:
        # When many register one id at once
        answers = await asyncio.gather(
            *(registry.register(document("a", title=str(n))) for n in range(8)), return_exceptions=True
        )
        # Then one did
        assert sum(isinstance(each, Document) for each in answers) == 1
        assert sum(isinstance(each, DocumentAlreadyExists) for each in answers) == 7

    async def test_what_is_not_there_is_told_by_operation_and_id(self, registry: Repository) -> None:
        for operation, call in {
            "get": registry.get("b"),
            "update": registry.update("b", {"title": "x"}),
            "delete": registry.delete("b"),
        }.items():
            with pytest.raises(DocumentNotFound) as caught:
                await call
            assert (caught.value.operation, caught.value.ids) == (operation, ("b",))
        assert not await registry.exists("b")
        assert not await registry.purge("b")

    async def test_a_document_needs_its_collection(self, registry: Repository) -> None:
        with pytest.raises(CollectionNotFound):
            await registry.register(document("a", "nowhere"))
        assert not await registry.exists("a")

    async def test_a_bad_document_is_refused_by_its_field(self, registry: Repository) -> None:
        with pytest.raises(ValidationError) as caught:
            await registry.register(document("a", chunk_size=4))
        assert caught.value.field == "chunk_size"
        assert not await registry.exists("a")

    async def test_fields_are_updated_by_name(self, registry: Repository) -> None:
        # Given a document
        before = await registry.register(document("a"))
        # When fields of it are set
        after = await registry.update("a", {"title": "New", "metadata": {"year": 1}, "status": "processing"})
        # Then they are, at the next version and a later time
        assert (after.title, after.metadata, after.status) == ("New", {"year": 1}, DocumentStatus.PROCESSING)
        assert after.version == 2
        assert after.updated_at > before.updated_at
        assert await registry.get("a") == after

    async def test_an_update_that_cannot_be_is_refused_by_its_field(self, registry: Repository) -> None:
        before = await registry.register(document("a"))
        for fields, field in BAD_UPDATES:
            with pytest.raises(ValidationError) as caught:
                await registry.update("a", {"filename": "b.txt", **fields})
            assert caught.value.field == field
            assert await registry.get("a") == before

    async def test_a_status_that_may_not_follow_changes_nothing(self, registry: Repository) -> None:
        before = await registry.register(document("a"))
        with pytest.raises(InvalidTransition):
            await registry.update("a", {"status": "completed"})
        assert await registry.get("a") == before

    async def test_changes_at_once_all_count(self, registry: Repository) -> None:
        # Given a document
        await registry.register(document("a", chunk_count=0))

        def one_more(before: Document) -> Document:
            return msgspec.structs.replace(before, chunk_count=before.chunk_count + 1)

        # When many change it at once, each from what it reads
        await asyncio.gather(*(registry.change("a", one_more) for _ in range(12)))
        # Then none was lost
        assert (await registry.get("a")).chunk_count == 12
        assert (await registry.collection_stats("books")).chunks == 12


class TestDeleted:
    async def test_it_is_deleted_softly_and_purged_for_good(self, registry: Repository) -> None:
        # Given a document that a search sees
        await registry.register(processing("a", generation=1, last_generation=1, index=1))
        assert await registry.visible(["a"]) == {"a": 1}
        # When it is deleted, twice
        gone = await registry.delete("a")
        assert await registry.delete("a") == gone
        # Then no search sees it and no list shows it, and it is there until it is purged
        assert gone.status is DocumentStatus.DELETED
        assert gone.deleted_at is not None
        assert await registry.visible(["a"]) == {}
        assert (await registry.list()).items == ()
        assert (await registry.list(DocumentFilter(include_deleted=True))).items == (gone,)
        assert await registry.purge("a")
        assert not await registry.exists("a")
        assert (await registry.list(DocumentFilter(include_deleted=True))).items == ()

    async def test_what_was_deleted_is_found_by_when_it_was_deleted(self, registry: Repository) -> None:
        # Given an old and a young document, the young one deleted first, and one that is not deleted
        for id, minutes in (("old", -600), ("young", 0), ("stays", -900)):
            await registry.register(document(id, minutes=minutes))
        first = await registry.delete("young")
        second = await registry.delete("old")
        # When those are asked for that were deleted up to now
        found = await registry.deleted_before(instant_now() + timedelta(minutes=1))
        # Then they come by the time of their deletion, whenever they were made
        assert [each.id for each in found] == ["young", "old"]
        assert second.deleted_at is not None
        assert [each.id for each in await registry.deleted_before(second.deleted_at)] == [first.id]
        assert await registry.deleted_before(NOON) == []

    async def test_a_new_revision_brings_it_back(self, registry: Repository) -> None:
        await registry.register(document("a"))
        await registry.delete("a")
        back = await registry.update("a", {"status": "pending"})
        assert (back.status, back.deleted_at) == (DocumentStatus.PENDING, None)
        assert await registry.deleted_before(instant_now() + timedelta(minutes=1)) == []


class TestBatches:
    async def test_a_batch_is_registered_and_read(self, registry: Repository) -> None:
        given = [document(str(n), ("books", "notes")[n % 2], minutes=n) for n in range(20)]
        written = await registry.register_batch(given)
        assert await registry.get_batch([*(each.id for each in reversed(given)), "none"]) == [*reversed(written), None]

    async def test_one_that_is_there_keeps_the_whole_batch_out(self, registry: Repository) -> None:
        # Given a document
        await registry.register(document("b"))
        # When a batch holds it too
        with pytest.raises(DocumentAlreadyExists) as caught:
            await registry.register_batch([document("a"), document("b"), document("c")])
        # Then none of the batch is there
        assert (caught.value.operation, caught.value.ids) == ("register_batch", ("b",))
        assert await registry.count() == 1

    async def test_one_without_its_collection_keeps_the_whole_batch_out(self, registry: Repository) -> None:
        with pytest.raises(CollectionNotFound):
            await registry.register_batch([document("a"), document("b", "nowhere")])
        assert await registry.count() == 0

    async def test_an_id_twice_or_too_many_are_refused(self, registry: Repository) -> None:
        for batch in ([document("a"), document("a")], [document(str(n)) for n in range(151)]):
            with pytest.raises(ValidationError):
                await registry.register_batch(batch)
        assert await registry.count() == 0

    async def test_a_full_batch_fits(self, registry: Repository) -> None:
        await registry.register_batch([document(str(n), minutes=n) for n in range(150)])
        await registry.delete_batch([str(n) for n in range(150)])
        assert (await registry.stats()).by_status == {DocumentStatus.DELETED: 150}

    async def test_a_batch_is_deleted_as_a_whole_or_not_at_all(self, registry: Repository) -> None:
        await registry.register_batch([document("a"), document("b")])
        with pytest.raises(DocumentNotFound) as caught:
            await registry.delete_batch(["a", "c", "b", "d"])
        assert caught.value.ids == ("c", "d")
        assert await registry.count() == 2
        assert len(await registry.delete_batch(["a", "b"])) == 2
        assert await registry.count() == 0


async def listed(registry: Repository, limit: int = 50, **fields: object) -> list[str]:
    """All pages."""
    wanted = msgspec.convert(fields, DocumentFilter)
    page = await registry.list(wanted, limit=limit)
    found = list(page.items)
    while page.cursor is not None:
        page = await registry.list(wanted, limit=limit, cursor=page.cursor)
        found += page.items
    assert await registry.count(wanted) == len(found)
    return [each.id for each in found]


FILTERS: list[tuple[dict[str, object], str]] = [
    ({}, "edbca"),
    ({"include_deleted": True}, "fedbca"),
    ({"collection": "books"}, "dba"),
    ({"collection": "nowhere"}, ""),
    ({"statuses": ["processing"]}, "d"),
    ({"statuses": ["processing", "deleted"]}, "fd"),
    ({"filename": "shared.txt"}, "bc"),
    ({"filename": "shared.txt", "collection": "notes"}, "c"),
    ({"content_hash": digest("same"), "collection": "books"}, "b"),
    ({"source_id": "s-1"}, "d"),
    ({"metadata": {"year": 2020}}, "b"),
    ({"metadata": {"tags": {"$contains": "red"}}}, "a"),
    ({"metadata": {"by.name": "Ada"}}, "a"),
    ({"metadata": {"year": {"$exists": True}, "$not": {"year": "2020"}}}, "ba"),
    ({"created_after": NOON + timedelta(minutes=2)}, "edbc"),
    ({"created_before": NOON + timedelta(minutes=2)}, "a"),
    ({"updated_after": NOON + timedelta(minutes=5, microseconds=1), "include_deleted": True}, "f"),
]
"""A filter, and whom it means in which order."""


class TestLists:
    @pytest.fixture(autouse=True)
    async def filled(self, registry: Repository) -> None:
        await registry.register_batch(
            [
                document("a", minutes=1, metadata={"year": 2019, "tags": ["red", "blue"], "by": {"name": "Ada"}}),
                document("b", minutes=2, metadata={"year": 2020.0}, filename="shared.txt", content_hash=digest("same")),
                document("c", "notes", minutes=2, filename="shared.txt", content_hash=digest("same")),
                processing("d", minutes=3, metadata={"year": "2020"}, source_id="s-1"),
                document("e", "notes", minutes=4),
                document("f", minutes=5),
            ]
        )
        await registry.delete("f")

    async def test_a_filter_means_these_the_newest_first(self, registry: Repository) -> None:
        for fields, ids in FILTERS:
            for limit in (50, 1, 2):
                assert "".join(await listed(registry, limit, **fields)) == ids, fields

    async def test_a_page_goes_on_where_it_ended_whatever_came_meanwhile(self, registry: Repository) -> None:
        # Given a first page
        page = await registry.list(limit=2)
        # When newer ones come and one of the page goes
        await registry.register(document("g", minutes=9))
        await registry.delete("d")
        # Then the next page begins behind it
        assert [each.id for each in (await registry.list(limit=2, cursor=page.cursor)).items] == ["b", "c"]

    async def test_a_renamed_document_is_found_by_its_new_name_only(self, registry: Repository) -> None:
        await registry.update("b", {"filename": "new.txt"})
        assert await listed(registry, filename="shared.txt") == ["c"]
        assert await listed(registry, filename="new.txt") == ["b"]

    async def test_a_cursor_of_another_kind_and_a_limit_out_of_range_are_refused(self, registry: Repository) -> None:
        for cursor in ("x", "", "AAAA", "MTI"):
            with pytest.raises(ValidationError):
                await registry.list(cursor=cursor)
        for limit in (0, -1, 501):
            with pytest.raises(ValidationError):
                await registry.list(limit=limit)

    async def test_a_filter_that_cannot_be_is_refused(self, registry: Repository) -> None:
        with pytest.raises(ValidationError):
            await registry.list(DocumentFilter(metadata={"year": {"$near": 1}}))


class TestCollections:
    async def test_they_are_made_once_and_listed_by_name_also_empty(self, registry: Repository) -> None:
        with pytest.raises(CollectionAlreadyExists):
            await registry.create_collection(collection("books", description="again"))
        assert [each.name for each in await registry.list_collections()] == ["books", "notes"]
        assert (await registry.get_collection("books")).description == ""

    async def test_one_is_changed_but_for_its_metric(self, registry: Repository) -> None:
        after = await registry.change_collection("books", lambda one: msgspec.structs.replace(one, description="Books"))
        assert await registry.get_collection("books") == after
        assert (after.description, after.version) == ("Books", 2)
        with pytest.raises(ValidationError):
            await registry.change_collection("books", lambda one: msgspec.convert(
                msgspec.to_builtins(one) | {"metric": "l2"}, type(one)
            ))  # fmt: skip

    async def test_what_is_not_there_is_told(self, registry: Repository) -> None:
        for call in (
            registry.get_collection("none"),
            registry.collection_stats("none"),
            registry.clear_collection("none"),
            registry.drop_collection("none"),
            registry.change_collection("none", lambda one: one),
        ):
            with pytest.raises(CollectionNotFound):
                await call

    async def test_one_goes_only_when_nothing_is_left_in_it(self, registry: Repository) -> None:
        # Given a collection with a document
        await registry.register(document("a"))
        # Then it cannot be dropped, also when the document is deleted softly
        for _ in range(2):
            with pytest.raises(CollectionNotEmpty):
                await registry.drop_collection("books")
            await registry.clear_collection("books")
        # When the document is purged
        await registry.purge("a")
        # Then it goes, and nothing can be registered in it any more
        await registry.drop_collection("books")
        assert [each.name for each in await registry.list_collections()] == ["notes"]
        with pytest.raises(CollectionNotFound):
            await registry.register(document("b"))

    async def test_clearing_deletes_what_is_in_it_and_no_more(self, registry: Repository) -> None:
        await registry.register_batch([document(str(n)) for n in range(7)])
        await registry.register(document("other", "notes"))
        assert await registry.clear_collection("books") == 7
        assert await registry.clear_collection("books") == 0
        assert [each.id for each in (await registry.list()).items] == ["other"]

    async def test_counts_are_those_of_the_documents(self, registry: Repository) -> None:
        # Given documents in all states
        await registry.register_batch(
            [
                processing("a", chunk_count=3, file_size=10),
                processing("b", chunk_count=4, file_size=100),
                document("c", chunk_count=5, file_size=1000),
                document("d", "notes", file_size=7),
            ]
        )
        await registry.update("a", {"status": "completed", "chunk_count": 6})
        await registry.update("b", {"status": "failed"})
        await registry.delete("c")
        # When they are counted
        stats, books = await registry.stats(), await registry.collection_stats("books")
        # Then deleted ones count by status only
        assert (books.documents, books.chunks, books.bytes) == (2, 10, 110)
        assert books.by_status == {"completed": 1, "failed": 1, "deleted": 1}
        assert (stats.total, stats.chunks, stats.bytes, stats.collections) == (3, 10, 117, 2)
        assert stats.by_collection == {"books": 2, "notes": 1}
        assert stats.success_rate == 0.5

    async def test_the_count_of_changes_rises_with_what_searches_see(self, registry: Repository) -> None:
        # Given a document that no search sees yet
        await registry.register(processing("a"))
        before = await registry.changes(["books", "notes", "none"])
        assert set(before) == {"books", "notes"}

        # When it becomes visible, and then is deleted
        def shown(one: Document) -> Document:
            return msgspec.structs.replace(one, generation=1, last_generation=1, index=1)

        await registry.change("a", shown)
        seen = await registry.changes(["books", "notes"])
        await registry.delete("a")
        gone = await registry.changes(["books"])
        # Then its collection's count rose each time, and the other's did not
        assert before["books"] < seen["books"] < gone["books"]
        assert before["notes"] == seen["notes"]
