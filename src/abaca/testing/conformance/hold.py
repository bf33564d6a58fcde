"""Claims that are held open until a job comes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from abaca.backend import Backend
from abaca.clock import ManualClock
from abaca.model import Change, Exchanged, Want
from abaca.testing.conformance.making import (
    LEASE,
    back,
    claim,
    finish,
    ids,
    insert,
    job_id,
    make,
    numbered,
    settle,
    start,
    want,
)

LONG_MS = 30_000
MOMENT = 6.0
"""Seconds within which a held claim must hear of its job; far below ``LONG_MS``, far above a slow machine's delay."""


@asynccontextmanager
async def holding(store: Backend, wanted: Want | None = None) -> AsyncIterator[asyncio.Task[Exchanged]]:
    """A claim that was held open at the start of the block, and is over at its end."""
    task = asyncio.create_task(store.exchange([], wanted or want(slots=1, hold_ms=LONG_MS), LEASE))
    done, _ = await asyncio.wait({task}, timeout=0.1)
    assert not done, f"with nothing to claim the call should stay open, and it answered {task.result()}"
    try:
        yield task
    finally:
        store.unhold()
        await asyncio.wait({task}, timeout=MOMENT)
        task.cancel()


async def answer(task: asyncio.Task[Exchanged]) -> Exchanged:
    async with asyncio.timeout(MOMENT):
        return await task


class TestHold:
    async def test_an_insert_is_answered_to_it(self, store: Backend, clock: ManualClock) -> None:
        # Given a held claim
        async with holding(store) as held:
            # When a job comes
            await insert(store, make(1))
            # Then it is claimed as by any other claim
            (job,) = (await answer(held)).jobs
        assert (job.id, job.epoch, job.worker) == (job_id(1), 1, LEASE.worker)
        assert job.lease_until == clock.now() + LEASE.ms * 1000

    async def test_a_job_that_is_there_is_claimed_at_once(self, store: Backend) -> None:
        # Given a waiting job
        await insert(store, make(1))
        # When a claim may be held
        async with asyncio.timeout(MOMENT):
            answered = await store.exchange([], want(hold_ms=LONG_MS), LEASE)
        # Then it does not wait
        assert ids(answered.jobs) == numbered(1)

    async def test_a_job_that_goes_back_is_answered_to_it(self, store: Backend) -> None:
        # Given a running job and a held claim
        job = await start(store, make(1))
        async with holding(store) as held:
            # When the job is given back
            await settle(store, back(job))
            # Then the held claim gets it
            assert [(j.id, j.epoch) for j in (await answer(held)).jobs] == [(job.id, 2)]

    async def test_a_follow_up_is_answered_to_it(self, store: Backend) -> None:
        # Given a running job and a held claim on another queue
        job = await start(store, make(1))
        async with holding(store, want("next", hold_ms=LONG_MS)) as held:
            # When the job goes back for long with a follow-up for that queue
            await settle(store, back(job, delay_ms=60_000, then=(make(2, queue="next"),)))
            # Then the held claim gets the follow-up
            assert ids((await answer(held)).jobs) == numbered(2)

    async def test_an_amended_job_is_answered_to_it(self, store: Backend) -> None:
        # Given a job of another queue that is due in an hour, and a held claim
        await insert(store, make(1, queue="other", delay_ms=3_600_000))
        async with holding(store) as held:
            # When it is amended to be due here and now
            await store.amend([Change(id=job_id(1), queue="default", delay_ms=0)])
            # Then the held claim gets it
            assert ids((await answer(held)).jobs) == numbered(1)

    async def test_a_requeued_job_is_answered_to_it(self, store: Backend) -> None:
        # Given a completed job and a held claim
        job = await finish(store, make(1))
        async with holding(store) as held:
            # When it is requeued
            await store.requeue([(job.id, job.epoch)])
            # Then the held claim gets it
            assert ids((await answer(held)).jobs) == numbered(1)

    async def test_jobs_for_others_do_not_end_it(self, store: Backend) -> None:
        # Given a held claim for one lane of one queue
        async with holding(store, want(slots={"a": 1}, hold_ms=LONG_MS)) as held:
            # When jobs of another lane, another queue and a later time come before its own
            await insert(store, make(1, lane="b"), make(2, queue="q", lane="a"), make(3, lane="a", delay_ms=60_000))
            done, _ = await asyncio.wait({held}, timeout=0.1)
            await insert(store, make(4, lane="a"))
            # Then only its own is answered to it
            assert (done, ids((await answer(held)).jobs)) == (set(), numbered(4))

    async def test_the_next_in_order_is_answered(self, store: Backend) -> None:
        # Given a held claim for one job
        async with holding(store) as held:
            # When several come in one write
            await insert(store, make(1, priority=10), make(2, priority=90), make(3, priority=50))
            # Then it gets the highest, and the others are still there
            assert ids((await answer(held)).jobs) == numbered(2)
        assert ids(await claim(store)) == numbered(3, 1)

    async def test_two_held_claims_share_two_jobs(self, store: Backend) -> None:
        # Given two held claims for one job each
        async with holding(store) as one, holding(store) as two:
            # When two jobs come
            await insert(store, make(1), make(2))
            # Then each gets one
            jobs = (await answer(one)).jobs + (await answer(two)).jobs
        assert sorted(ids(jobs)) == numbered(1, 2)

    async def test_a_claim_on_several_queues_hears_of_each(self, store: Backend) -> None:
        # Given a held claim on three queues
        async with holding(store, want("a", "b", "c", hold_ms=LONG_MS)) as held:
            # When a job comes to the last of them
            await insert(store, make(1, queue="c"))
            # Then it is answered
            assert ids((await answer(held)).jobs) == numbered(1)

    async def test_no_hand_over_waits_for_a_poll(self, store: Backend) -> None:
        # Given ten held claims, one after the other
        loop = asyncio.get_running_loop()
        spent = 0.0
        for number in range(1, 11):
            async with holding(store) as held:
                began = loop.time()
                # When a job comes to each
                await insert(store, make(number))
                assert ids((await answer(held)).jobs) == numbered(number)
                spent += loop.time() - began
        # Then all together took less than MOMENT, which no store does that looks once a second
        assert spent < MOMENT


