"""Repeated settles and follow-ups: an answer may be lost, the effect is there once."""

from __future__ import annotations

from abaca.backend import Backend
from abaca.clock import ManualClock
from abaca.model import Amended, Change, ErrorInfo, Inserted, Verdict
from abaca.testing.conformance.making import (
    LEASE,
    back,
    claim,
    claim_one,
    complete,
    fail,
    fetch,
    ids,
    insert,
    job_id,
    make,
    numbered,
    settle,
    start,
)


class TestRepeat:
    async def test_a_repeated_end_writes_nothing(self, store: Backend, clock: ManualClock) -> None:
        # Given a failed run whose answer was lost
        job = await start(store, make(1))
        done = fail(job, error=ErrorInfo(type="a.B", message="x"))
        await settle(store, done)
        before, log, stats = await fetch(store, job.id), await store.updates(job.id, 0, 100), await store.stats()
        # When the same settle is sent again
        verdicts = await settle(store, done, done)
        # Then it applied, and record, log and totals are as they were
        assert verdicts == [Verdict.APPLIED, Verdict.APPLIED]
        assert await fetch(store, job.id) == before
        assert await store.updates(job.id, 0, 100) == log
        assert (await store.stats()).totals == stats.totals

    async def test_a_repeated_return_does_not_move_the_due_time(self, store: Backend, clock: ManualClock) -> None:
        # Given a job that went back for ten seconds
        job = await start(store, make(1))
        done = back(job, delay_ms=10_000, error=ErrorInfo(type="a.B"))
        await settle(store, done)
        before = await fetch(store, job.id)
        clock.advance(4)
        # When the same settle is sent again
        verdicts = await settle(store, done)
        # Then the job is due when it was due, with one error in its log
        after = await fetch(store, job.id)
        assert verdicts == [Verdict.APPLIED]
        assert (after.due_at, after.revision) == (before.due_at, before.revision)
        assert len((await store.updates(job.id, 0, 100)).entries) == 1

    async def test_a_repeat_after_the_next_claim_leaves_the_new_run_alone(self, store: Backend) -> None:
        # Given a job that went back and runs again
        job = await start(store, make(1))
        done = back(job)
        await settle(store, done)
        again = await claim_one(store)
        # When the settle of the first run is repeated
        verdicts = await settle(store, done)
        # Then it had applied, and the second run goes on
        assert verdicts == [Verdict.APPLIED]
        assert await fetch(store, job.id) == again

    async def test_a_settle_older_than_the_last_is_stale(self, store: Backend) -> None:
        # Given a job that went back and then completed
        job = await start(store, make(1))
        first = back(job)
        await settle(store, first)
        await settle(store, complete(await claim_one(store)))
        # When the settle of the first run is repeated
        verdicts = await settle(store, first)
        # Then it is stale, because only the last settled run is remembered
        assert verdicts == [Verdict.STALE]


class TestFollowUps:
    async def test_follow_ups_go_in_with_the_settle(self, store: Backend) -> None:
        # Given a running job
        job = await start(store, make(1))
        # When it completes with two follow-ups
        await settle(store, complete(job, then=(make(2), make(3, queue="q", priority=80))))
        # Then both are waiting
        assert ids(await claim(store, "default", "q")) == numbered(2, 3)

    async def test_follow_ups_of_a_return_go_in_too(self, store: Backend) -> None:
        # Given a running job
        job = await start(store, make(1))
        # When it goes back with a follow-up
        await settle(store, back(job, delay_ms=60_000, then=(make(2),)))
        # Then the follow-up is waiting
        assert ids(await claim(store)) == numbered(2)

    async def test_a_stale_settle_inserts_nothing(self, store: Backend, clock: ManualClock) -> None:
        # Given a run that was reclaimed
        job = await start(store, make(1))
        clock.advance(20)
        await store.reclaim(10, LEASE)
        # When its settle names a follow-up
        await settle(store, complete(job, then=(make(2),)))
        # Then the follow-up was never stored
        assert await store.get([job_id(2)]) == [None]

    async def test_a_repeated_settle_inserts_once(self, store: Backend) -> None:
        # Given a completed job whose follow-up was deleted since
        job = await start(store, make(1))
        done = complete(job, then=(make(2),))
        await settle(store, done)
        assert await store.amend([Change(id=job_id(2), delete=True)]) == [Amended.APPLIED]
        # When the settle is repeated
        await settle(store, done)
        # Then the follow-up is not stored again
        assert await store.get([job_id(2)]) == [None]

    async def test_a_follow_up_may_take_the_key_that_its_parent_lets_go(self, store: Backend) -> None:
        # Given a running job with a key
        job = await start(store, make(1, key="k"))
        # When it completes with a follow-up of the same key
        await settle(store, complete(job, then=(make(2, key="k"),)))
        # Then the follow-up holds the key
        assert ids(await claim(store)) == numbered(2)
        assert await insert(store, make(3, key="k")) == [Inserted.HELD]
