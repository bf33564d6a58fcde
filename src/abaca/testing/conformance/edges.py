"""Edges: a job waits for the end of its parents, and counts those that ended otherwise than it asks for."""

from __future__ import annotations

import pytest

from abaca.backend import MAX_PARENTS, UNKNOWN_PARENT, Backend
from abaca.clock import ManualClock
from abaca.model import (
    CURSOR,
    QUEUE,
    After,
    Cancelled,
    Change,
    Inserted,
    Job,
    NewJob,
    Query,
    QueueSettings,
    Record,
    State,
    Status,
    Tick,
    When,
)
from abaca.testing.conformance.hold import answer, holding
from abaca.testing.conformance.making import (
    OTHER,
    back,
    claim,
    complete,
    fail,
    fetch,
    finish,
    ids,
    insert,
    is_refused,
    job_id,
    make,
    many,
    move,
    numbered,
    settle,
    start,
    want,
)
from abaca.testing.conformance.queuecontrol import set_record


def after(*numbers: int, when: When = When.COMPLETED) -> tuple[After, ...]:
    return (After(ids=tuple(numbered(*numbers)), when=when),)


def child(number: int, *parents: int, when: When = When.COMPLETED, **fields: object) -> NewJob:
    return make(number, after=after(*parents, when=when), **fields)


async def counts(store: Backend, number: int) -> tuple[int, int]:
    """The open and the unmet parents of a job."""
    job = await fetch(store, job_id(number))
    return job.open_parents, job.unmet


async def unmet_of_claimed(store: Backend) -> dict[str, int]:
    """Claim what there is; how many parents of each ended otherwise than it asks for, in the order of the claim."""
    return {job.id: job.unmet for job in await claim(store)}


async def end(store: Backend, number: int, state: State = State.COMPLETED) -> Job:
    """Claim and end one job of the default queue, the next one there."""
    (job,) = await claim(store, slots=1)
    assert job.id == job_id(number)
    await settle(store, move(job, state, keep_ms=3_600_000))
    return job


