"""Retention: ended jobs become tombstones, and tombstones go."""

from __future__ import annotations

from abaca.backend import MIN_TOMBSTONE_MS, Backend
from abaca.clock import ManualClock
from abaca.model import Amended, Change, Inserted, Job, Kind, NewUpdate, Query, Requeued, State, Status
from abaca.testing.conformance.making import (
    complete,
    fail,
    fetch,
    finish,
    insert,
    job_id,
    make,
    numbered,
    settle,
    start,
)

HOUR = MIN_TOMBSTONE_MS // 1000


async def bury(store: Backend, clock: ManualClock, number: int, **fields: object) -> Job:
    """Complete a job, let its keep of one second pass and reduce it to a tombstone."""
    await finish(store, make(number, **fields), keep_ms=1000)
    clock.advance(1)
    assert await store.purge(10) == 1
    return await fetch(store, job_id(number))


class TestPurge:
    async def test_a_job_past_its_keep_becomes_a_tombstone(self, store: Backend, clock: ManualClock) -> None:
        # Given a completed job with arguments, a result, an owner and a log
        job = await start(store, make(1, args=b"[1]", owner="o", tags=("t",)))
        await store.append([NewUpdate(id=job.id, epoch=1, seq=1, kind=Kind.PROGRESS)])
        await settle(store, complete(job, keep_ms=60_000))
        ended_at = clock.now()
        clock.advance(60)
        # When the store is purged
        purged = await store.purge(10)
        # Then id, state and end are all that is left
        grave = await fetch(store, job.id)
        assert purged == 1
        assert (grave.purged, grave.state, grave.ended_at) == (True, State.COMPLETED, ended_at)
        assert (grave.spec.args, grave.spec.owner, grave.spec.tags, grave.result) == (b"{}", None, (), None)
        assert (grave.progress, (await store.updates(job.id, 0, 10)).entries) == (None, [])

    async def test_a_job_inside_its_keep_stays_whole(self, store: Backend, clock: ManualClock) -> None:
        # Given a job that is kept for a minute
        job = await finish(store, make(1), keep_ms=60_000)
        clock.advance(59.999)
        # When the store is purged a moment too early
        purged = await store.purge(10)
        # Then nothing changes
        stored = await fetch(store, job.id)
        assert (purged, stored.purged, stored.result) == (0, False, job.result)

    async def test_live_jobs_are_never_purged(self, store: Backend, clock: ManualClock) -> None:
        # Given a waiting and a running job, both old
        await start(store, make(1))
        await insert(store, make(2))
        clock.advance(365 * 86_400)
        # When the store is purged
        purged = await store.purge(10)
        # Then they stay
        assert purged == 0
        assert [job is not None and not job.purged for job in await store.get(numbered(1, 2))] == [True, True]

    async def test_a_keep_of_zero_goes_at_the_next_purge(self, store: Backend) -> None:
        # Given a job that is not kept
        job = await finish(store, make(1), keep_ms=0, result=None)
        # When the store is purged in the same instant
        purged = await store.purge(10)
        # Then the tombstone is left
        assert (purged, (await fetch(store, job.id)).purged) == (1, True)

    async def test_each_end_has_the_keep_that_was_decided(self, store: Backend, clock: ManualClock) -> None:
        # Given a job that is kept for a second and one that is kept for a minute
        await finish(store, make(1), keep_ms=1000)
        await settle(store, fail(await start(store, make(2)), keep_ms=60_000))
        # When ten seconds have passed
        clock.advance(10)
        await store.purge(10)
        # Then only the first is reduced
        jobs = [await fetch(store, id) for id in numbered(1, 2)]
        assert [job.purged for job in jobs] == [True, False]

    async def test_the_oldest_go_first(self, store: Backend, clock: ManualClock) -> None:
        # Given three jobs whose keeps end in another order than they ended
        for number, keep_ms in ((1, 9000), (2, 1000), (3, 5000)):
            await finish(store, make(number), keep_ms=keep_ms)
        clock.advance(60)
        # When two may be purged
        purged = await store.purge(2)
        # Then the last to leave is still whole
        jobs = [await fetch(store, id) for id in numbered(1, 2, 3)]
        assert (purged, [job.purged for job in jobs]) == (2, [False, True, True])

    async def test_purging_again_finds_nothing(self, store: Backend, clock: ManualClock) -> None:
        # Given a store that was purged
        await bury(store, clock, 1)
        # When it is purged at once again
        purged = await store.purge(10)
        # Then there is nothing to do
        assert purged == 0

    async def test_totals_outlive_the_jobs(self, store: Backend, clock: ManualClock) -> None:
        # Given a job that is purged away
        await bury(store, clock, 1)
        clock.advance(2 * HOUR)
        await store.purge(10)
        # When the totals are read
        stats = await store.stats()
        # Then it still counts
        assert stats.totals["completed"] == 1


