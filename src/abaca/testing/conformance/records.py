"""Small versioned records, changed by comparison."""

from __future__ import annotations

from abaca.backend import MAX_BATCH, MAX_RECORD_BYTES, Backend
from abaca.clock import ManualClock
from abaca.model import Record, Verdict
from abaca.testing.conformance.making import is_refused


def record(id: str, data: bytes | None = b"x", version: int = 0, expires_ms: int | None = None) -> Record:
    return Record(kind="kind", id=id, data=data, version=version, expires_ms=expires_ms)


async def stored(store: Backend, id: str) -> tuple[bytes | None, int] | None:
    """Data and version, or ``None`` where absent."""
    (found,) = await store.read("kind", [id])
    return None if found is None else (found.data, found.version)


class TestRecords:
    async def test_a_new_record_has_version_one(self, store: Backend) -> None:
        # Given nothing
        # When a record is put where none is expected
        verdicts = await store.put([record("a", b"\x00\xff")])
        # Then it is there with version one
        assert verdicts == [Verdict.APPLIED]
        assert await stored(store, "a") == (b"\x00\xff", 1)

    async def test_the_version_rises_with_every_put(self, store: Backend) -> None:
        # Given a record
        await store.put([record("a", b"1")])
        # When it is put again at its version
        verdicts = await store.put([record("a", b"2", version=1)])
        # Then it is changed, one version later
        assert verdicts == [Verdict.APPLIED]
        assert await stored(store, "a") == (b"2", 2)

    async def test_another_version_is_stale(self, store: Backend) -> None:
        # Given a record at version two
        await store.put([record("a", b"1")])
        await store.put([record("a", b"2", version=1)])
        # When it is put at every version but its own
        verdicts = await store.put([record("a", b"x", version=n) for n in (0, 1, 3)])
        # Then nothing changes
        assert verdicts == [Verdict.STALE] * 3
        assert await stored(store, "a") == (b"2", 2)

    async def test_an_absent_record_has_no_other_version(self, store: Backend) -> None:
        # Given nothing
        # When a record is put where one is expected
        verdicts = await store.put([record("a", version=1)])
        # Then it is not made
        assert (verdicts, await stored(store, "a")) == ([Verdict.STALE], None)

    async def test_each_record_of_a_batch_is_judged_on_its_own(self, store: Backend) -> None:
        # Given a record
        await store.put([record("a")])
        # When a batch holds a stale one among good ones, and one twice
        verdicts = await store.put([record("b"), record("a"), record("c"), record("b", b"y", version=1)])
        # Then only the stale one is left out
        assert verdicts == [Verdict.APPLIED, Verdict.STALE, Verdict.APPLIED, Verdict.APPLIED]
        assert await stored(store, "b") == (b"y", 2)

    async def test_a_record_is_deleted_at_its_version(self, store: Backend) -> None:
        # Given a record
        await store.put([record("a")])
        # When it is deleted at a wrong and at the right version
        verdicts = await store.put([record("a", None, version=9), record("a", None, version=1)])
        # Then it is gone and may be made anew
        assert (verdicts, await stored(store, "a")) == ([Verdict.STALE, Verdict.APPLIED], None)
        assert await store.put([record("a")]) == [Verdict.APPLIED]

    async def test_reading_answers_in_order(self, store: Backend) -> None:
        # Given two records
        await store.put([record("a", b"1"), record("b", b"2")])
        # When they are read with an absent one, one of them twice
        found = await store.read("kind", ["b", "nope", "a", "b"])
        # Then each is at its place
        assert [None if r is None else (r.kind, r.id, r.data) for r in found] == [
            ("kind", "b", b"2"),
            None,
            ("kind", "a", b"1"),
            ("kind", "b", b"2"),
        ]

    async def test_kinds_are_apart(self, store: Backend) -> None:
        # Given equal ids of two kinds
        await store.put([record("a", b"1"), Record(kind="kind2", id="a", data=b"2")])
        # When one kind is read and scanned
        (other,) = await store.read("kind2", ["a"])
        # Then the other is not seen
        assert other is not None
        assert (other.data, await stored(store, "a")) == (b"2", (b"1", 1))
        assert [r.data for r in await store.scan("kind", "", 10)] == [b"1"]

    async def test_no_data_at_all_is_not_a_deletion(self, store: Backend) -> None:
        # Given nothing
        # When a record of no bytes is put
        await store.put([record("a", b"")])
        # Then it is there
        assert await stored(store, "a") == (b"", 1)