class TestHoldEnds:
    async def test_it_ends_empty_after_its_time(self, store: Backend) -> None:
        # Given an empty store
        loop = asyncio.get_running_loop()
        began = loop.time()
        # When a claim is held for a third of a second
        answered = await store.exchange([], want(hold_ms=300), LEASE)
        # Then it answers empty, not at once and not much later
        assert answered.jobs == []
        assert 0.25 <= loop.time() - began <= MOMENT

    async def test_unhold_ends_it_now(self, store: Backend) -> None:
        # Given two held claims, one of them for several queues
        async with holding(store) as one, holding(store, want("a", "b", hold_ms=LONG_MS)) as two:
            # When they are told to end
            store.unhold()
            # Then both answer empty
            assert [(await answer(one)).jobs, (await answer(two)).jobs] == [[], []]

    async def test_unhold_may_come_from_any_thread(self, store: Backend) -> None:
        # Given a held claim
        async with holding(store) as held:
            # When another thread tells it to end
            thread = threading.Thread(target=store.unhold)
            thread.start()
            # Then it answers empty
            assert (await answer(held)).jobs == []
            thread.join()

    async def test_unhold_is_for_the_present_and_not_for_later(self, store: Backend) -> None:
        # Given a store whose held claims were ended, with none there
        store.unhold()
        # When a claim is held after that
        async with holding(store) as held:
            await insert(store, make(1))
            # Then it gets its job
            assert ids((await answer(held)).jobs) == numbered(1)


class TestHoldByTheClock:
    """On a store with a clock of its own, because real time must pass."""

    async def test_a_job_that_comes_due_is_answered_to_it(self, live_store: Backend) -> None:
        # Given a job that is due in a moment
        await insert(live_store, make(1, delay_ms=400))
        # When a claim is held
        async with asyncio.timeout(MOMENT):
            answered = await live_store.exchange([], want(hold_ms=LONG_MS), LEASE)
        # Then it gets the job when it is due
        (job,) = answered.jobs
        assert job.claimed_at is not None
        assert job.claimed_at >= job.due_at

    async def test_a_delay_that_begins_during_the_hold_counts_too(self, live_store: Backend) -> None:
        # Given a held claim that knew of a job due in an hour
        await insert(live_store, make(1, delay_ms=3_600_000))
        async with holding(live_store) as held:
            # When a job comes that is due in a moment
            await insert(live_store, make(2, delay_ms=300))
            # Then it is answered when it is due
            assert ids((await answer(held)).jobs) == numbered(2)

    async def test_a_retry_that_comes_due_is_answered_to_it(self, live_store: Backend) -> None:
        # Given a running job and a held claim
        job = await start(live_store, make(1))
        async with holding(live_store) as held:
            # When the job goes back for a moment
            await settle(live_store, back(job, delay_ms=300))
            # Then the held claim gets its next run
            assert [(j.id, j.epoch) for j in (await answer(held)).jobs] == [(job.id, 2)]

    async def test_no_due_time_waits_for_a_poll(self, live_store: Backend) -> None:
        # Given ten jobs, each due a twentieth of a second from its insert
        loop = asyncio.get_running_loop()
        began = loop.time()
        # When each is inserted and waited for by a held claim
        for number in range(1, 11):
            await insert(live_store, make(number, delay_ms=50))
            async with asyncio.timeout(MOMENT):
                answered = await live_store.exchange([], want(hold_ms=LONG_MS), LEASE)
            assert ids(answered.jobs) == numbered(number)
        # Then all together took little more than half a second, which no store does that looks once a second
        assert 0.5 <= loop.time() - began < MOMENT