class TestTombstones:
    async def test_a_tombstone_lives_for_an_hour_at_least(self, store: Backend, clock: ManualClock) -> None:
        # Given the tombstone of a job with a short keep
        await bury(store, clock, 1)
        clock.advance(HOUR - 1)
        early = await store.purge(10)
        # When the hour is over
        clock.advance(1)
        # Then it goes, and not earlier
        assert (early, await store.purge(10)) == (0, 1)
        assert await store.get([job_id(1)]) == [None]

    async def test_a_tombstone_lives_for_the_keep_again(self, store: Backend, clock: ManualClock) -> None:
        # Given the tombstone of a job that was kept for three hours
        await finish(store, make(1), keep_ms=3 * MIN_TOMBSTONE_MS)
        clock.advance(3 * HOUR)
        await store.purge(10)
        clock.advance(3 * HOUR - 1)
        early = await store.purge(10)
        # When three more hours are over
        clock.advance(1)
        # Then it goes, and not earlier
        assert (early, await store.purge(10)) == (0, 1)

    async def test_the_id_may_come_again_when_the_tombstone_is_gone(self, store: Backend, clock: ManualClock) -> None:
        # Given a tombstone that is gone
        await bury(store, clock, 1)
        clock.advance(HOUR)
        await store.purge(10)
        # When the id is inserted
        outcomes = await insert(store, make(1))
        # Then it is new
        assert outcomes == [Inserted.INSERTED]

    async def test_people_cannot_change_a_tombstone(self, store: Backend, clock: ManualClock) -> None:
        # Given a tombstone
        grave = await bury(store, clock, 1)
        # When it is requeued and amended
        answers = (
            await store.requeue([(grave.id, 1)]),
            await store.amend([Change(id=grave.id, tags=("t",)), Change(id=grave.id, delete=True)]),
        )
        # Then it is as if unknown, and stays
        assert answers == ([Requeued.UNKNOWN], [Amended.UNKNOWN, Amended.UNKNOWN])
        assert (await fetch(store, grave.id)).purged

    async def test_a_tombstone_leaves_its_key_to_others(self, store: Backend, clock: ManualClock) -> None:
        # Given the tombstone of a job with a key that another job has now
        await finish(store, make(1, key="k"), keep_ms=1000)
        await insert(store, make(2, key="k"))
        clock.advance(1)
        # When the older one is purged to a tombstone and away
        await store.purge(10)
        clock.advance(HOUR)
        await store.purge(10)
        # Then the key is still held
        assert await insert(store, make(3, key="k")) == [Inserted.HELD]

    async def test_a_search_finds_a_tombstone_by_id_and_status_alone(self, store: Backend, clock: ManualClock) -> None:
        # Given a tombstone
        grave = await bury(store, clock, 1, owner="o")
        # When searches name values that a new job has by default, and those that the old one had
        by_value = [await store.find(query) for query in (Query(queue="default"), Query(owner="o"), Query(text="{}"))]
        by_state = await store.find(Query(status=(Status.COMPLETED,)))
        # Then only its state finds it
        assert [page.jobs for page in by_value] == [[], [], []]
        assert [job.id for job in by_state.jobs] == [grave.id]
