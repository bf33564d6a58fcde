"""What people do to jobs: cancel and requeue."""

from __future__ import annotations

from abaca.backend import Backend
from abaca.clock import ManualClock
from abaca.model import (
    DAY_MS,
    Cancelled,
    ErrorInfo,
    Inserted,
    Keep,
    Kind,
    Requeued,
    State,
    Verdict,
)
from abaca.testing.conformance.making import (
    back,
    claim,
    claim_one,
    complete,
    fail,
    fetch,
    finish,
    ids,
    insert,
    job_id,
    make,
    move,
    numbered,
    settle,
    start,
)


class TestCancel:
    async def test_a_waiting_job_ends_at_once(self, store: Backend, clock: ManualClock) -> None:
        # Given a waiting job
        await insert(store, make(1))
        # When it is cancelled
        answers = await store.cancel([job_id(1)])
        # Then it has ended, uncharged and never run
        job = await fetch(store, job_id(1))
        assert answers == [Cancelled.ENDED]
        assert (job.state, job.ended_at, job.attempts, job.epoch) == (State.CANCELLED, clock.now(), 0, 0)
        assert await claim(store) == []

    async def test_a_job_that_is_due_later_ends_at_once(self, store: Backend, clock: ManualClock) -> None:
        # Given a job that is due in an hour
        await insert(store, make(1, delay_ms=3_600_000))
        # When it is cancelled
        await store.cancel([job_id(1)])
        # Then it does not come when the hour is over
        clock.advance(4000)
        assert await claim(store) == []

    async def test_a_running_job_is_flagged(self, store: Backend) -> None:
        # Given a running job
        job = await start(store, make(1))
        # When it is cancelled, twice
        answers = [await store.cancel([job.id]), await store.cancel([job.id])]
        # Then it runs on with its flag
        stored = await fetch(store, job.id)
        assert answers == [[Cancelled.FLAGGED], [Cancelled.FLAGGED]]
        assert (stored.state, stored.cancel, stored.epoch) == (State.RUNNING, True, job.epoch)

    async def test_ended_jobs_are_untouched(self, store: Backend) -> None:
        # Given a completed, a failed and a cancelled job
        await finish(store, make(1))
        await settle(store, fail(await start(store, make(2))))
        await insert(store, make(3))
        await store.cancel([job_id(3)])
        before = await store.get(numbered(1, 2, 3))
        # When they are cancelled
        answers = await store.cancel(numbered(1, 2, 3))
        # Then nothing changes
        assert answers == [Cancelled.ALREADY] * 3
        assert await store.get(numbered(1, 2, 3)) == before

    async def test_answers_come_in_order(self, store: Backend) -> None:
        # Given a running and a waiting job
        await start(store, make(2))
        await insert(store, make(1))
        # When they are cancelled among an unknown and a repeated id
        answers = await store.cancel(numbered(404, 1, 2, 1))
        # Then each has its answer at its place
        assert answers == [Cancelled.UNKNOWN, Cancelled.ENDED, Cancelled.FLAGGED, Cancelled.ALREADY]

    async def test_a_flagged_job_does_not_go_back(self, store: Backend) -> None:
        # Given a running job with a cancel flag
        job = await start(store, make(1))
        await store.cancel([job.id])
        before = await fetch(store, job.id)
        # When it is to go back to the line
        verdicts = await settle(store, back(job, then=(make(2),)))
        # Then the store refuses, writes nothing, and takes the end that is decided next
        assert verdicts == [Verdict.CANCEL]
        assert await store.get(numbered(1, 2)) == [before, None]
        assert await settle(store, move(job, State.CANCELLED, keep_ms=1000)) == [Verdict.APPLIED]

    async def test_a_flagged_job_may_complete(self, store: Backend) -> None:
        # Given a running job with a cancel flag
        job = await start(store, make(1))
        await store.cancel([job.id])
        # When it completes before it hears of it
        verdicts = await settle(store, complete(job))
        # Then it is completed
        assert verdicts == [Verdict.APPLIED]
        assert (await fetch(store, job.id)).state is State.COMPLETED

    async def test_a_cancelled_job_is_kept_for_a_day(self, store: Backend, clock: ManualClock) -> None:
        # Given a cancelled job without a keep of its own
        await insert(store, make(1))
        await store.cancel([job_id(1)])
        # When the default has almost passed, and then passed
        clock.advance(DAY_MS / 1000 - 1)
        early = await store.purge(10)
        clock.advance(1)
        # Then it goes, and not earlier
        assert (early, await store.purge(10)) == (0, 1)

    async def test_a_cancelled_job_is_kept_as_it_asks(self, store: Backend, clock: ManualClock) -> None:
        # Given a cancelled job with a keep of its own
        await insert(store, make(1, keep=Keep(cancelled_ms=5000)))
        await store.cancel([job_id(1)])
        # When five seconds have passed
        clock.advance(4)
        early = await store.purge(10)
        clock.advance(1)
        # Then it goes, and not earlier
        assert (early, await store.purge(10)) == (0, 1)


