"""How long a key is held, and what may take its holder's place."""

from __future__ import annotations

from abaca.backend import Backend
from abaca.clock import ManualClock
from abaca.model import Change, Inserted, KeyScope, NewJob, Receipt, Requeued
from abaca.testing.conformance.making import (
    SECOND,
    back,
    claim_one,
    complete,
    fetch,
    finish,
    insert,
    job_id,
    make,
    settle,
    start,
)


def waiting(number: int, **fields: object) -> NewJob:
    return make(number, key="k", key_scope=KeyScope.WAITING, **fields)


def period(number: int, ms: int = 10_000, **fields: object) -> NewJob:
    return make(number, key="k", key_scope=KeyScope.PERIOD, key_ms=ms, **fields)


class TestKeyWhileWaiting:
    async def test_it_is_held_until_the_claim(self, store: Backend) -> None:
        # Given a waiting job that holds its key while it waits
        await insert(store, waiting(1))
        before = await insert(store, waiting(2))
        # When it is claimed
        await claim_one(store)
        # Then the key is free, and was not before
        assert (before, await insert(store, waiting(3))) == ([Inserted.HELD], [Inserted.INSERTED])

    async def test_a_job_that_goes_back_does_not_take_it_again(self, store: Backend) -> None:
        # Given a job that was claimed, and another that has the key since
        job = await start(store, waiting(1))
        await insert(store, waiting(2, delay_ms=60_000))
        # When the first goes back to wait
        await settle(store, back(job))
        # Then the second still holds the key
        assert await store.insert([waiting(3)]) == [Receipt(id=job_id(2), outcome=Inserted.HELD)]

    async def test_cancelling_releases_it(self, store: Backend) -> None:
        # Given a waiting holder
        await insert(store, waiting(1))
        # When it is cancelled
        await store.cancel([job_id(1)])
        # Then the key is free
        assert await insert(store, waiting(2)) == [Inserted.INSERTED]

    async def test_a_requeued_job_takes_it_again(self, store: Backend) -> None:
        # Given an ended job
        ended = await finish(store, waiting(1))
        # When it is requeued
        answers = await store.requeue([(ended.id, ended.epoch)])
        # Then it holds its key as at first
        assert (answers, await insert(store, waiting(2))) == ([Requeued.REQUEUED], [Inserted.HELD])


class TestKeyForAPeriod:
    async def test_it_outlives_its_holder(self, store: Backend) -> None:
        # Given a job that ended within its period
        await finish(store, period(1))
        # When another asks for the key
        receipts = await store.insert([period(2)])
        # Then the ended job is named
        assert receipts == [Receipt(id=job_id(1), outcome=Inserted.HELD)]

    async def test_it_is_free_when_the_period_is_over(self, store: Backend, clock: ManualClock) -> None:
        # Given a waiting holder
        await insert(store, period(1, 10_000))
        clock.advance(9.999)
        before = await insert(store, period(2))
        # When the period ends
        clock.advance(0.001)
        # Then the key is free although the holder still waits
        assert (before, await insert(store, period(3))) == ([Inserted.HELD], [Inserted.INSERTED])

    async def test_the_end_of_an_earlier_holder_leaves_it_with_the_later(
        self, store: Backend, clock: ManualClock
    ) -> None:
        # Given a holder that runs longer than its period, and the next holder
        job = await start(store, period(1, 1000))
        clock.advance(1)
        await insert(store, period(2, 60_000))
        # When the first ends
        await settle(store, complete(job))
        # Then the second holds the key
        assert await store.insert([period(3)]) == [Receipt(id=job_id(2), outcome=Inserted.HELD)]

    async def test_deleting_the_holder_releases_it(self, store: Backend) -> None:
        # Given an ended holder
        await finish(store, period(1))
        # When it is deleted
        await store.amend([Change(id=job_id(1), delete=True)])
        # Then the key is free
        assert await insert(store, period(2)) == [Inserted.INSERTED]

    async def test_a_purged_holder_is_still_named(self, store: Backend, clock: ManualClock) -> None:
        # Given a holder that was purged within its period
        await finish(store, period(1, 86_400_000), keep_ms=0)
        clock.advance(1)
        await store.purge(10)
        # When another asks for the key
        receipts = await store.insert([period(2)])
        # Then it is held
        assert receipts == [Receipt(id=job_id(1), outcome=Inserted.HELD)]

    async def test_requeuing_needs_no_key(self, store: Backend, clock: ManualClock) -> None:
        # Given a job whose period is over and whose key another holds
        ended = await finish(store, period(1, 1000))
        clock.advance(2)
        await insert(store, period(2, 60_000))
        # When it is requeued
        answers = await store.requeue([(ended.id, ended.epoch)])
        # Then it waits again, and the other keeps the key
        assert answers == [Requeued.REQUEUED]
        assert await store.insert([period(3)]) == [Receipt(id=job_id(2), outcome=Inserted.HELD)]


