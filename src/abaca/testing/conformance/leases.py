"""Leases: renewed by beats, ended by time, taken over by whoever reclaims."""

from __future__ import annotations

from abaca.backend import Backend
from abaca.clock import ManualClock
from abaca.model import Beat, Cancelled, Lease, Pulse, State, Verdict
from abaca.testing.conformance.making import (
    LEASE,
    OTHER,
    SECOND,
    claim,
    complete,
    fetch,
    finish,
    ids,
    insert,
    job_id,
    make,
    many,
    numbered,
    settle,
    start,
)


class TestReclaim:
    async def test_an_ended_lease_is_taken_over_at_the_next_epoch(self, store: Backend, clock: ManualClock) -> None:
        # Given a job whose lease has ended
        job = await start(store, make(1))
        clock.advance(15)
        # When another worker reclaims
        (taken,) = await store.reclaim(10, OTHER)
        # Then it runs at the next epoch under the new lease
        assert (taken.id, taken.epoch, taken.revision) == (job.id, job.epoch + 1, job.revision + 1)
        assert (taken.state, taken.worker) == (State.RUNNING, OTHER.worker)
        assert (taken.claimed_at, taken.lease_until) == (clock.now(), clock.now() + OTHER.ms * 1000)
        assert taken.started_at == job.started_at

    async def test_a_lease_that_goes_on_is_left_alone(self, store: Backend, clock: ManualClock) -> None:
        # Given a job whose lease ends in a microsecond
        await start(store, make(1))
        clock.advance(14.999999)
        # When another worker reclaims
        jobs = await store.reclaim(10, OTHER)
        # Then there is nothing to take
        assert jobs == []

    async def test_waiting_and_ended_jobs_are_not_reclaimed(self, store: Backend, clock: ManualClock) -> None:
        # Given a waiting and a completed job, both old
        await finish(store, make(1))
        await insert(store, make(2))
        clock.advance(3600)
        # When somebody reclaims
        jobs = await store.reclaim(10, LEASE)
        # Then there is nothing to take
        assert jobs == []

    async def test_jobs_of_every_queue_are_taken_longest_ended_first(self, store: Backend, clock: ManualClock) -> None:
        # Given running jobs of three queues and lanes, whose leases end in another order than they began
        await start(store, make(1, queue="a", priority=0), Lease(worker="w", ms=9000))
        await start(store, make(2, queue="b", lane="x"), Lease(worker="w", ms=1000))
        await start(store, make(3, queue="c", priority=100), Lease(worker="w", ms=5000))
        clock.advance(60)
        # When all are reclaimed
        jobs = await store.reclaim(10, LEASE)
        # Then the one that ended longest ago comes first
        assert ids(jobs) == numbered(2, 3, 1)

    async def test_no_more_than_the_limit_are_taken(self, store: Backend, clock: ManualClock) -> None:
        # Given five ended leases of one instant
        await store.insert(many(5))
        await claim(store)
        clock.advance(60)
        # When two are asked for, again and again
        batches = [ids(await store.reclaim(2, LEASE)) for _ in range(4)]
        # Then each comes once
        assert [len(batch) for batch in batches] == [2, 2, 1, 0]
        assert sorted(id for batch in batches for id in batch) == numbered(1, 2, 3, 4, 5)

    async def test_a_reclaimed_lease_ends_too(self, store: Backend, clock: ManualClock) -> None:
        # Given a job whose reclaimer fell silent as well
        await start(store, make(1))
        clock.advance(60)
        await store.reclaim(10, LEASE)
        clock.advance(60)
        # When somebody else reclaims
        (job,) = await store.reclaim(10, OTHER)
        # Then it is taken again, one epoch later
        assert (job.epoch, job.worker) == (3, OTHER.worker)

    async def test_the_cancel_flag_stays(self, store: Backend, clock: ManualClock) -> None:
        # Given a flagged job whose lease has ended
        job = await start(store, make(1))
        await store.cancel([job.id])
        clock.advance(60)
        # When it is reclaimed
        (taken,) = await store.reclaim(10, LEASE)
        # Then the reclaimer sees the flag
        assert taken.cancel


