"""What becomes of a job that waits for parents: when it is due, what amending does, and what a requeue undoes."""

from __future__ import annotations

from abaca.backend import HELD_AGAIN_MS, MIN_TOMBSTONE_MS, Backend
from abaca.clock import ManualClock
from abaca.model import Amended, Change, Inserted, Limit, Requeued, State, Status, When
from abaca.testing.conformance.edges import after, child, counts, end
from abaca.testing.conformance.making import (
    SECOND,
    back,
    claim,
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


class TestDueAfterParents:
    async def test_a_delay_counts_from_the_last_parent_s_end(self, store: Backend, clock: ManualClock) -> None:
        # Given a job that is to run ten seconds after its parent
        job = await start(store, make(1))
        await insert(store, child(2, 1, delay_ms=10_000))
        clock.advance(60)
        # When the parent ends, a minute later
        await settle(store, complete(job))
        waiting = await fetch(store, job_id(2))
        early = await claim(store)
        clock.advance(10)
        # Then the child is due ten seconds after that
        assert (waiting.status, waiting.due_at) == (Status.SCHEDULED, clock.now())
        assert (early, ids(await claim(store))) == ([], numbered(2))

    async def test_its_own_time_counts_when_that_is_later(self, store: Backend, clock: ManualClock) -> None:
        # Given two jobs with a time of their own, one before and one after the end of their parent
        job = await start(store, make(1))
        soon, late = clock.now() + SECOND, clock.now() + 100 * SECOND
        await insert(store, child(2, 1, run_at=soon), child(3, 1, run_at=late))
        clock.advance(60)
        # When the parent ends
        await settle(store, complete(job))
        # Then one is due now, and the other at its time
        assert [(await fetch(store, id)).due_at for id in numbered(2, 3)] == [clock.now(), late]

    async def test_an_ended_parent_leaves_the_delay_as_it_is(self, store: Backend, clock: ManualClock) -> None:
        # Given a completed job
        await finish(store, make(1))
        # When one with a delay comes that waits for it
        await insert(store, child(2, 1, delay_ms=10_000))
        # Then it counts from the insert
        assert (await fetch(store, job_id(2))).due_at == clock.now() + 10 * SECOND

    async def test_order_is_by_the_due_time_after_the_release(self, store: Backend, clock: ManualClock) -> None:
        # Given a blocked job, and one that comes later
        job = await start(store, make(1))
        await insert(store, child(2, 1))
        clock.advance(1)
        await insert(store, make(3))
        clock.advance(1)
        # When the blocked one is let go
        await settle(store, complete(job))
        # Then it stands behind
        assert ids(await claim(store)) == numbered(3, 2)

    async def test_a_limit_holds_it_back_after_its_parents(self, store: Backend) -> None:
        # Given a job with a limit that another uses up, and a parent
        limit = Limit(bucket="b", concurrency=1)
        holder = await start(store, make(1, limits=(limit,)))
        parent = await start(store, make(2))
        await insert(store, child(3, 2, limits=(limit,)))
        # When the parent ends, and then the holder
        await settle(store, complete(parent))
        held = (await claim(store), (await fetch(store, job_id(3))).blocked)
        await settle(store, complete(holder))
        # Then it was held back by the limit, and goes
        assert (held, ids(await claim(store))) == (([], "b"), numbered(3))


class TestAmendBlocked:
    async def test_it_stays_out_of_the_lines(self, store: Backend, clock: ManualClock) -> None:
        # Given a job that waits for a running one
        job = await start(store, make(1))
        await insert(store, child(2, 1))
        # When its priority, queue, time, arguments and tags are changed
        changes = [
            Change(id=job_id(2), priority=90, queue="other"),
            Change(id=job_id(2), run_at=clock.now() - SECOND),
            Change(id=job_id(2), args=b"[2]", tags=("t",)),
        ]
        amended = await store.amend(changes)
        # Then it is blocked as before, in the other queue, and comes as changed when the parent ends
        assert amended == [Amended.APPLIED] * 3
        assert (await claim(store, "default", "other"), await counts(store, 2)) == ([], (1, 0))
        assert [(queue.name, queue.blocked) for queue in (await store.stats()).queues] == [("other", 1)]
        await settle(store, complete(job))
        (given,) = await claim(store, "other")
        assert (given.id, given.spec.priority, given.spec.args, given.spec.tags) == (job_id(2), 90, b"[2]", ("t",))

    async def test_a_new_time_takes_the_place_of_the_delay(self, store: Backend, clock: ManualClock) -> None:
        # Given blocked jobs that were to run an hour after their parent
        job = await start(store, make(1))
        await insert(store, *(child(n, 1, delay_ms=3_600_000) for n in (2, 3, 4)))
        # When one is to run now, one in a minute, and one has another priority
        changes = (Change(id=job_id(2), delay_ms=0), Change(id=job_id(3), run_at=clock.now() + 60 * SECOND))
        await store.amend([*changes, Change(id=job_id(4), priority=90)])
        clock.advance(10)
        await settle(store, complete(job))
        # Then they are due when asked for, or when the parent has ended
        due = [(await fetch(store, id)).due_at - clock.now() for id in numbered(2, 3, 4)]
        assert due == [0, 50 * SECOND, 3600 * SECOND]

    async def test_deleting_it_leaves_nothing(self, store: Backend, clock: ManualClock) -> None:
        # Given a blocked job
        job = await start(store, make(1))
        await insert(store, child(2, 1, key="k"))
        # When it is deleted
        await store.amend([Change(id=job_id(2), delete=True)])
        await settle(store, complete(job, keep_ms=0))
        # Then its parent ends as if it had never been, and is purged
        assert (await store.get(numbered(2)), await claim(store), (await store.stats()).queues) == ([None], [], [])
        assert (await store.purge(10), await insert(store, make(3, key="k"))) == (1, [Inserted.INSERTED])


class TestReplaceParents:
    async def test_a_replaced_holder_takes_the_new_parents(self, store: Backend) -> None:
        # Given a job with a key that waits for one, and another job
        first, second = await start(store, make(1)), await start(store, make(2))
        await insert(store, child(3, 1, key="k"))
        # When it is replaced by one that waits for the other
        outcomes = await insert(store, child(4, 2, key="k", replace=True))
        await settle(store, fail(first))
        between = (await counts(store, 3), await claim(store))
        await settle(store, complete(second))
        # Then the former parent means nothing to it
        assert (outcomes, between) == ([Inserted.REPLACED], ((1, 0), []))
        assert [(job.id, job.unmet) for job in await claim(store)] == [(job_id(3), 0)]

    async def test_a_holder_that_loses_its_parents_goes(self, store: Backend) -> None:
        # Given a blocked job with a key
        await start(store, make(1))
        await insert(store, child(2, 1, key="k"))
        # When it is replaced by one without parents
        await insert(store, make(3, key="k", replace=True))
        # Then it can be claimed
        assert ids(await claim(store)) == numbered(2)

    async def test_a_holder_that_gets_parents_leaves_its_line(self, store: Backend) -> None:
        # Given a waiting job with a key
        await start(store, make(1))
        await insert(store, make(2, key="k"))
        # When it is replaced by one with a parent
        await insert(store, child(3, 1, key="k", replace=True))
        # Then it waits for that
        assert (await claim(store), await counts(store, 2)) == ([], (1, 0))

    async def test_an_unknown_parent_replaces_nothing(self, store: Backend) -> None:
        # Given a waiting job with a key
        await insert(store, make(1, key="k"))
        before = await fetch(store, job_id(1))
        # When a job with an unknown parent, and one that would wait for itself, are to replace it
        outcomes = await insert(store, child(2, 77, key="k", replace=True), child(2, 1, key="k", replace=True))
        # Then it stays as it is
        assert (outcomes, await fetch(store, job_id(1))) == ([Inserted.REFUSED] * 2, before)

    async def test_a_holder_with_children_is_not_made_a_child(self, store: Backend) -> None:
        # Given a waiting job with a key, and its child
        await insert(store, make(1, key="k"), child(2, 1))
        before = await fetch(store, job_id(1))
        # When jobs are to replace it, one that waits for the child and one that waits for nobody
        outcomes = await insert(store, child(3, 2, key="k", replace=True))
        # Then no circle is made
        assert (outcomes, await fetch(store, job_id(1))) == ([Inserted.HELD], before)
        assert await insert(store, make(3, key="k", replace=True)) == [Inserted.REPLACED]


class TestRequeueParents:
    async def test_children_that_wait_for_others_wait_for_it_again(self, store: Backend) -> None:
        # Given a job of whose two parents one has failed
        await insert(store, make(2, queue="other"), make(1), child(3, 1, 2))
        await end(store, 1, State.FAILED)
        before = await counts(store, 3)
        # When that one is requeued, twice, and completes
        answered = await store.requeue([(job_id(1), 1), (job_id(1), 1)])
        between = await counts(store, 3)
        await end(store, 1)
        # Then it counts as open once, and then as met
        assert answered == [Requeued.REQUEUED] * 2
        assert (before, between, await counts(store, 3)) == ((1, 1), (2, 0), (1, 0))

    async def test_a_child_in_line_with_an_unmet_parent_leaves_it(self, store: Backend) -> None:
        # Given a job in line whose parent has failed
        await insert(store, make(1), child(2, 1))
        await end(store, 1, State.FAILED)
        before = await fetch(store, job_id(2))
        # When the parent is requeued
        await store.requeue([(job_id(1), 1)])
        # Then the child is blocked again, and goes when the parent has completed
        blocked = await fetch(store, job_id(2))
        assert (before.status, blocked.status) == (Status.QUEUED, Status.BLOCKED)
        await end(store, 1)
        assert [(job.id, job.unmet) for job in await claim(store)] == [(job_id(2), 0)]

    async def test_a_child_that_a_limit_holds_back_leaves_that_too(self, store: Backend) -> None:
        # Given a job with an unmet parent that is parked because of a limit
        limit = Limit(bucket="b", concurrency=1)
        holder = await start(store, make(9, limits=(limit,)))
        await insert(store, make(1), child(2, 1, limits=(limit,)))
        await end(store, 1, State.FAILED)
        assert await claim(store) == []
        # When the parent is requeued and the limit would let the child start
        await store.requeue([(job_id(1), 1)])
        await settle(store, complete(holder))
        # Then it waits for its parent, and for nothing else
        job = await fetch(store, job_id(2))
        assert (job.blocked, job.open_parents, ids(await claim(store))) == (None, 1, numbered(1))

    async def test_a_child_whose_parents_were_all_met_goes_on(self, store: Backend) -> None:
        # Given a job in line whose parents completed
        await insert(store, make(1), child(2, 1))
        await end(store, 1)
        # When a parent is requeued
        await store.requeue([(job_id(1), 1)])
        # Then the child stays where it is
        assert await counts(store, 2) == (0, 0)
        assert sorted(ids(await claim(store))) == numbered(1, 2)

    async def test_a_second_end_means_nothing_to_a_child_that_went_on(self, store: Backend) -> None:
        # Given a job in line whose one parent completed and was requeued
        await insert(store, make(1), child(2, 1, delay_ms=60_000))
        await end(store, 1)
        await store.requeue([(job_id(1), 1)])
        # When the parent fails
        await end(store, 1, State.FAILED)
        # Then the child is as it was
        assert await counts(store, 2) == (0, 0)

    async def test_a_running_child_counts_anew_when_it_goes_back(self, store: Backend) -> None:
        # Given a running job with an unmet parent, which is requeued meanwhile
        await insert(store, make(1), child(2, 1))
        await end(store, 1, State.FAILED)
        (running,) = await claim(store)
        await store.requeue([(job_id(1), 1)])
        # When the run is given back, and the parent completes
        await settle(store, back(running))
        between = await counts(store, 2)
        await end(store, 1)
        # Then it waited for the parent, and runs with its end
        assert (between, await counts(store, 2)) == ((1, 0), (0, 0))

    async def test_a_requeued_job_counts_its_parents_anew(self, store: Backend) -> None:
        # Given a job that ended because of a parent that failed, beside one that completed
        await insert(store, make(1), make(2), child(3, 1, 2))
        await end(store, 1, State.FAILED)
        await end(store, 2)
        await end(store, 3, State.CANCELLED)
        # When it is requeued, and then the parent
        await store.requeue([(job_id(3), 1)])
        first = await counts(store, 3)
        await store.requeue([(job_id(1), 1)])
        # Then it knows of the failure, and waits for the parent's second end
        assert (first, await counts(store, 3)) == ((0, 1), (1, 0))
        await end(store, 1)
        assert ids(await claim(store)) == numbered(3)

    async def test_a_requeue_that_is_refused_changes_no_child(self, store: Backend) -> None:
        # Given a failed job whose key another has now, and its child in line
        await insert(store, make(1, key="k"), child(2, 1))
        await end(store, 1, State.FAILED)
        await insert(store, make(3, key="k", queue="other"))
        # When it is requeued
        answered = await store.requeue([(job_id(1), 1), (job_id(1), 7)])
        # Then its child is where it was
        assert (answered, await counts(store, 2)) == ([Requeued.HELD, Requeued.STALE], (0, 1))
        assert ids(await claim(store)) == numbered(2)

    async def test_both_requeued_in_one_call_in_either_order(self, store: Backend) -> None:
        # Given two pairs of a failed parent and a child that ended because of it
        for parent, own in ((1, 2), (3, 4)):
            await insert(store, make(parent), child(own, parent))
            await end(store, parent, State.FAILED)
            await end(store, own, State.CANCELLED)
        # When each pair is requeued, once the parent first and once the child
        await store.requeue([(id, 1) for id in numbered(1, 2, 4, 3)])
        # Then each child waits for its parent
        assert [await counts(store, n) for n in (2, 4)] == [(1, 0), (1, 0)]

    async def test_a_parent_that_is_gone_is_unmet_for_a_requeued_job(self, store: Backend) -> None:
        # Given a job that ended, and whose parent was deleted afterwards
        await insert(store, make(1), child(2, 1, when=When.ENDED))
        await end(store, 1)
        await end(store, 2)
        await store.amend([Change(id=job_id(1), delete=True)])
        # When it is requeued
        await store.requeue([(job_id(2), 1)])
        # Then it is in line with an unmet parent
        assert [(job.id, job.unmet) for job in await claim(store)] == [(job_id(2), 1)]

    async def test_a_new_job_with_a_deleted_parent_s_id_is_another(self, store: Backend) -> None:
        # Given a job of whose two parents one was deleted
        await insert(store, make(1, queue="other"), make(2, queue="other"), child(3, 1, 2))
        await store.amend([Change(id=job_id(1), delete=True)])
        # When a job with that id comes and ends
        await insert(store, make(1))
        between = await counts(store, 3)
        await end(store, 1)
        # Then that is no end of a parent
        assert (between, await counts(store, 3)) == ((1, 1), (1, 1))


class TestPurgeParents:
    async def test_a_parent_stays_with_its_result_while_a_child_lives(self, store: Backend, clock: ManualClock) -> None:
        # Given a completed job past its keep, and a child that has not ended
        await insert(store, make(1), make(2, queue="other"), child(3, 1, 2))
        (job,) = await claim(store)
        await settle(store, complete(job, result=b"7", keep_ms=0))
        # When the store is purged
        purged = await store.purge(10)
        # Then it is there with its result
        stored = await fetch(store, job_id(1))
        assert (purged, stored.purged, stored.result) == (0, False, b"7")

    async def test_it_goes_when_the_last_child_has_ended(self, store: Backend, clock: ManualClock) -> None:
        # Given a parent that a purge left because of two children, which end then
        await insert(store, make(1), child(2, 1), child(3, 1))
        await settle(store, complete((await claim(store))[0], keep_ms=0))
        await store.purge(10)
        for job in await claim(store):
            await settle(store, complete(job))
        # When it is purged at once, and when it is time to look again
        early = await store.purge(10)
        clock.advance(HELD_AGAIN_MS / 1000)
        # Then it goes at the second time
        assert (early, await store.purge(10), (await fetch(store, job_id(1))).purged) == (0, 1, True)

    async def test_one_that_is_held_counts_towards_the_limit(self, store: Backend, clock: ManualClock) -> None:
        # Given two parents of one child and a job without children, all past their keep, in this order
        await insert(store, make(1), make(2), make(3), make(9, queue="other"), child(4, 1, 2, 9))
        for job in await claim(store):
            await settle(store, move(job, State.COMPLETED, keep_ms=0))
        # When it is purged by twos
        answers = [await store.purge(2), await store.purge(2)]
        # Then the two that are held were looked at first
        assert answers == [0, 1]
        assert [(await fetch(store, id)).purged for id in numbered(1, 2, 3)] == [False, False, True]

    async def test_a_tombstone_is_held_as_well(self, store: Backend, clock: ManualClock) -> None:
        # Given a tombstone that a blocked job waits for
        await finish(store, make(1), keep_ms=0)
        await store.purge(10)
        await insert(store, make(2, queue="other"), child(3, 1, 2))
        # When its time is over
        clock.advance(MIN_TOMBSTONE_MS / 1000)
        held = await store.purge(10)
        await store.cancel([job_id(3)])
        clock.advance(HELD_AGAIN_MS / 1000)
        # Then it goes when the child has ended
        assert (held, await store.purge(10), await store.get(numbered(1))) == (0, 1, [None])

    async def test_it_waits_again_after_a_second_end(self, store: Backend, clock: ManualClock) -> None:
        # Given a parent that a purge left, and that was requeued and ended again, without children
        await insert(store, make(1), child(2, 1))
        await settle(store, complete((await claim(store))[0], keep_ms=0))
        await store.purge(10)
        await store.cancel([job_id(2)])
        await store.requeue([(job_id(1), 1)])
        await settle(store, complete((await claim(store))[0], keep_ms=0))
        # When the store is purged at once
        # Then what was put off for the first end does not hold for the second
        assert await store.purge(10) == 1

    async def test_a_requeued_parent_finds_its_children(self, store: Backend, clock: ManualClock) -> None:
        # Given a failed parent past its keep, held for a child that waits for another
        await insert(store, make(1), make(2, queue="other"), child(3, 1, 2))
        await settle(store, fail((await claim(store))[0], keep_ms=0))
        await store.purge(10)
        # When it is requeued
        answered = await store.requeue([(job_id(1), 1)])
        # Then its child waits for it
        assert (answered, await counts(store, 3)) == ([Requeued.REQUEUED], (2, 0))
        assert (await fetch(store, job_id(3))).spec.after == after(1, 2)
