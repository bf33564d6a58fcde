"""Which jobs a claim takes, and in which order."""

from __future__ import annotations

import random

from abaca.backend import MAX_BATCH, Backend
from abaca.clock import ManualClock
from abaca.model import State
from abaca.testing.conformance.making import (
    LEASE,
    OTHER,
    SECOND,
    back,
    claim,
    claim_one,
    complete,
    fetch,
    ids,
    insert,
    job_id,
    make,
    many,
    numbered,
    settle,
    start,
    want,
)


class TestClaim:
    async def test_a_claimed_job_is_running_under_the_lease(self, store: Backend, clock: ManualClock) -> None:
        # Given a waiting job
        await insert(store, make(1))
        waiting = await fetch(store, job_id(1))
        # When it is claimed
        job = await claim_one(store)
        # Then it runs at the next epoch and revision, held by the claimer until the lease ends
        assert (job.state, job.epoch, job.worker) == (State.RUNNING, 1, LEASE.worker)
        assert job.revision == waiting.revision + 1
        assert job.lease_until == clock.now() + LEASE.ms * 1000
        assert (job.started_at, job.claimed_at, job.attempt) == (clock.now(), clock.now(), 1)
        assert await fetch(store, job.id) == job

    async def test_no_job_is_claimed_twice(self, store: Backend) -> None:
        # Given one waiting job
        await insert(store, make(1))
        # When two workers claim
        first, second = await claim(store), await claim(store, lease=OTHER)
        # Then only one gets it
        assert (ids(first), second) == (numbered(1), [])

    async def test_the_epoch_rises_with_every_claim_and_the_first_start_stays(
        self, store: Backend, clock: ManualClock
    ) -> None:
        # Given a job that ran once and went back
        first = await start(store, make(1))
        await settle(store, back(first))
        clock.advance(7)
        # When it is claimed again
        second = await claim_one(store)
        # Then the epoch is one higher, and only the latest claim has a new time
        assert (first.epoch, second.epoch) == (1, 2)
        assert (second.started_at, second.claimed_at) == (first.started_at, clock.now())

    async def test_a_claim_takes_no_more_than_its_slots(self, store: Backend) -> None:
        # Given five jobs
        await store.insert(many(5))
        # When three are wanted
        jobs = await claim(store, slots=3)
        # Then three come, and the rest stays
        assert ids(jobs) == numbered(1, 2, 3)
        assert ids(await claim(store)) == numbered(4, 5)

    async def test_without_slots_nothing_is_claimed(self, store: Backend) -> None:
        # Given a waiting job
        await insert(store, make(1))
        # When a worker has no free slot
        jobs = await claim(store, slots=0)
        # Then it stays
        assert jobs == []

    async def test_an_unknown_queue_is_empty(self, store: Backend) -> None:
        # Given a job in another queue
        await insert(store, make(1))
        # When a queue that nobody ever used is asked
        jobs = await claim(store, "nowhere")
        # Then there is nothing
        assert jobs == []


class TestOrder:
    async def test_higher_priority_first(self, store: Backend) -> None:
        # Given jobs that came in the wrong order
        await insert(store, make(1, priority=10), make(2, priority=100), make(3, priority=50), make(4, priority=99))
        # When they are claimed
        jobs = await claim(store)
        # Then the highest priority comes first
        assert ids(jobs) == numbered(2, 4, 3, 1)

    async def test_priority_zero_is_last(self, store: Backend) -> None:
        # Given priorities at and near the lower end
        await insert(store, make(1, priority=0), make(2, priority=5), make(3, priority=1), make(4, priority=100))
        # When they are claimed one by one
        order = [(await claim_one(store)).id for _ in range(4)]
        # Then zero is the last
        assert order == numbered(4, 2, 3, 1)

    async def test_due_time_decides_inside_a_priority(self, store: Backend, clock: ManualClock) -> None:
        # Given jobs whose due times run against their ids
        await insert(store, make(1, delay_ms=3000), make(2, delay_ms=2000), make(3, delay_ms=1000))
        clock.advance(5)
        # When all are due
        jobs = await claim(store)
        # Then the one due longest comes first
        assert ids(jobs) == numbered(3, 2, 1)

    async def test_a_microsecond_decides(self, store: Backend, clock: ManualClock) -> None:
        # Given two due times one microsecond apart
        at = clock.now() - SECOND
        await insert(store, make(1, run_at=at + 1), make(2, run_at=at))
        # When they are claimed
        jobs = await claim(store)
        # Then the earlier one comes first
        assert ids(jobs) == numbered(2, 1)

    async def test_ids_break_ties(self, store: Backend) -> None:
        # Given jobs of one instant, inserted in no order
        await insert(store, *(make(number) for number in (3, 1, 5, 2, 4)))
        # When they are claimed
        jobs = await claim(store)
        # Then they come by id
        assert ids(jobs) == numbered(1, 2, 3, 4, 5)

    async def test_a_job_is_not_claimed_before_it_is_due(self, store: Backend, clock: ManualClock) -> None:
        # Given a job that is due in ten seconds
        await insert(store, make(1, delay_ms=10_000))
        clock.advance(9.999999)
        early = await claim(store)
        # When the last microsecond has passed
        clock.advance(0.000001)
        # Then it is claimed, and not earlier
        assert (early, ids(await claim(store))) == ([], numbered(1))

    async def test_a_later_job_of_higher_priority_does_not_hold_up_the_due(self, store: Backend) -> None:
        # Given a high job that is not due, and a low one that is
        await insert(store, make(1, priority=100, delay_ms=60_000), make(2, priority=0))
        # When jobs are claimed
        jobs = await claim(store)
        # Then the low one comes
        assert ids(jobs) == numbered(2)

    async def test_first_in_first_out_over_ten_thousand_jobs(self, store: Backend, clock: ManualClock) -> None:
        # Given ten thousand jobs of one priority, inserted as time goes by
        jobs = many(10_000)
        for first in range(0, len(jobs), MAX_BATCH):
            await store.insert(jobs[first : first + MAX_BATCH])
            clock.advance(0.001)
        # When they are claimed and completed in batches of uneven size
        order: list[str] = []
        held = await claim(store, slots=997)
        while held:
            order += ids(held)
            answer = await store.exchange([complete(job) for job in held], want(slots=997), LEASE)
            held = answer.jobs
        # Then they came out as they went in
        assert order == [job.id for job in jobs]

    async def test_the_whole_rule_over_mixed_jobs(self, store: Backend, clock: ManualClock) -> None:
        # Given jobs of many priorities and due times, shuffled
        rng = random.Random(7)
        jobs = [make(n, priority=rng.choice((0, 1, 50, 100)), delay_ms=rng.randrange(0, 5)) for n in range(1, 301)]
        rng.shuffle(jobs)
        await store.insert(jobs)
        clock.advance(1)
        # When all are claimed
        order = ids(await claim(store, slots=400))
        # Then priority, due time and id decided, in this order
        assert order == [job.id for job in sorted(jobs, key=lambda job: (-job.priority, job.delay_ms, job.id))]