class TestLeaseLength:
    async def test_a_job_may_carry_its_own_length(self, store: Backend, clock: ManualClock) -> None:
        # Given a job with a lease of a minute
        job = await start(store, make(1, lease_ms=60_000))
        # When the worker's own length has passed
        clock.advance(20)
        early = await store.reclaim(10, OTHER)
        # Then the job's own length counts, and holds for the reclaimer too
        assert (job.lease_until, early) == (clock.now() + 40 * SECOND, [])
        clock.advance(40)
        (taken,) = await store.reclaim(10, OTHER)
        assert taken.lease_until == clock.now() + 60 * SECOND

    async def test_a_beat_renews_by_the_own_length(self, store: Backend, clock: ManualClock) -> None:
        # Given a job with a lease of a minute
        job = await start(store, make(1, lease_ms=60_000))
        clock.advance(30)
        # When its worker beats
        await store.beat(None, [Beat(id=job.id, epoch=job.epoch)], LEASE)
        # Then the minute starts anew
        assert (await fetch(store, job.id)).lease_until == clock.now() + 60 * SECOND

    async def test_a_clock_that_steps_back_strands_nothing(self, store: Backend, clock: ManualClock) -> None:
        # Given a lease that was given an hour ahead of the clock as it is now
        await start(store, make(1))
        clock.advance(-3600)
        assert await store.reclaim(10, OTHER) == []
        # When the length of the lease has passed since somebody looked
        clock.advance(15)
        jobs = await store.reclaim(10, OTHER)
        # Then it ends as any other
        assert ids(jobs) == numbered(1)

    async def test_the_cut_goes_by_the_own_length(self, store: Backend, clock: ManualClock) -> None:
        # Given a lease of a minute from a clock that was an hour ahead
        await start(store, make(1, lease_ms=60_000))
        clock.advance(-3600)
        await store.reclaim(10, OTHER)
        # When the worker's length has passed, and then the job's own
        clock.advance(15)
        early = await store.reclaim(10, OTHER)
        clock.advance(45)
        # Then only the job's own counts
        assert (early, ids(await store.reclaim(10, OTHER))) == ([], numbered(1))

    async def test_many_stranded_leases_are_all_cut(self, store: Backend, clock: ManualClock) -> None:
        # Given three hundred leases from a clock that was an hour ahead
        await store.insert(many(300))
        await claim(store, slots=300)
        clock.advance(-3600)
        await store.reclaim(10, OTHER)
        # When the length of a lease has passed
        clock.advance(15)
        jobs = await store.reclaim(300, OTHER)
        # Then all of them end
        assert len(jobs) == 300


class TestBeat:
    async def test_a_beat_renews_from_now(self, store: Backend, clock: ManualClock) -> None:
        # Given a running job ten seconds after its claim
        job = await start(store, make(1))
        clock.advance(10)
        # When its worker beats
        pulses = await store.beat(None, [Beat(id=job.id, epoch=job.epoch)], LEASE)
        # Then the lease ends its whole length from now, and the revision stays
        stored = await fetch(store, job.id)
        assert pulses == [Pulse(id=job.id, epoch=job.epoch, alive=True)]
        assert (stored.lease_until, stored.revision) == (clock.now() + LEASE.ms * 1000, job.revision)
        clock.advance(14)
        assert await store.reclaim(10, OTHER) == []

    async def test_a_late_beat_saves_a_lease_that_nobody_took(self, store: Backend, clock: ManualClock) -> None:
        # Given a lease that ended unnoticed
        job = await start(store, make(1))
        clock.advance(60)
        # When its worker beats after all
        (pulse,) = await store.beat(None, [Beat(id=job.id, epoch=job.epoch)], LEASE)
        # Then it holds the job again
        assert pulse.alive
        assert await store.reclaim(10, OTHER) == []

    async def test_a_beat_after_a_reclaim_is_not_alive(self, store: Backend, clock: ManualClock) -> None:
        # Given a job that somebody else reclaimed
        job = await start(store, make(1))
        clock.advance(60)
        (taken,) = await store.reclaim(10, OTHER)
        # When the first holder beats
        clock.advance(1)
        pulses = await store.beat(None, [Beat(id=job.id, epoch=job.epoch)], LEASE)
        # Then it is told, and the newer lease is not renewed
        assert pulses == [Pulse(id=job.id, epoch=job.epoch, alive=False)]
        assert (await fetch(store, job.id)).lease_until == taken.lease_until

    async def test_pulses_come_in_order_for_jobs_of_every_state(self, store: Backend) -> None:
        # Given a running, a flagged, a completed, a waiting and an unknown job
        running, flagged = await start(store, make(1)), await start(store, make(2))
        assert await store.cancel([flagged.id]) == [Cancelled.FLAGGED]
        ended = await finish(store, make(3))
        await insert(store, make(4))
        # When one call beats for all
        asked = [Beat(id=i, epoch=1) for i in (ended.id, flagged.id, job_id(4), running.id, job_id(404))]
        pulses = await store.beat(None, asked, LEASE)
        # Then each is answered at its place
        assert [pulse.id for pulse in pulses] == [beat.id for beat in asked]
        assert [pulse.alive for pulse in pulses] == [False, True, False, True, False]
        assert [pulse.cancel for pulse in pulses] == [False, True, False, False, False]

    async def test_a_run_that_beats_can_settle(self, store: Backend, clock: ManualClock) -> None:
        # Given a job that beat for a minute
        job = await start(store, make(1))
        for _ in range(12):
            clock.advance(5)
            await store.beat(None, [Beat(id=job.id, epoch=job.epoch)], LEASE)
            assert await store.reclaim(10, OTHER) == []
        # When it completes
        verdicts = await settle(store, complete(job))
        # Then it applies
        assert verdicts == [Verdict.APPLIED]
