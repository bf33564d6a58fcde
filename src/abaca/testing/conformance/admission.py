"""Queues that are full by the estimate of a wait, and jobs that make room for others in a full queue."""

from __future__ import annotations

from typing import Any

from abaca.backend import MOST_LOWER, SLICE_MS, UNKNOWN_PARENT, Backend
from abaca.clock import ManualClock
from abaca.model import (
    FULL,
    QUEUE,
    SHED,
    After,
    Inserted,
    Keep,
    Kind,
    Overflow,
    QueueSettings,
    Receipt,
    State,
    job_topic,
)
from abaca.testing.conformance.limits import ONE
from abaca.testing.conformance.making import (
    back,
    claim,
    claim_one,
    fetch,
    insert,
    job_id,
    make,
    many,
    settle,
)
from abaca.testing.conformance.queuecontrol import set_record

INSERTED, REFUSED = Inserted.INSERTED, Inserted.REFUSED


async def bound(store: Backend, **fields: Any) -> None:
    await set_record(store, QUEUE, "default", QueueSettings(**fields))


async def receipt_of(store: Backend, number: int, **fields: Any) -> Receipt:
    (receipt,) = await store.insert([make(number, **fields)])
    return receipt


async def claim_each(store: Backend, clock: ManualClock, count: int, seconds: float) -> None:
    """So many claims of one job each, with that time between them."""
    for number in range(count):
        clock.advance(seconds if number else 0)
        await claim_one(store)


class TestEstimate:
    async def test_it_is_what_waits_by_the_pace_of_claims(self, store: Backend, clock: ManualClock) -> None:
        # Given a queue of which a job is claimed every two seconds, three so far, and nine wait
        await bound(store, max_wait_ms=30_000)
        await insert(store, *many(12))
        await claim_each(store, clock, 3, 2)
        # When a batch comes
        receipts = await store.insert(many(20, first=13))
        # Then it is taken as far as a new job would wait no longer than thirty seconds, at three jobs in four
        assert [receipt.outcome for receipt in receipts] == [INSERTED] * 14 + [REFUSED] * 6
        assert {receipt.wait_ms for receipt in receipts[14:]} == {30_666}
        assert all(receipt.reason.startswith(FULL) and not receipt.again for receipt in receipts[14:])
        assert await store.get([job_id(27)]) == [None]

    async def test_the_time_since_the_latest_claim_counts(self, store: Backend, clock: ManualClock) -> None:
        # Given two claims a second apart, and ten that wait
        await bound(store, max_wait_ms=10_000)
        await insert(store, *many(12))
        await claim_each(store, clock, 2, 1)
        before = await receipt_of(store, 13)
        # When nobody claims for two seconds
        clock.advance(2)
        # Then a new job is thought to wait longer
        assert before.outcome is INSERTED
        assert (await receipt_of(store, 14)).wait_ms == 11 * 3000 // 2

    async def test_without_claims_it_is_the_age_of_the_first_due_job(self, store: Backend, clock: ManualClock) -> None:
        # Given a job that nobody claims
        await bound(store, max_wait_ms=30_000)
        await insert(store, make(1))
        # When thirty seconds pass, and a moment more
        clock.advance(30)
        within = await receipt_of(store, 2)
        clock.advance(1)
        beyond = await receipt_of(store, 3)
        # Then the queue is full by then
        assert (within.outcome, beyond.outcome, beyond.wait_ms) == (INSERTED, REFUSED, 31_000)

    async def test_claims_are_forgotten_after_two_slices(self, store: Backend, clock: ManualClock) -> None:
        # Given a queue that was emptied quickly up to one job
        await bound(store, max_wait_ms=1000)
        await insert(store, *many(50))
        await claim(store, slots=49)
        # When no worker claims for two slices
        clock.advance(2 * SLICE_MS / 1000)
        # Then it is the age again that counts
        assert (await receipt_of(store, 51)).wait_ms == 2 * SLICE_MS

    async def test_time_in_which_nothing_waited_does_not_count(self, store: Backend, clock: ManualClock) -> None:
        # Given a queue whose jobs are claimed as soon as they come, and come rarely
        await bound(store, max_wait_ms=1000)
        for number in (1, 2):
            await insert(store, make(number))
            await claim_one(store)
            clock.advance(6)
        # When many come at once
        outcomes = await insert(store, *many(50, first=3))
        # Then the queue takes them: nothing says that its workers are slow
        assert outcomes == [INSERTED] * 50

    async def test_jobs_of_later_do_not_count_and_those_held_back_do(self, store: Backend, clock: ManualClock) -> None:
        # Given a queue for one at once with a job that runs, two that are held back, and one for later
        await bound(store, max_wait_ms=1000, concurrency=1)
        await insert(store, *many(3), make(4, delay_ms=60_000))
        await claim(store)
        # When three seconds pass
        clock.advance(3)
        # Then a new job is thought to wait for two, at the pace of one in three seconds
        assert (await receipt_of(store, 5)).wait_ms == 6000

    async def test_without_due_jobs_the_queue_is_not_full(self, store: Backend, clock: ManualClock) -> None:
        await bound(store, max_wait_ms=0)
        await insert(store, make(1, delay_ms=60_000), make(2))
        await claim(store)
        clock.advance(5)
        assert await insert(store, make(3)) == [INSERTED]

    async def test_a_change_of_settings_forgets_the_claims(self, store: Backend, clock: ManualClock) -> None:
        # Given a queue that is full by its pace
        await bound(store, max_wait_ms=1000)
        await insert(store, *many(12))
        await claim_each(store, clock, 2, 1)
        before = await insert(store, make(13))
        # When its settings change
        await bound(store, max_wait_ms=1001)
        # Then the age of the first job counts, which is a second
        assert (before, await insert(store, make(14))) == ([REFUSED], [INSERTED])

    async def test_a_refusal_by_length_tells_it_too(self, store: Backend, clock: ManualClock) -> None:
        # Given a queue for two whose producers are to wait, with a job that waits for three seconds
        await bound(store, max_length=2, overflow=Overflow.WAIT)
        await insert(store, *many(2))
        clock.advance(3)
        # When a third comes
        receipt = await receipt_of(store, 3)
        # Then it is refused, with the estimate, and told to come again
        assert (receipt.outcome, receipt.wait_ms, receipt.again) == (REFUSED, 3000, True)