class TestParents:
    async def test_a_job_with_an_open_parent_is_blocked(self, store: Backend) -> None:
        # Given a running and a waiting parent
        await start(store, make(1))
        await insert(store, make(2, queue="other"))
        # When a job comes that waits for both
        outcomes = await insert(store, child(3, 1, 2))
        # Then it is stored and blocked, and nobody can claim it
        job = await fetch(store, job_id(3))
        assert (outcomes, job.state, job.status) == ([Inserted.INSERTED], State.WAITING, Status.BLOCKED)
        assert (job.open_parents, job.unmet, job.blocked) == (2, 0, None)
        assert await claim(store) == []

    async def test_it_goes_when_the_last_parent_ends(self, store: Backend) -> None:
        # Given a job that waits for two
        first, second = await start(store, make(1)), await start(store, make(2))
        await insert(store, child(3, 1, 2))
        # When one ends, and then the other
        await settle(store, complete(second))
        between = (await counts(store, 3), await claim(store))
        await settle(store, complete(first))
        # Then it is claimable after the last of them, with its edges
        (job,) = await claim(store)
        assert between == ((1, 0), [])
        assert (job.id, job.open_parents, job.unmet, job.spec.after) == (job_id(3), 0, 0, after(1, 2))

    async def test_it_is_blocked_by_parents_of_its_own_batch(self, store: Backend) -> None:
        # Given a chain that is inserted in one call
        outcomes = await insert(store, make(1), child(2, 1), child(3, 2))
        # When each job runs in turn
        order = []
        while claimed := await claim(store):
            order += ids(claimed)
            await settle(store, *map(complete, claimed))
        # Then they ran one after the other
        assert (outcomes, order) == ([Inserted.INSERTED] * 3, numbered(1, 2, 3))

    async def test_a_chain_moves_on_in_one_exchange(self, store: Backend) -> None:
        # Given a running parent
        job = await start(store, make(1))
        await insert(store, child(2, 1))
        # When a worker settles it and claims in one call
        answered = await store.exchange([complete(job)], want(), OTHER)
        # Then it gets the child
        assert ids(answered.jobs) == numbered(2)

    async def test_a_held_claim_is_answered_with_the_child(self, store: Backend) -> None:
        # Given a job that waits for a running one, and a held claim
        job = await start(store, make(1))
        await insert(store, child(2, 1))
        async with holding(store) as held:
            # When the parent ends
            await settle(store, complete(job))
            # Then the held claim gets the child
            assert ids((await answer(held)).jobs) == numbered(2)

    async def test_an_ended_parent_counts_at_once(self, store: Backend) -> None:
        # Given a completed and a failed job
        await finish(store, make(1))
        await settle(store, fail(await start(store, make(2))))
        # When jobs come that wait for them
        await insert(store, child(3, 1), child(4, 2), child(5, 1, 2, when=When.FAILED))
        # Then all are in line, and know whose end was not as asked for
        assert [await counts(store, n) for n in (3, 4, 5)] == [(0, 0), (0, 1), (0, 1)]
        assert [(job.id, job.unmet) for job in await claim(store)] == list(
            zip(numbered(3, 4, 5), (0, 1, 1), strict=True)
        )

    async def test_a_tombstone_counts_as_what_it_was(self, store: Backend, clock: ManualClock) -> None:
        # Given the tombstones of a completed and a failed job
        await finish(store, make(1), keep_ms=0)
        await settle(store, fail(await start(store, make(2)), keep_ms=0))
        await store.purge(10)
        # When jobs come that wait for them
        await insert(store, child(3, 1), child(4, 2))
        # Then the ends count
        assert [await counts(store, n) for n in (3, 4)] == [(0, 0), (0, 1)]

    @pytest.mark.parametrize("state", [State.COMPLETED, State.FAILED, State.CANCELLED])
    async def test_each_edge_asks_for_an_end_of_its_own(self, store: Backend, state: State) -> None:
        # Given one parent, and a child for each kind of edge
        job = await start(store, make(1))
        await insert(store, *(child(n, 1, when=when) for n, when in enumerate(When, 2)))
        # When it ends
        await settle(store, move(job, state))
        # Then all children go, and those whose edge asks for another end know it
        expected = [0, 1, 0] if state is State.COMPLETED else [1, 0, 0]
        assert list(When) == [When.COMPLETED, When.FAILED, When.ENDED]
        assert [(job.id, job.unmet) for job in await claim(store)] == list(
            zip(numbered(2, 3, 4), expected, strict=True)
        )

    async def test_edges_of_several_kinds_in_one_job(self, store: Backend) -> None:
        # Given a job that asks for one completion, one failure and one end of any kind
        for number in (1, 2, 3):
            await start(store, make(number))
        await insert(store, make(4, after=after(1) + after(2, when=When.FAILED) + after(3, when=When.ENDED)))
        # When all three fail
        for number in (1, 2, 3):
            await settle(store, fail(await fetch(store, job_id(number))))
        # Then one end was not as asked for
        assert await counts(store, 4) == (0, 1)

    async def test_a_settle_that_comes_again_counts_once(self, store: Backend) -> None:
        # Given a job that waits for two
        job = await start(store, make(1))
        await insert(store, make(2, queue="other"), child(3, 1, 2))
        # When the reply to an end is lost and the settle comes again
        for _ in range(3):
            await settle(store, fail(job))
        # Then one parent has ended
        assert await counts(store, 3) == (1, 1)

    async def test_a_retry_of_a_parent_is_no_end(self, store: Backend) -> None:
        # Given a job that waits for a running one
        job = await start(store, make(1))
        await insert(store, child(2, 1))
        # When the run fails and the job will be tried again
        await settle(store, back(job, delay_ms=60_000))
        # Then its child still waits
        assert await counts(store, 2) == (1, 0)

    async def test_a_cancel_of_a_waiting_parent_is_an_end(self, store: Backend) -> None:
        # Given children of a waiting job
        await insert(store, make(1, queue="other"), child(2, 1), child(3, 1, when=When.ENDED))
        # When it is cancelled
        await store.cancel([job_id(1)])
        # Then they go
        assert [(job.id, job.unmet) for job in await claim(store)] == [(job_id(2), 1), (job_id(3), 0)]

    async def test_a_blocked_job_can_be_cancelled_and_its_children_hear(self, store: Backend) -> None:
        # Given a chain behind a running job
        job = await start(store, make(1))
        await insert(store, child(2, 1), child(3, 2))
        # When the middle is cancelled, and then the first ends
        answered = await store.cancel([job_id(2)])
        await settle(store, complete(job))
        # Then the middle has ended, and only the last is claimable
        assert answered == [Cancelled.ENDED]
        assert (await fetch(store, job_id(2))).state is State.CANCELLED
        assert [(job.id, job.unmet) for job in await claim(store)] == [(job_id(3), 1)]

    async def test_deleting_a_waiting_parent_is_an_end_like_a_cancel(self, store: Backend) -> None:
        # Given children of a waiting job
        await insert(store, make(1, queue="other"), child(2, 1), child(3, 1, when=When.FAILED))
        # When it is deleted
        await store.amend([Change(id=job_id(1), delete=True)])
        # Then they go
        assert [(job.id, job.unmet) for job in await claim(store)] == [(job_id(2), 1), (job_id(3), 0)]


