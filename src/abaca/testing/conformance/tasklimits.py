"""Limits of whole tasks: a record holds for every job of a task, whether or not it carries limits."""

from __future__ import annotations

from typing import Any

from abaca.backend import Backend
from abaca.clock import ManualClock
from abaca.model import BUCKET, QUEUE, Change, Limit, QueueSettings, Record, Status, task_bucket
from abaca.testing.conformance.hold import answer, holding
from abaca.testing.conformance.limits import statuses
from abaca.testing.conformance.making import (
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
    start,
    want,
)
from abaca.testing.conformance.queuecontrol import set_record

MAIL = task_bucket("mail")


async def limit_task(store: Backend, **fields: Any) -> None:
    await set_record(store, BUCKET, MAIL, Limit(bucket=MAIL, **fields))


class TestTaskLimits:
    async def test_it_holds_for_all_jobs_of_the_task_and_no_others(self, store: Backend) -> None:
        # Given a task of which two may run, in two queues
        await limit_task(store, concurrency=2)
        await insert(store, *many(2, 1, task="mail"), make(3), make(4, task="mail", queue="other"))
        # When all is claimed
        jobs = await claim(store, "default", "other")
        # Then two of them run, and the others go on
        assert ids(jobs) == numbered(1, 2, 3)
        assert (await fetch(store, job_id(4))).blocked == MAIL

    async def test_a_permit_goes_round(self, store: Backend) -> None:
        # Given a task of which one may run
        await limit_task(store, concurrency=1)
        await insert(store, *many(4, task="mail"))
        # When runs end
        order: list[str] = []
        while claimed := await claim(store):
            order += ids(claimed)
            assert len(claimed) == 1
            await settle(store, *map(complete, claimed))
        # Then all have run, in order
        assert order == numbered(1, 2, 3, 4)

    async def test_zero_pauses_the_task_and_jobs_wait_where_they_stood(self, store: Backend) -> None:
        # Given a task that is paused while jobs wait
        await insert(store, make(1, task="mail", priority=90), make(2), make(3, task="mail"))
        await limit_task(store, concurrency=0)
        first = await claim(store, slots=1)
        # When it goes on
        paused = await statuses(store, 1, 3)
        await limit_task(store, concurrency=None)
        # Then they are claimed in their order
        assert (ids(first), paused) == (numbered(2), [Status.BLOCKED, Status.QUEUED])
        assert ids(await claim(store)) == numbered(1, 3)

    async def test_what_runs_goes_on(self, store: Backend) -> None:
        # Given a running job whose task is paused
        job = await start(store, make(1, task="mail"))
        await limit_task(store, concurrency=0)
        # When it ends, then it has completed
        await settle(store, complete(job))
        assert (await fetch(store, job.id)).status is Status.COMPLETED

    async def test_deleting_the_record_ends_the_pause(self, store: Backend) -> None:
        # Given a paused task with a job held back, and a held claim
        await limit_task(store, concurrency=0)
        await insert(store, make(1, task="mail"))
        async with holding(store, want(slots=1, hold_ms=30_000)) as held:
            # When the record is deleted
            await store.put([Record(kind=BUCKET, id=MAIL, data=None, version=1)])
            # Then the job is claimed
            assert ids((await answer(held)).jobs) == numbered(1)

    async def test_a_rate_holds_for_the_task(self, store: Backend, clock: ManualClock) -> None:
        # Given a task of which one may start in a second
        await limit_task(store, rate=1, period_ms=1000)
        await insert(store, *many(3, task="mail"))
        # When it is claimed at once and a second later
        first = await claim(store)
        clock.advance(1)
        # Then one starts each time
        assert (ids(first), ids(await claim(store))) == (numbered(1), numbered(2))

    async def test_the_queue_is_judged_first_then_the_task_then_the_job(self, store: Backend) -> None:
        # Given a job whose queue, task and own bucket let nobody start
        none = Limit(bucket="own", concurrency=0)
        await limit_task(store, concurrency=0)
        await set_record(store, QUEUE, "default", QueueSettings(concurrency=0))
        await insert(store, make(1, task="mail", limits=(none,)))
        # When one after the other lets it
        blocked = []
        for _ in range(3):
            assert await claim(store) == []
            blocked.append((await fetch(store, job_id(1))).blocked)
            if len(blocked) == 1:
                await set_record(store, QUEUE, "default", QueueSettings())
            elif len(blocked) == 2:
                await limit_task(store, concurrency=1)
        # Then it was held back by each of them in this order
        assert blocked == ["queue:default", MAIL, "own"]

    async def test_a_permit_of_the_task_and_one_of_the_job_come_back_together(self, store: Backend) -> None:
        # Given a task of which one may run, and jobs with a limit of their own
        own = Limit(bucket="own", concurrency=1)
        await limit_task(store, concurrency=1)
        await insert(store, make(1, task="mail", limits=(own,)), make(2, task="mail"), make(3, limits=(own,)))
        (job,) = await claim(store)
        # When it ends
        await settle(store, complete(job))
        # Then both that waited for it run
        assert (job.id, ids(await claim(store))) == (job_id(1), numbered(2, 3))

    async def test_one_that_makes_room_lets_the_next_in(self, store: Backend) -> None:
        # Given a task of which one may run, one job that is free to start and one that was held back
        await limit_task(store, concurrency=1)
        await insert(store, *many(3, task="mail"))
        (job,) = await claim(store)
        await settle(store, complete(job))
        # When the one that is free is moved away
        await store.amend([Change(id=job_id(2), queue="other")])
        # Then the other is
        assert ids(await claim(store)) == numbered(3)

    async def test_a_record_that_cannot_be_read_says_nothing(self, store: Backend) -> None:
        # Given a record that is no limit
        await store.put([Record(kind=BUCKET, id=MAIL, data=b"{")])
        await insert(store, make(1, task="mail"))
        # When the task's job is claimed, then it runs
        assert ids(await claim(store)) == numbered(1)
