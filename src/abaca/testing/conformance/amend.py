"""Amendments: of waiting and ended jobs, judged by the revision."""

from __future__ import annotations

import pytest

from abaca.backend import Backend
from abaca.clock import ManualClock
from abaca.model import Amended, Change, Requeued, Status
from abaca.testing.conformance.making import (
    SECOND,
    back,
    claim,
    complete,
    fetch,
    finish,
    ids,
    insert,
    job_id,
    make,
    numbered,
    settle,
    start,
)

FIELDS = {"queue": "q", "priority": 7, "lane": "l", "key": "k", "args": b"[1]", "owner": "o", "timeout_ms": 5}


class TestAmendWaiting:
    async def test_a_new_priority_moves_it_in_line(self, store: Backend) -> None:
        # Given two jobs
        await insert(store, make(1), make(2))
        # When the second is raised
        answers = await store.amend([Change(id=job_id(2), priority=90)])
        # Then it comes first, and its record says why
        assert answers == [Amended.APPLIED]
        jobs = await claim(store)
        assert [(job.id, job.spec.priority) for job in jobs] == [(job_id(2), 90), (job_id(1), 50)]

    async def test_a_new_queue_moves_it_there(self, store: Backend) -> None:
        # Given a job
        await insert(store, make(1))
        # When it goes to another queue
        await store.amend([Change(id=job_id(1), queue="other")])
        # Then the old queue is empty
        assert await claim(store) == []
        assert [job.spec.queue for job in await claim(store, "other")] == ["other"]

    async def test_a_new_time_moves_it_there(self, store: Backend, clock: ManualClock) -> None:
        # Given a job that is due
        await insert(store, make(1))
        # When it is put off to an instant
        at = clock.now() + 30 * SECOND
        await store.amend([Change(id=job_id(1), run_at=at)])
        # Then it comes at that instant
        job = await fetch(store, job_id(1))
        assert (job.due_at, job.status, await claim(store)) == (at, Status.SCHEDULED, [])
        clock.advance(30)
        assert ids(await claim(store)) == numbered(1)

    async def test_a_delay_counts_from_the_amendment(self, store: Backend, clock: ManualClock) -> None:
        # Given a job that is due in an hour
        await insert(store, make(1, delay_ms=3_600_000))
        clock.advance(10)
        # When it is due now
        await store.amend([Change(id=job_id(1), delay_ms=0)])
        # Then it comes at once
        assert (await fetch(store, job_id(1))).due_at == clock.now()
        assert ids(await claim(store)) == numbered(1)

    async def test_tags_and_arguments_are_replaced(self, store: Backend) -> None:
        # Given a job with tags and arguments
        await insert(store, make(1, tags=("a", "b"), args=b"[1]"))
        # When both are given anew
        await store.amend([Change(id=job_id(1), tags=("c",), args=b"[2]")])
        # Then the run sees the new ones
        (job,) = await claim(store)
        assert (job.spec.tags, job.spec.args) == (("c",), b"[2]")

    async def test_what_is_not_named_stays(self, store: Backend) -> None:
        # Given a job with everything set
        new = make(1, tags=("t",), **FIELDS)
        await insert(store, new)
        before = await fetch(store, new.id)
        # When only its tags go
        await store.amend([Change(id=new.id, tags=())])
        # Then all else is as it was, one revision later
        after = await fetch(store, new.id)
        assert after.revision == before.revision + 1
        assert (after.spec, after.due_at) == (make(1, **FIELDS), before.due_at)

    async def test_several_fields_change_at_once(self, store: Backend, clock: ManualClock) -> None:
        # Given a job
        await insert(store, make(1))
        # When queue, priority and time change together
        at = clock.now() - SECOND
        await store.amend([Change(id=job_id(1), queue="q", priority=1, run_at=at)])
        # Then all of them hold
        (job,) = await claim(store, "q")
        assert (job.spec.queue, job.spec.priority, job.due_at) == ("q", 1, at)

    async def test_a_job_that_went_back_can_be_amended(self, store: Backend) -> None:
        # Given a job that waits for its second attempt
        job = await start(store, make(1))
        await settle(store, back(job, delay_ms=60_000))
        # When it is due now
        answers = await store.amend([Change(id=job.id, delay_ms=0)])
        # Then it comes, with its attempt counted
        assert answers == [Amended.APPLIED]
        assert [job.attempts for job in await claim(store)] == [1]

    async def test_a_deleted_job_is_gone_without_a_trace(self, store: Backend) -> None:
        # Given a waiting job
        await insert(store, make(1))
        # When it is deleted
        answers = await store.amend([Change(id=job_id(1), delete=True)])
        # Then it is unknown, nobody claims it, and its id may come again
        assert (answers, await store.get([job_id(1)]), await claim(store)) == ([Amended.APPLIED], [None], [])
        await insert(store, make(1))
        assert ids(await claim(store)) == numbered(1)