class TestReplace:
    async def test_a_waiting_holder_takes_over_the_new_job(self, store: Backend, clock: ManualClock) -> None:
        # Given a waiting job with a key
        await insert(store, make(1, key="k", args=b'{"n":1}', priority=10, delay_ms=1000))
        clock.advance(0.5)
        # When another is to replace it
        receipts = await store.insert([make(2, key="k", args=b'{"n":2}', priority=70, delay_ms=3000, replace=True)])
        # Then the holder keeps its id and takes the rest, due time included
        job = await fetch(store, job_id(1))
        assert receipts == [Receipt(id=job_id(1), outcome=Inserted.REPLACED)]
        assert (job.spec.args, job.spec.priority, job.revision) == (b'{"n":2}', 70, 2)
        assert job.due_at == clock.now() + 3 * SECOND
        assert await store.get([job_id(2)]) == [None]

    async def test_it_stands_in_its_new_line(self, store: Backend) -> None:
        # Given a waiting holder, and another job
        await insert(store, make(1, key="k"), make(2))
        # When the holder is replaced by a job of another queue
        await insert(store, make(3, key="k", queue="other", replace=True))
        # Then it is claimed there and no longer here
        assert (await claim_one(store)).id == job_id(2)
        assert (await claim_one(store, "other")).id == job_id(1)

    async def test_a_running_holder_is_left_alone(self, store: Backend) -> None:
        # Given a running holder
        await start(store, make(1, key="k", args=b'{"n":1}'))
        # When another is to replace it
        outcomes = await insert(store, make(2, key="k", args=b'{"n":2}', replace=True))
        # Then the key is held and nothing changed
        assert outcomes == [Inserted.HELD]
        assert (await fetch(store, job_id(1))).spec.args == b'{"n":1}'

    async def test_a_free_key_is_simply_taken(self, store: Backend) -> None:
        # When a job that may replace finds its key free
        outcomes = await insert(store, make(1, key="k", replace=True))
        # Then it is stored
        assert outcomes == [Inserted.INSERTED]

    async def test_a_replacement_renews_the_period(self, store: Backend, clock: ManualClock) -> None:
        # Given a waiting holder whose period is nearly over
        await insert(store, period(1, 10_000, delay_ms=60_000))
        clock.advance(9)
        # When it is replaced
        await insert(store, period(2, 10_000, replace=True))
        clock.advance(9)
        # Then the period counts from there
        assert await insert(store, period(3)) == [Inserted.HELD]

    async def test_within_one_batch_the_last_one_wins(self, store: Backend) -> None:
        # When a batch holds three jobs of one key that may replace
        jobs = [make(number, key="k", args=b'{"n":%d}' % number, replace=True) for number in (1, 2, 3)]
        outcomes = await insert(store, *jobs)
        # Then there is one job, with the last one's arguments
        assert outcomes == [Inserted.INSERTED, Inserted.REPLACED, Inserted.REPLACED]
        assert (await claim_one(store)).spec.args == b'{"n":3}'
