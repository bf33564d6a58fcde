"""Settles: the first of a run wins, repeats write nothing, the late are told so."""

from __future__ import annotations

from abaca.backend import MAX_BATCH, Backend
from abaca.clock import ManualClock
from abaca.model import ErrorInfo, Settle, State, Status, Transition, Verdict
from abaca.testing.conformance.making import (
    LEASE,
    SECOND,
    back,
    claim,
    claim_one,
    complete,
    fail,
    fetch,
    ids,
    insert,
    is_refused,
    job_id,
    make,
    many,
    numbered,
    settle,
    start,
    want,
)


def unknown() -> Settle:
    """A settle of a job that no store has seen."""
    return Settle(id=job_id(404), epoch=1, to=Transition(target=State.COMPLETED, attempts=1))


class TestSettle:
    async def test_a_completed_job_keeps_its_result(self, store: Backend, clock: ManualClock) -> None:
        # Given a running job
        job = await start(store, make(1))
        clock.advance(3)
        # When it completes
        verdicts = await settle(store, complete(job, result=b'{"x":1}'))
        # Then state, result, count of attempts and end are one record
        stored = await fetch(store, job.id)
        assert verdicts == [Verdict.APPLIED]
        assert (stored.state, stored.result, stored.attempts) == (State.COMPLETED, b'{"x":1}', 1)
        assert (stored.ended_at, stored.epoch, stored.revision) == (clock.now(), 1, job.revision + 1)
        assert (stored.lease_until, stored.worker) == (None, None)

    async def test_a_failed_job_keeps_its_error(self, store: Backend) -> None:
        # Given a running job
        job = await start(store, make(1))
        error = ErrorInfo(type="builtins.ValueError", message="no", attempt=1)
        # When it fails
        await settle(store, fail(job, error=error))
        # Then the error is on the record
        stored = await fetch(store, job.id)
        assert (stored.state, stored.error, stored.result) == (State.FAILED, error, None)

    async def test_the_store_copies_what_was_decided(self, store: Backend) -> None:
        # Given a running job
        job = await start(store, make(1))
        # When it goes back with counts and a memo of the policy's own
        await settle(store, back(job, attempts=7, losses=3, memo=b"\x00\xff memo"))
        # Then the next claim hands them back unchanged
        again = await claim_one(store)
        assert (again.attempts, again.losses, again.memo) == (7, 3, b"\x00\xff memo")

    async def test_a_delay_counts_from_the_settle(self, store: Backend, clock: ManualClock) -> None:
        # Given a job that has run for five seconds
        job = await start(store, make(1))
        clock.advance(5)
        # When it goes back for ten seconds
        await settle(store, back(job, delay_ms=10_000))
        # Then it is retrying, and due ten seconds from now
        stored = await fetch(store, job.id)
        assert (stored.due_at, stored.status) == (clock.now() + 10 * SECOND, Status.RETRYING)
        assert await claim(store) == []

    async def test_without_a_delay_the_place_in_line_stays(self, store: Backend, clock: ManualClock) -> None:
        # Given a job that was claimed first, and another that came later
        first = await start(store, make(5))
        clock.advance(1)
        await insert(store, make(1))
        # When the first is given back without a delay
        await settle(store, back(first, attempts=0))
        # Then it is still ahead
        assert ids(await claim(store)) == numbered(5, 1)

    async def test_settling_and_claiming_is_one_call(self, store: Backend) -> None:
        # Given a running job and a waiting one
        job = await start(store, make(1))
        await insert(store, make(2))
        # When the first is settled and a slot is asked for
        answer = await store.exchange([complete(job)], want(slots=1), LEASE)
        # Then both happen
        assert (answer.verdicts, ids(answer.jobs)) == ([Verdict.APPLIED], numbered(2))

    async def test_a_job_given_back_can_come_in_the_same_call(self, store: Backend) -> None:
        # Given a running job
        job = await start(store, make(1))
        # When it is given back in a call that also claims
        answer = await store.exchange([back(job)], want(slots=1), LEASE)
        # Then it comes at the next epoch
        assert [(job.id, job.epoch) for job in answer.jobs] == [(job_id(1), 2)]

    async def test_verdicts_come_in_order(self, store: Backend) -> None:
        # Given two running jobs
        one, two = await start(store, make(1)), await start(store, make(2))
        await store.cancel([two.id])
        # When good, unknown and refused settles are mixed
        done = [back(two), unknown(), complete(one)]
        # Then each has its verdict at its place
        assert await settle(store, *done) == [Verdict.CANCEL, Verdict.STALE, Verdict.APPLIED]

    async def test_a_thousand_settles_apply_at_once(self, store: Backend) -> None:
        # Given a thousand running jobs
        await store.insert(many(MAX_BATCH))
        jobs = await claim(store, slots=MAX_BATCH)
        # When all are settled in one call
        verdicts = await settle(store, *(complete(job) for job in jobs))
        # Then all apply
        assert verdicts == [Verdict.APPLIED] * MAX_BATCH
        assert (await store.stats()).totals["completed"] == MAX_BATCH

    async def test_a_larger_batch_is_refused_whole(self, store: Backend) -> None:
        # Given a running job
        job = await start(store, make(1))
        # When more settles than a batch may hold are sent
        refused = await is_refused(settle(store, *[complete(job)] * (MAX_BATCH + 1)))
        # Then it is an error and nothing was written
        assert refused
        assert (await fetch(store, job.id)).state is State.RUNNING