class TestAmendEnded:
    async def test_tags_of_an_ended_job_change(self, store: Backend) -> None:
        # Given a completed job
        job = await finish(store, make(1))
        # When it gets a tag
        answers = await store.amend([Change(id=job.id, tags=("seen",))])
        # Then it has it, and its end is untouched
        stored = await fetch(store, job.id)
        assert answers == [Amended.APPLIED]
        assert (stored.spec.tags, stored.state, stored.result) == (("seen",), job.state, job.result)
        assert await claim(store) == []

    async def test_a_result_can_be_dropped(self, store: Backend) -> None:
        # Given a completed job with a result
        job = await finish(store, make(1), result=b'"secret"')
        # When the result is dropped
        answers = await store.amend([Change(id=job.id, drop_result=True)])
        # Then the end is left without it
        stored = await fetch(store, job.id)
        assert answers == [Amended.APPLIED]
        assert (stored.state, stored.result, stored.ended_at) == (job.state, None, job.ended_at)

    async def test_other_fields_of_an_ended_job_are_stale(self, store: Backend, clock: ManualClock) -> None:
        # Given a completed job
        job = await finish(store, make(1))
        # When each field that only matters before a run is amended
        changes = [
            Change(id=job.id, run_at=clock.now()),
            Change(id=job.id, delay_ms=0),
            Change(id=job.id, priority=1),
            Change(id=job.id, queue="q"),
        ]
        # Then none applies
        assert await store.amend(changes) == [Amended.STALE] * 4
        assert await fetch(store, job.id) == job

    @pytest.mark.parametrize("args", [b"[2]", b"[" + b"2," * 3000 + b"2]"])
    async def test_an_ended_job_that_is_requeued_runs_with_its_amended_arguments(
        self, store: Backend, args: bytes
    ) -> None:
        # Given an ended job
        job = await finish(store, make(1, args=b"[1]"))
        # When its arguments are amended
        answers = await store.amend([Change(id=job.id, revision=job.revision, args=args)])
        # Then its end is left as it was
        stored = await fetch(store, job.id)
        assert answers == [Amended.APPLIED]
        assert (stored.state, stored.result, stored.ended_at) == (job.state, job.result, job.ended_at)
        # And after a requeue the next run gets them
        assert await store.requeue([(job.id, job.epoch)]) == [Requeued.REQUEUED]
        assert (await claim(store))[0].spec.args == args

    async def test_an_ended_job_can_be_deleted(self, store: Backend) -> None:
        # Given a completed job
        job = await finish(store, make(1))
        # When it is deleted
        answers = await store.amend([Change(id=job.id, delete=True)])
        # Then there is no tombstone
        assert (answers, await store.get([job.id]), await store.purge(10)) == ([Amended.APPLIED], [None], 0)
        assert (await store.updates(job.id, 0, 10)).job is None


class TestAmendJudged:
    async def test_a_running_job_is_busy(self, store: Backend) -> None:
        # Given a running job
        job = await start(store, make(1))
        # When it is amended and deleted
        answers = await store.amend([Change(id=job.id, priority=1), Change(id=job.id, delete=True)])
        # Then nothing changes and it can still be settled
        assert answers == [Amended.BUSY, Amended.BUSY]
        assert await fetch(store, job.id) == job
        await settle(store, complete(job))

    async def test_another_revision_is_stale(self, store: Backend) -> None:
        # Given a job that somebody amended since it was read
        await insert(store, make(1))
        seen = (await fetch(store, job_id(1))).revision
        await store.amend([Change(id=job_id(1), priority=60, revision=seen)])
        # When a second amendment names the revision that was read
        answers = await store.amend([Change(id=job_id(1), priority=70, revision=seen)])
        # Then the first stands
        assert answers == [Amended.STALE]
        assert (await fetch(store, job_id(1))).spec.priority == 60

    async def test_an_unknown_job_is_unknown(self, store: Backend) -> None:
        # Given an empty store
        # When a job that it never saw is amended
        answers = await store.amend([Change(id=job_id(404), priority=1)])
        # Then it is unknown
        assert answers == [Amended.UNKNOWN]

    async def test_answers_come_in_order(self, store: Backend) -> None:
        # Given a running and a waiting job
        await start(store, make(2))
        await insert(store, make(1))
        seen = (await fetch(store, job_id(1))).revision
        # When one call amends them among others, one of them twice
        answers = await store.amend(
            [
                Change(id=job_id(404), priority=1),
                Change(id=job_id(1), priority=60, revision=seen),
                Change(id=job_id(2), priority=1),
                Change(id=job_id(1), priority=70, revision=seen),
            ]
        )
        # Then each has its answer at its place
        assert answers == [Amended.UNKNOWN, Amended.APPLIED, Amended.BUSY, Amended.STALE]