class TestRecordExpiry:
    async def test_a_record_expires(self, store: Backend, clock: ManualClock) -> None:
        # Given a record for five seconds
        await store.put([record("a", expires_ms=5000)])
        clock.advance(4.999)
        before = await stored(store, "a")
        # When the last of them has passed
        clock.advance(0.001)
        # Then it is absent, and not earlier
        assert (before, await stored(store, "a")) == ((b"x", 1), None)
        assert await store.scan("kind", "", 10) == []

    async def test_an_expired_record_counts_as_absent(self, store: Backend, clock: ManualClock) -> None:
        # Given an expired record
        await store.put([record("a", expires_ms=1000)])
        clock.advance(2)
        # When it is put at its old version, and as new
        verdicts = await store.put([record("a", b"old", version=1), record("a", b"new")])
        # Then only the new one applies, from version one
        assert verdicts == [Verdict.STALE, Verdict.APPLIED]
        assert await stored(store, "a") == (b"new", 1)

    async def test_a_put_without_expiry_stays(self, store: Backend, clock: ManualClock) -> None:
        # Given a record that would expire
        await store.put([record("a", expires_ms=1000)])
        # When it is put again without an end
        await store.put([record("a", b"y", version=1)])
        clock.advance(60)
        # Then it stays
        assert await stored(store, "a") == (b"y", 2)

    async def test_a_put_moves_the_end(self, store: Backend, clock: ManualClock) -> None:
        # Given a record that is about to expire
        await store.put([record("a", expires_ms=2000)])
        clock.advance(1.5)
        # When it is put again with a length
        await store.put([record("a", b"y", version=1, expires_ms=2000)])
        clock.advance(1.5)
        # Then the length counts from the put
        assert await stored(store, "a") == (b"y", 2)


class TestRecordLimits:
    async def test_the_greatest_size_is_stored(self, store: Backend) -> None:
        # Given data of the greatest size
        data = b"x" * MAX_RECORD_BYTES
        # When it is put
        await store.put([record("a", data)])
        # Then it is there
        assert await stored(store, "a") == (data, 1)

    async def test_a_larger_one_is_refused_with_its_batch(self, store: Backend) -> None:
        # Given data that is one byte too large
        data = b"x" * (MAX_RECORD_BYTES + 1)
        # When it is put behind a good record
        refused = await is_refused(store.put([record("a"), record("b", data)]))
        # Then it is an error and nothing was written
        assert refused
        assert await store.read("kind", ["a", "b"]) == [None, None]

    async def test_a_batch_above_the_limit_is_refused_whole(self, store: Backend) -> None:
        # Given more records than a batch may hold
        records = [record(str(n)) for n in range(MAX_BATCH + 1)]
        # When they are put
        refused = await is_refused(store.put(records))
        # Then it is an error and nothing was written
        assert refused
        assert await store.scan("kind", "", 10) == []

    async def test_what_is_put_together_is_there_together(self, store: Backend) -> None:
        # Given one record
        await store.put([record("a")])
        # When it is deleted and two others are put, in one act
        verdicts = await store.put([record("a", None, version=1), record("b"), record("c", b"3")], together=True)
        # Then all of it happened
        assert verdicts == [Verdict.APPLIED] * 3
        assert [each.id for each in await store.scan("kind", "", 10)] == ["b", "c"]

    async def test_one_stale_record_keeps_back_all_that_are_put_with_it(self, store: Backend) -> None:
        # Given one record
        await store.put([record("a", b"1")])
        # When others are put together with an old version of it
        verdicts = await store.put([record("b"), record("a", b"2", version=2), record("c")], together=True)
        # Then none of them was
        assert verdicts == [Verdict.STALE] * 3
        assert await stored(store, "a") == (b"1", 1)
        assert await store.read("kind", ["b", "c"]) == [None, None]

    async def test_a_record_that_is_over_counts_as_absent_among_others(
        self, store: Backend, clock: ManualClock
    ) -> None:
        # Given a record whose life is over
        await store.put([record("a", expires_ms=1000)])
        clock.advance(2)
        # When it is put as new, together with another
        verdicts = await store.put([record("a", b"new"), record("b")], together=True)
        # Then both are there
        assert verdicts == [Verdict.APPLIED] * 2
        assert await stored(store, "a") == (b"new", 1)

    async def test_a_record_cannot_be_put_together_with_itself(self, store: Backend) -> None:
        # When one is named twice
        refused = await is_refused(store.put([record("a"), record("a", version=1)], together=True))
        # Then it is an error and nothing was written
        assert refused
        assert await stored(store, "a") is None


class TestScan:
    async def test_ids_come_in_order_and_in_pages(self, store: Backend) -> None:
        # Given records put in no order, with ids whose text order is not that of numbers
        ids = ["b", "a", "10", "9", "a:b", "z/é", "Z"]
        await store.put([record(id) for id in ids])
        # When they are read in pages of three
        pages: list[list[str]] = [[r.id for r in await store.scan("kind", "", 3)]]
        while pages[-1]:
            pages.append([r.id for r in await store.scan("kind", pages[-1][-1], 3)])
        # Then each comes once, in order of text
        assert [id for page in pages for id in page] == sorted(ids)

    async def test_an_unknown_kind_is_empty(self, store: Backend) -> None:
        # Given a record of another kind
        await store.put([record("a")])
        # When a kind that nobody ever used is scanned
        found = await store.scan("nothing", "", 10)
        # Then there is nothing
        assert found == []
