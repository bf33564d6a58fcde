"""Limits: how many run at once, how many start in a time, and what becomes of those held back."""

from __future__ import annotations

import asyncio

import msgspec

from abaca.backend import Backend
from abaca.clock import ManualClock
from abaca.model import (
    Change,
    Job,
    Lease,
    Limit,
    NewJob,
    State,
    Status,
    Verdict,
)
from abaca.testing.conformance.making import (
    LEASE,
    OTHER,
    back,
    claim,
    complete,
    fetch,
    ids,
    insert,
    job_id,
    make,
    many,
    numbered,
    settle,
    want,
)

_encode = msgspec.json.Encoder().encode
TWO = Limit(bucket="b", concurrency=2)
ONE = Limit(bucket="b", concurrency=1)
TEN_A_SECOND = Limit(bucket="r", rate=10, period_ms=1000)


def limited(number: int, *limits: Limit, **fields: object) -> NewJob:
    return make(number, limits=limits, **fields)


async def statuses(store: Backend, *numbers: int) -> list[Status]:
    return [(await fetch(store, job_id(number))).status for number in numbers]


class TestConcurrency:
    async def test_no_more_run_than_the_limit_says(self, store: Backend) -> None:
        # Given four jobs of a bucket for two
        await insert(store, *many(4, limits=(TWO,)))
        # When a worker with room for all claims
        jobs = await claim(store)
        # Then it gets two, and the others say why they wait
        assert ids(jobs) == numbered(1, 2)
        assert await statuses(store, 3, 4) == [Status.BLOCKED, Status.BLOCKED]
        assert (await fetch(store, job_id(3))).blocked == "b"

    async def test_a_job_held_back_blocks_nobody_behind_it(self, store: Backend) -> None:
        # Given jobs of a full bucket in front of others
        await insert(store, *many(3, limits=(ONE,)), make(4), limited(5, Limit(bucket="other", concurrency=1)))
        # When a worker claims
        jobs = await claim(store)
        # Then it gets all that may run, in order
        assert ids(jobs) == numbered(1, 4, 5)

    async def test_a_permit_that_comes_back_goes_to_the_first_in_line(self, store: Backend) -> None:
        # Given a full bucket with jobs held back, one of a higher priority
        await insert(store, limited(1, ONE), limited(2, ONE))
        (job,) = await claim(store)
        await insert(store, limited(3, ONE, priority=90))
        assert await claim(store) == []
        # When the run ends and a worker claims
        await settle(store, complete(job))
        jobs = await claim(store)
        # Then the higher priority goes first, and only one runs
        assert ids(jobs) == numbered(3)

    async def test_order_is_kept_among_those_held_back(self, store: Backend) -> None:
        # Given many jobs of a bucket for two
        await insert(store, *many(6, limits=(TWO,)))
        # When runs end one after another
        seen: list[str] = []
        running = await claim(store)
        while running:
            seen += ids(running)
            await settle(store, *map(complete, running))
            running = await claim(store)
        # Then all ran, in order
        assert seen == numbered(1, 2, 3, 4, 5, 6)

    async def test_a_retry_gives_its_permit_back(self, store: Backend) -> None:
        # Given a full bucket
        await insert(store, limited(1, ONE), limited(2, ONE))
        (job,) = await claim(store)
        await claim(store)
        # When the run fails and goes back for a while
        await settle(store, back(job, delay_ms=60_000))
        # Then the next one runs meanwhile
        assert ids(await claim(store)) == numbered(2)

    async def test_a_dead_holder_s_permit_comes_back_with_its_lease(self, store: Backend, clock: ManualClock) -> None:
        # Given a bucket whose holder falls silent
        await insert(store, limited(1, ONE), limited(2, ONE))
        await claim(store)
        assert await claim(store) == []
        # When its lease ends, and a reaper has taken the job over
        clock.advance(LEASE.ms / 1000)
        (taken,) = await store.reclaim(10, OTHER)
        still = await claim(store)
        await settle(store, back(taken, delay_ms=60_000))
        # Then the permit is free once the reaper has settled, and not before
        assert (still, ids(await claim(store))) == ([], numbered(2))

    async def test_a_stale_holder_releases_nothing(self, store: Backend, clock: ManualClock) -> None:
        # Given a job that was taken over from a silent worker and runs again
        await insert(store, limited(1, ONE), limited(2, ONE))
        (zombie,) = await claim(store)
        clock.advance(LEASE.ms / 1000)
        (taken,) = await store.reclaim(10, OTHER)
        await settle(store, back(taken))
        (again,) = await claim(store)
        # When the first worker settles late
        verdicts = await settle(store, complete(zombie))
        # Then the permit is still the newer run's
        assert (verdicts, again.id, await claim(store)) == ([Verdict.STALE], job_id(1), [])

    async def test_a_settle_repeated_after_a_lost_reply_releases_one_permit_once(self, store: Backend) -> None:
        # Given a bucket for two with one run ended and its place taken
        await insert(store, *many(4, limits=(TWO,)))
        first, _ = await claim(store)
        done = complete(first)
        await settle(store, done)
        await claim(store)
        # When the settle is sent again
        assert await settle(store, done) == [Verdict.APPLIED]
        # Then nobody else starts
        assert await claim(store) == []

    async def test_all_of_a_job_s_limits_must_let_it_start(self, store: Backend) -> None:
        # Given a job of two buckets, of which the second is full
        other = Limit(bucket="c", concurrency=1)
        await insert(store, limited(1, other), limited(2, ONE, other), limited(3, ONE))
        jobs = await claim(store)
        # Then it holds no permit of the first while it waits
        assert ids(jobs) == numbered(1, 3)

    async def test_the_end_of_a_wait_under_one_bucket_may_be_a_wait_under_another(self, store: Backend) -> None:
        # Given a job that waits for two full buckets
        other = Limit(bucket="c", concurrency=1)
        await insert(store, limited(1, ONE), limited(2, other), limited(3, ONE, other))
        one, two = await claim(store)
        assert await claim(store) == []
        # When they become free one after the other
        await settle(store, complete(one))
        between = await claim(store)
        await settle(store, complete(two))
        # Then it runs after the second
        assert (between, ids(await claim(store))) == ([], numbered(3))

    async def test_a_job_held_back_can_be_cancelled(self, store: Backend) -> None:
        # Given a job held back
        await insert(store, limited(1, ONE), limited(2, ONE), limited(3, ONE))
        (job,) = await claim(store)
        await claim(store)
        # When it is cancelled, and the permit comes back
        await store.cancel([job_id(2)])
        await settle(store, complete(job))
        # Then the next one runs
        assert (await fetch(store, job_id(2))).state is State.CANCELLED
        assert ids(await claim(store)) == numbered(3)

    async def test_cancelling_whom_a_permit_waits_for_lets_the_next_one_in(self, store: Backend) -> None:
        # Given a permit that came back, so that the first job held back may start
        await insert(store, limited(1, ONE), limited(2, ONE), limited(3, ONE))
        (job,) = await claim(store)
        await claim(store)
        await settle(store, complete(job))
        # When that one is cancelled before it starts
        await store.cancel([job_id(2)])
        # Then the one behind it is let in
        assert ids(await claim(store)) == numbered(3)

    async def test_a_job_held_back_can_be_amended(self, store: Backend) -> None:
        # Given jobs held back
        await insert(store, limited(1, ONE), limited(2, ONE), limited(3, ONE))
        (job,) = await claim(store)
        await claim(store)
        # When the later one gets a higher priority, and the permit comes back
        await store.amend([Change(id=job_id(3), priority=90)])
        await settle(store, complete(job))
        # Then it goes first
        assert ids(await claim(store)) == numbered(3)

    async def test_a_queue_that_nobody_serves_holds_up_no_other_of_the_bucket(self, store: Backend) -> None:
        # Given a bucket shared by two queues, with a job of the unserved one held back first
        await insert(store, limited(1, ONE), limited(2, ONE, queue="unserved"), limited(3, ONE))
        (job,) = await claim(store)
        await claim(store, "unserved")
        await claim(store)
        # When the permit comes back
        await settle(store, complete(job))
        # Then the served queue's job runs
        assert ids(await claim(store)) == numbered(3)

    async def test_zero_lets_nobody_start(self, store: Backend) -> None:
        await insert(store, limited(1, Limit(bucket="b", concurrency=0)))
        assert await claim(store) == []

    async def test_a_held_claim_hears_of_a_permit(self, live_store: Backend) -> None:
        # Given a full bucket and a worker that waits
        await insert(live_store, limited(1, ONE), limited(2, ONE))
        (job,) = await claim(live_store)
        await claim(live_store)
        waiting = held_claim(live_store)
        # When the permit comes back
        await settle(live_store, complete(job))
        # Then the worker gets the next job
        assert ids(await waiting) == numbered(2)

    async def test_one_that_makes_room_frees_another_that_the_same_call_names(self, store: Backend) -> None:
        # Given one that runs, one that is held back, and one with a key that nobody has come to yet
        await insert(store, *many(2, limits=(ONE,)))
        await claim(store)
        await insert(store, make(3, limits=(ONE,), key="k", queue="other"))
        # When the last is replaced in the call that also repeats the insert of the one held back
        await insert(store, make(2, limits=(ONE,)), make(4, key="k", replace=True))
        # Then that one is in its line again, and comes in its time
        assert (await fetch(store, job_id(2))).blocked is None
        assert await store.audit() == []