SHEDS: dict[str, Any] = {"overflow": Overflow.SHED}


class TestShed:
    async def test_the_lowest_job_makes_room(self, store: Backend) -> None:
        # Given a full queue, and a child that waits for one of its jobs
        await insert(store, make(1, priority=50, key="k", keep=Keep(cancelled_ms=5000)), make(2, priority=60))
        await insert(store, make(3, queue="other", after=(After(ids=(job_id(1),)),)))
        await bound(store, max_length=2, **SHEDS)
        # When a job of a higher priority comes
        outcomes = await insert(store, make(4, priority=70))
        # Then the lowest has ended as cancelled, and says why
        shed = await fetch(store, job_id(1))
        assert (outcomes, shed.state, shed.epoch, shed.revision) == ([INSERTED], State.CANCELLED, 0, 2)
        assert shed.error is not None
        assert (shed.error.type, job_id(4) in shed.error.message) == (SHED, True)
        entries = (await store.updates(job_id(1), 0, 10)).entries
        assert [entry.kind for entry in entries] == [Kind.ERROR]
        # And all that belongs to an end is done
        child = await fetch(store, job_id(3))
        assert (child.open_parents, child.unmet) == (0, 1)
        assert (await store.stats()).totals["cancelled"] == 1
        assert await insert(store, make(5, queue="other", key="k")) == [INSERTED]
        assert await store.audit() == []

    async def test_who_watches_it_hears_of_its_end(self, live_store: Backend) -> None:
        # Given a full queue with a job that is waited for
        await insert(live_store, make(1))
        await bound(live_store, max_length=1, **SHEDS)
        watch = await live_store.watch([job_topic(job_id(1))])
        # When it makes room
        await insert(live_store, make(2, priority=51))
        # Then its waiter is told
        hint = await watch.next(10)
        await watch.close()
        assert hint is not None
        assert hint.topic == job_topic(job_id(1))

    async def test_among_equals_none_does(self, store: Backend) -> None:
        await insert(store, make(1))
        await bound(store, max_length=1, **SHEDS)
        assert await insert(store, make(2), make(3, priority=49)) == [REFUSED, REFUSED]
        assert (await fetch(store, job_id(1))).state is State.WAITING

    async def test_the_order_is_priority_then_due_time_then_id(self, store: Backend) -> None:
        # Given jobs of two priorities, lanes, tenants and kinds
        await insert(
            store,
            make(1, priority=2),
            make(2, priority=1, lane="x"),
            make(3, priority=1, tenant="t", delay_ms=1000),
            make(4, priority=1, delay_ms=2000),
            make(5, priority=1, start_within_ms=60_000),
            make(6, priority=1, delay_ms=2000, lane="x"),
            make(7, priority=9, delay_ms=9000),
        )
        await bound(store, max_length=7, **SHEDS)
        # When one after the other of a higher priority comes, some together
        assert await insert(store, make(11, priority=5)) == [INSERTED]
        assert await insert(store, *many(5, first=12, priority=5)) == [INSERTED] * 5
        # Then those of the lowest priority went first, of them the one due latest, then the one with the highest id
        order: list[str] = []
        for number in range(1, 8):
            error = (await fetch(store, job_id(number))).error
            order.append("" if error is None else error.message.split()[6])
        assert order == [job_id(n) if n else "" for n in (16, 15, 13, 12, 14, 11, 0)]
        # And a job of the same priority finds none
        assert await insert(store, make(17, priority=5)) == [REFUSED]

    async def test_a_job_of_the_same_batch_may_make_room(self, store: Backend) -> None:
        await bound(store, max_length=1, **SHEDS)
        parents = (After(ids=(job_id(9),)),)
        await insert(store, make(9, queue="other"))
        outcomes = await insert(store, make(1, priority=1), make(2, priority=2, key="k"), make(3, priority=3))
        states = [job and job.state for job in await store.get([job_id(n) for n in (1, 2, 3)])]
        assert (outcomes, states) == ([INSERTED] * 3, [State.CANCELLED, State.CANCELLED, State.WAITING])
        assert await insert(store, make(4, priority=4, after=parents), make(5, priority=5)) == [INSERTED, REFUSED]
        assert await store.audit() == []

    async def test_what_was_claimed_is_held_back_or_waits_for_parents_stays(self, store: Backend) -> None:
        # Given a job that came back, one that a limit holds back, and one that waits for another
        await insert(store, make(1, priority=1), make(2, limits=(ONE,)), make(3, limits=(ONE,), priority=3))
        runs, came_back = await claim(store)
        await settle(store, back(came_back))
        await insert(store, make(4, priority=1, after=(After(ids=(runs.id,)),)))
        await bound(store, max_length=3, **SHEDS)
        # When a job of a higher priority comes
        receipt = await receipt_of(store, 5, priority=90)
        # Then none of them makes room
        assert (receipt.outcome, receipt.reason.startswith(FULL)) == (REFUSED, True)

    async def test_an_unknown_parent_costs_nobody_the_place(self, store: Backend) -> None:
        await insert(store, make(1))
        await bound(store, max_length=1, **SHEDS)
        receipt = await receipt_of(store, 2, priority=60, after=(After(ids=(job_id(99),)),))
        assert receipt.reason.startswith(UNKNOWN_PARENT)
        assert (await fetch(store, job_id(1))).state is State.WAITING

    async def test_a_parent_that_makes_room_for_its_child_counts_as_unmet(self, store: Backend) -> None:
        await insert(store, make(1))
        await bound(store, max_length=1, **SHEDS)
        await insert(store, make(2, priority=60, after=(After(ids=(job_id(1),)),)))
        child = await fetch(store, job_id(2))
        assert (child.open_parents, child.unmet) == (0, 1)
        assert await store.audit() == []

    async def test_a_queue_that_is_slow_sheds_as_well(self, store: Backend, clock: ManualClock) -> None:
        await bound(store, max_wait_ms=1000, **SHEDS)
        await insert(store, make(1), make(2, priority=40))
        clock.advance(2)
        assert await insert(store, make(3), make(4)) == [INSERTED, REFUSED]
        assert (await fetch(store, job_id(2))).state is State.CANCELLED

    async def test_no_more_than_so_many_are_looked_at(self, store: Backend) -> None:
        # Given as many jobs that were claimed once as are looked at, and one of the next priority that was not
        await insert(store, *many(MOST_LOWER, priority=1))
        await settle(store, *[back(job) for job in await claim(store)])
        await insert(store, make(MOST_LOWER + 1, priority=2))
        await bound(store, max_length=1, **SHEDS)
        # When a job of a higher priority comes, and again with one fewer before it
        first = await insert(store, make(201, priority=3))
        await store.cancel([job_id(1)])
        second = await insert(store, make(202, priority=3))
        # Then it is found the second time
        assert (first, second) == ([REFUSED], [INSERTED])