class TestParentsRefused:
    async def test_an_unknown_parent_is_refused_and_nothing_is_written(self, store: Backend) -> None:
        # Given a parent that is there, and a queue with room for one
        await finish(store, make(1))
        await set_record(store, QUEUE, "short", QueueSettings(max_length=1))
        # When a job with a key names another one as well, and others come after it
        (receipt,) = await store.insert([child(3, 1, 77, key="k", queue="short")])
        outcomes = await insert(store, make(4, key="k", queue="short"), child(5, 3))
        # Then it says which is unknown, and neither its id nor its key nor a place is taken
        assert (receipt.id, receipt.outcome) == (job_id(3), Inserted.REFUSED)
        assert receipt.reason.startswith(UNKNOWN_PARENT)
        assert job_id(77) in receipt.reason
        assert await store.get(numbered(3)) == [None]
        assert outcomes == [Inserted.INSERTED, Inserted.REFUSED]

    async def test_parents_are_judged_after_all_else(self, store: Backend) -> None:
        # Given a known id, a key that is held, and a full queue
        await insert(store, make(1, key="k"))
        await set_record(store, QUEUE, "full", QueueSettings(max_length=0))
        # When jobs come that would be turned away without their unknown parents
        new = (child(1, 77), child(2, 77, key="k"), child(3, 77, tick=Tick(schedule="s", at=1)))
        outcomes = await insert(store, *new)
        (full,) = await store.insert([child(4, 77, queue="full")])
        # Then they hear what they would have heard
        assert outcomes == [Inserted.KNOWN, Inserted.HELD, Inserted.PASSED]
        assert not full.reason.startswith(UNKNOWN_PARENT)

    async def test_a_tick_that_is_refused_has_passed(self, store: Backend) -> None:
        # Given a schedule's cursor
        await store.put([Record(kind=CURSOR, id="s", data=b"0")])
        tick = Tick(schedule="s", at=5)
        # When a tick's job has an unknown parent, and comes again
        outcomes = [*await insert(store, child(1, 77, tick=tick)), *await insert(store, make(1, tick=tick))]
        # Then the cursor has moved
        assert outcomes == [Inserted.REFUSED, Inserted.PASSED]

    async def test_a_job_cannot_wait_for_itself(self, store: Backend) -> None:
        # Given nothing
        # When a job names itself
        (receipt,) = await store.insert([child(1, 1)])
        # Then that is an unknown parent
        assert (receipt.outcome, receipt.reason[: len(UNKNOWN_PARENT)]) == (Inserted.REFUSED, UNKNOWN_PARENT)

    async def test_edges_that_no_store_can_hold_raise(self, store: Backend) -> None:
        # Given a parent
        await insert(store, make(1))
        too_many = After(ids=tuple(job_id(number) for number in range(MAX_PARENTS + 1)))
        # When it is named twice, or too many are
        refused = [
            await is_refused(store.insert([child(2, 1, 1)])),
            await is_refused(store.insert([make(2, after=after(1) + after(1, when=When.ENDED))])),
            await is_refused(store.insert([make(2, after=(too_many,))])),
        ]
        # Then nothing is stored
        assert (refused, await store.get(numbered(2))) == ([True] * 3, [None])

    async def test_an_unknown_parent_of_a_follow_up_is_unmet(self, store: Backend) -> None:
        # Given a running job
        job = await start(store, make(1))
        # When it ends with follow-ups that wait for it, for one that is unknown, and for both
        await settle(store, complete(job, then=(child(2, 1), child(3, 77), child(4, 1, 77, when=When.ENDED))))
        # Then they are there, and the unknown one counts as unmet whatever was asked for
        assert [(job.id, job.unmet) for job in await claim(store)] == list(
            zip(numbered(2, 3, 4), (0, 1, 1), strict=True)
        )

    async def test_an_id_that_was_unknown_means_nothing_later(self, store: Backend) -> None:
        # Given a follow-up that waits for a running job and for one that is unknown
        await start(store, make(1))
        await settle(store, complete(await start(store, make(2)), then=(child(3, 1, 4),)))
        # When a job with that id comes and ends
        await finish(store, make(4))
        # Then the follow-up still waits for the other
        assert await counts(store, 3) == (1, 1)


