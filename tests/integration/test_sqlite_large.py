"""Large arguments lie apart from their job's row, and nobody can tell."""

from __future__ import annotations

import pytest

from abaca.backends.sqlite.rows import LARGE
from abaca.backends.sqlite.settings import parse_url
from abaca.clock import ManualClock
from abaca.model import Amended, Change, NewJob, Query, Settle, State, Transition, Want
from tests.integration.sqlite_help import LEASE, by_hand, claim, complete, job_id, opened, want

BIG = b'"' + b"x" * LARGE + b'"'
BINARY = b"\xff\x00" * LARGE
SMALL = b'"' + b"x" * (LARGE - 2) + b'"'


def job(number: int, args: bytes) -> NewJob:
    return NewJob(id=job_id(number), task="work", args=args)


def bodies(url: str) -> int:
    (row,) = by_hand(parse_url(url).path, "SELECT count(*) FROM bodies")
    return int(str(row[0]))


@pytest.mark.parametrize("args", [SMALL, BIG, BINARY], ids=["at the limit", "above", "binary"])
async def test_arguments_of_any_size_come_back_as_they_were(sqlite_url: str, args: bytes) -> None:
    # Given a job with such arguments
    async with opened(sqlite_url) as store:
        await store.insert([job(1, args), job(1, b"other")])
        # Then they are read, found and claimed as they were
        (found,) = await store.get([job_id(1)])
        assert found is not None
        assert found.spec.args == args
        (claimed,) = await claim(store)
        assert claimed.spec.args == args
        # And only large ones lie apart
        assert bodies(sqlite_url) == (len(args) > LARGE)


async def test_large_arguments_are_searched(sqlite_url: str) -> None:
    async with opened(sqlite_url) as store:
        await store.insert([job(1, BIG + b"needle"), job(2, BIG)])
        page = await store.find(Query(text="needle"))
        assert [found.id for found in page.jobs] == [job_id(1)]


async def test_large_arguments_count_for_a_claims_bytes(sqlite_url: str) -> None:
    # Given three large jobs and a claim that has room for one and a bit
    async with opened(sqlite_url) as store:
        await store.insert([job(number, BIG) for number in (1, 2, 3)])
        wanted = Want(queues=("default",), slots={"": 9}, max_bytes=len(BIG) + 1)
        # When it is made, then the last one passes the limit and no more come
        assert len((await store.exchange([], wanted, LEASE)).jobs) == 2


async def test_an_amendment_moves_arguments_between_row_and_body(sqlite_url: str) -> None:
    async with opened(sqlite_url) as store:
        await store.insert([job(1, BIG)])
        for args, apart in ((SMALL, 0), (BINARY, 1), (BIG, 1), (b"{}", 0)):
            # When the arguments are changed, then the new ones are read, and no body is left over
            assert await store.amend([Change(id=job_id(1), args=args)]) == [Amended.APPLIED]
            (found,) = await store.get([job_id(1)])
            assert found is not None
            assert found.spec.args == args
            assert bodies(sqlite_url) == apart


async def test_other_amendments_keep_large_arguments(sqlite_url: str) -> None:
    async with opened(sqlite_url) as store:
        await store.insert([job(1, BIG)])
        assert await store.amend([Change(id=job_id(1), priority=7, tags=("t",))]) == [Amended.APPLIED]
        (found,) = await store.get([job_id(1)])
        assert found is not None
        assert (found.spec.args, found.spec.priority) == (BIG, 7)


async def test_a_tombstone_and_a_deleted_job_keep_no_body(sqlite_url: str) -> None:
    # Given an ended job past its keep and a waiting one, both large
    clock = ManualClock()
    async with opened(sqlite_url, clock) as store:
        await store.insert([job(1, BIG), job(2, BIG)])
        (first, _) = await claim(store)
        end = Transition(target=State.COMPLETED, attempts=1, result=BIG, keep_ms=1000)
        back = Transition(target=State.WAITING, attempts=1)
        await store.exchange(
            [Settle(id=first.id, epoch=1, to=end), Settle(id=job_id(2), epoch=1, to=back)], None, LEASE
        )
        # When one is purged and the other deleted
        clock.advance(2)
        assert await store.purge(10) == 1
        assert bodies(sqlite_url) == 1
        assert await store.amend([Change(id=job_id(2), delete=True)]) == [Amended.APPLIED]
        # Then no arguments are left, and the tombstone reads as one
        assert bodies(sqlite_url) == 0
        (tombstone,) = await store.get([job_id(1)])
        assert tombstone is not None
        assert (tombstone.purged, tombstone.spec.args) == (True, b"{}")


@pytest.mark.damages
async def test_arguments_that_are_lost_are_damage_of_their_job_alone(sqlite_url: str) -> None:
    # Given two large jobs, one of whose bodies somebody removed
    async with opened(sqlite_url) as store:
        await store.insert([job(1, BIG), job(2, BIG)])
        by_hand(parse_url(sqlite_url).path, "DELETE FROM bodies WHERE job = (SELECT min(job) FROM bodies)")
        # When they are claimed, then the one is marked and can be settled, and the other is sound
        first, second = await claim(store)
        assert (first.damage is None, second.damage is None) == (False, True)
        assert (await store.exchange([complete(first)], want(), LEASE)).verdicts == [0]


async def test_a_claim_and_a_settle_do_not_write_large_arguments_again(sqlite_url: str) -> None:
    # Given ten jobs of a hundred kilobytes, in the file and out of the log
    huge = b'"' + b"x" * 100_000 + b'"'
    path = parse_url(sqlite_url).path
    async with opened(sqlite_url) as store:
        await store.insert([job(number, huge) for number in range(10)])
        by_hand(path, "PRAGMA wal_checkpoint(TRUNCATE)")
        # When they are claimed and settled
        await store.exchange([complete(one) for one in await claim(store)], None, LEASE)
        # Then the log is a small part of them
        assert path.with_name(path.name + "-wal").stat().st_size < len(huge)