class TestStale:
    async def test_an_unknown_job_is_stale(self, store: Backend) -> None:
        # Given an empty store
        # When a job that it never saw is settled
        verdicts = await settle(store, unknown())
        # Then the settle is stale
        assert verdicts == [Verdict.STALE]

    async def test_a_waiting_job_is_not_settled(self, store: Backend) -> None:
        # Given a job that nobody claimed
        await insert(store, make(1))
        # When somebody settles it
        verdicts = await settle(store, complete(await fetch(store, job_id(1))))
        # Then it stays waiting
        assert verdicts == [Verdict.STALE]
        assert ids(await claim(store)) == numbered(1)

    async def test_an_epoch_of_the_future_is_stale(self, store: Backend) -> None:
        # Given a running job
        job = await start(store, make(1))
        # When the settle names an epoch that has not been
        settled = complete(job)
        verdicts = await settle(store, type(settled)(id=job.id, epoch=job.epoch + 1, to=settled.to))
        # Then it is stale
        assert verdicts == [Verdict.STALE]

    async def test_a_run_that_was_reclaimed_is_stale(self, store: Backend, clock: ManualClock) -> None:
        # Given a job whose lease ended and that somebody else holds now
        job = await start(store, make(1))
        clock.advance(20)
        (newer,) = await store.reclaim(10, LEASE)
        # When the first holder settles
        verdicts = await settle(store, complete(job, result=b'"old"'))
        # Then nothing is written, and the newer run is untouched
        assert verdicts == [Verdict.STALE]
        assert await fetch(store, job.id) == newer
        assert await settle(store, complete(newer, result=b'"new"')) == [Verdict.APPLIED]
        assert (await fetch(store, job.id)).result == b'"new"'

    async def test_a_lease_that_ended_unnoticed_still_settles(self, store: Backend, clock: ManualClock) -> None:
        # Given a job whose lease ended, but which nobody reclaimed
        job = await start(store, make(1))
        clock.advance(3600)
        # When its holder settles
        verdicts = await settle(store, complete(job))
        # Then it applies, because the epoch is the only judge
        assert verdicts == [Verdict.APPLIED]

    async def test_the_first_settle_of_a_run_wins(self, store: Backend) -> None:
        # Given a completed run
        job = await start(store, make(1))
        await settle(store, complete(job, result=b"1"))
        # When the same run is settled otherwise
        verdicts = await settle(store, complete(job, result=b"2"), fail(job))
        # Then both are stale and the first result stays
        assert verdicts == [Verdict.STALE, Verdict.STALE]
        assert (await fetch(store, job.id)).result == b"1"

    async def test_the_first_settle_wins_inside_one_batch(self, store: Backend) -> None:
        # Given a running job
        job = await start(store, make(1))
        # When one call settles it three times, twice the same way
        verdicts = await settle(store, complete(job), complete(job), fail(job))
        # Then it is settled once
        assert verdicts == [Verdict.APPLIED, Verdict.APPLIED, Verdict.STALE]
        assert (await store.stats()).totals == {"completed": 1, "failed": 0, "cancelled": 0}