class TestParentsSeen:
    async def test_blocked_jobs_are_counted_and_found(self, store: Backend) -> None:
        # Given a running job, and two that wait for it
        await start(store, make(1))
        await insert(store, child(2, 1, priority=90), child(3, 1, delay_ms=60_000), make(4))
        # When the queue is counted and searched
        (queue,) = (await store.stats()).queues
        page = await store.find(Query(status=(Status.BLOCKED,)))
        # Then they are blocked, neither due nor later
        assert (queue.due, queue.later, queue.blocked, queue.by_priority) == (1, 0, 2, {90: 1, 50: 2})
        assert sorted(ids(page.jobs)) == numbered(2, 3)

    async def test_a_queue_in_which_all_are_blocked_is_counted(self, store: Backend) -> None:
        # Given a queue in which one job waits for another queue's
        await insert(store, make(1), child(2, 1, queue="behind"))
        # When it is counted
        by_name = {queue.name: queue for queue in (await store.stats()).queues}
        # Then it is listed, with nothing that is due
        assert (by_name["behind"].blocked, by_name["behind"].due, by_name["behind"].oldest_due_at) == (1, 0, None)

    async def test_blocked_jobs_count_for_the_length_of_the_queue(self, store: Backend) -> None:
        # Given a queue with room for two, in which one is blocked
        await set_record(store, QUEUE, "short", QueueSettings(max_length=2))
        await insert(store, make(1), child(2, 1, queue="short"))
        # When two more come
        outcomes = await insert(store, child(3, 1, queue="short"), make(4, queue="short"))
        # Then one has room
        assert outcomes == [Inserted.INSERTED, Inserted.REFUSED]


class TestManyEdges:
    async def test_a_thousand_parents_of_one_job(self, store: Backend) -> None:
        # Given a job that waits for 1,500 others
        for first in (1, 501, 1001):
            await insert(store, *many(500, first))
        await insert(store, child(9999, *range(1, 1501)))
        # When all run in batches, and one in ten fails
        while (claimed := await claim(store, slots=100))[0].id != job_id(9999):
            done = [fail(job) if place % 10 == 0 else complete(job) for place, job in enumerate(claimed)]
            await settle(store, *done)
        # Then it came last, once, and knows how many failed
        assert [(job.id, job.open_parents, job.unmet) for job in claimed] == [(job_id(9999), 0, 150)]

    async def test_a_thousand_children_of_one_job(self, store: Backend) -> None:
        # Given 2,000 jobs that wait for one
        job = await start(store, make(1))
        for first in (2, 1002):
            await insert(store, *many(1000, first, after=after(1)))
        # When it ends
        assert await claim(store) == []
        await settle(store, complete(job))
        # Then all can be claimed, in order
        jobs = await claim(store, slots=3000)
        assert ids(jobs) == numbered(*range(2, 2002))