class TestRequeue:
    async def test_a_failed_job_starts_afresh(self, store: Backend, clock: ManualClock) -> None:
        # Given a failed job with attempts, losses and an error
        job = await start(store, make(1))
        failed = fail(job, attempts=4, losses=2, memo=b"m", error=ErrorInfo(type="a.B"))
        await settle(store, failed)
        revision = (await fetch(store, job.id)).revision
        clock.advance(10)
        # When it is requeued
        answers = await store.requeue([(job.id, job.epoch)])
        # Then it waits, due now, with nothing charged and nothing left of its end
        stored = await fetch(store, job.id)
        assert answers == [Requeued.REQUEUED]
        assert (stored.state, stored.due_at, stored.epoch) == (State.WAITING, clock.now(), job.epoch)
        assert (stored.attempts, stored.losses, stored.memo) == (0, 0, b"")
        assert (stored.result, stored.error, stored.ended_at) == (None, None, None)
        assert stored.revision == revision + 1

    async def test_a_requeued_job_runs_at_the_next_epoch(self, store: Backend) -> None:
        # Given a completed job that was requeued
        job = await finish(store, make(1))
        await store.requeue([(job.id, job.epoch)])
        # When it is claimed
        again = await claim_one(store)
        # Then it is the same job at the next epoch
        assert (again.id, again.epoch, again.spec) == (job.id, job.epoch + 1, job.spec)

    async def test_a_cancelled_job_comes_back_without_its_flag(self, store: Backend) -> None:
        # Given a job that was flagged and then ended as cancelled
        job = await start(store, make(1))
        await store.cancel([job.id])
        await settle(store, move(job, State.CANCELLED))
        # When it is requeued and claimed
        await store.requeue([(job.id, job.epoch)])
        again = await claim_one(store)
        # Then nothing tells it to stop
        assert not again.cancel

    async def test_a_job_cancelled_before_it_ran_comes_back(self, store: Backend) -> None:
        # Given a job that was cancelled while it waited
        await insert(store, make(1))
        await store.cancel([job_id(1)])
        # When it is requeued at the epoch at which it ended
        answers = await store.requeue([(job_id(1), 0)])
        # Then it runs
        assert answers == [Requeued.REQUEUED]
        assert ids(await claim(store)) == numbered(1)

    async def test_the_log_tells_of_it(self, store: Backend) -> None:
        # Given a failed job
        job = await start(store, make(1))
        await settle(store, fail(job, error=ErrorInfo(type="a.B")))
        # When it is requeued
        await store.requeue([(job.id, job.epoch)])
        # Then its old end and the act are entries after the error
        history = await store.updates(job.id, 0, 100)
        entries = [(entry.id, entry.kind, entry.value) for entry in history.entries[1:]]
        assert entries == [(4, Kind.STATUS, "failed"), (5, Kind.STATUS, "requeued")]

    async def test_the_same_call_again_writes_nothing(self, store: Backend, clock: ManualClock) -> None:
        # Given a requeued job
        job = await finish(store, make(1))
        await store.requeue([(job.id, job.epoch)])
        before, log = await fetch(store, job.id), await store.updates(job.id, 0, 100)
        # When the answer was lost and the call is repeated
        answers = await store.requeue([(job.id, job.epoch)])
        # Then it is requeued, and nothing was written twice
        assert answers == [Requeued.REQUEUED]
        assert await fetch(store, job.id) == before
        assert await store.updates(job.id, 0, 100) == log

    async def test_another_epoch_or_a_live_job_is_stale(self, store: Backend) -> None:
        # Given a completed job and a running one
        ended, running = await finish(store, make(1)), await start(store, make(2))
        # When they are requeued at an epoch at which they did not end
        answers = await store.requeue([(ended.id, ended.epoch + 1), (running.id, running.epoch), (ended.id, 0)])
        # Then nothing changes
        assert answers == [Requeued.STALE] * 3
        assert await store.get([ended.id, running.id]) == [ended, running]

    async def test_an_unknown_job_is_unknown(self, store: Backend) -> None:
        # Given an empty store
        # When a job that it never saw is requeued
        answers = await store.requeue([(job_id(404), 1)])
        # Then it is unknown
        assert answers == [Requeued.UNKNOWN]

    async def test_a_key_is_taken_again(self, store: Backend) -> None:
        # Given a completed job with a key
        job = await finish(store, make(1, key="k"))
        # When it is requeued
        await store.requeue([(job.id, job.epoch)])
        # Then it holds the key again
        assert await insert(store, make(2, key="k")) == [Inserted.HELD]

    async def test_a_key_that_another_job_took_is_held(self, store: Backend) -> None:
        # Given a completed job whose key another live job has now
        job = await finish(store, make(1, key="k"))
        await insert(store, make(2, key="k"))
        # When it is requeued
        answers = await store.requeue([(job.id, job.epoch)])
        # Then it stays ended
        assert answers == [Requeued.HELD]
        assert await fetch(store, job.id) == job

    async def test_totals_count_ends_and_not_jobs(self, store: Backend) -> None:
        # Given a job that ended twice
        job = await finish(store, make(1))
        await store.requeue([(job.id, job.epoch)])
        await settle(store, fail(await claim_one(store)))
        # When the totals are read
        stats = await store.stats()
        # Then both ends are in them
        assert stats.totals == {"completed": 1, "failed": 1, "cancelled": 0}