class TestRate:
    async def test_starts_come_at_the_rate(self, store: Backend, clock: ManualClock) -> None:
        # Given five jobs at ten a second
        await insert(store, *many(5, limits=(TEN_A_SECOND,)))
        # When a worker claims again and again over 300 ms
        counts = []
        for _ in range(7):
            counts.append(len(await claim(store)))
            clock.advance(0.05)
        # Then one starts each 100 ms
        assert counts == [1, 0, 1, 0, 1, 0, 1]

    async def test_a_burst_may_start_at_once_after_a_rest(self, store: Backend, clock: ManualClock) -> None:
        # Given jobs at ten a second with bursts of three
        await insert(store, *many(9, limits=(Limit(bucket="r", rate=10, burst=3),)))
        # When a worker claims, rests long, and claims again
        first = len(await claim(store))
        clock.advance(0.1)
        second = len(await claim(store))
        clock.advance(60)
        third = len(await claim(store))
        # Then a rest allows a burst and no more
        assert (first, second, third) == (3, 1, 3)

    async def test_the_end_of_a_run_gives_no_start_back(self, store: Backend) -> None:
        # Given a rate that is used up
        await insert(store, *many(2, limits=(TEN_A_SECOND,)))
        (job,) = await claim(store)
        # When the run ends at once
        await settle(store, complete(job))
        # Then the next waits for its time all the same
        assert await claim(store) == []

    async def test_those_held_back_keep_their_order(self, store: Backend, clock: ManualClock) -> None:
        await insert(store, *many(4, limits=(TEN_A_SECOND,)))
        seen: list[str] = []
        for _ in range(4):
            seen += ids(await claim(store))
            clock.advance(0.1)
        assert seen == numbered(1, 2, 3, 4)

    async def test_a_rate_and_a_number_at_once(self, store: Backend, clock: ManualClock) -> None:
        # Given jobs that may start ten a second and run one at a time
        await insert(store, *many(3, limits=(ONE, TEN_A_SECOND)))
        (job,) = await claim(store)
        clock.advance(1)
        # When the rate would allow more
        before = await claim(store)
        await settle(store, complete(job))
        # Then the other limit decides, until it is free
        assert (before, ids(await claim(store))) == ([], numbered(2))

    async def test_a_held_claim_wakes_when_the_rate_allows_a_start(self, live_store: Backend) -> None:
        # Given a rate that is used up and a worker that waits
        await insert(live_store, *many(2, limits=(Limit(bucket="r", rate=20),)))
        await claim(live_store)
        # When it is held longer than until the next start
        # Then it gets the job
        assert ids(await held_claim(live_store)) == numbered(2)


def held_claim(store: Backend) -> asyncio.Task[list[Job]]:
    """A claim that is held open for what comes."""

    async def hold() -> list[Job]:
        answer = await store.exchange([], want(hold_ms=20_000), Lease(worker="holder", ms=15_000))
        return answer.jobs

    return asyncio.ensure_future(hold())
