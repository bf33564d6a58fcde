"""Jobs that are to start within a time: they go first inside their priority, and lateness is counted."""

from __future__ import annotations

from abaca.backend import Backend
from abaca.clock import ManualClock
from abaca.model import Change, Limit, NewJob, Status
from abaca.testing.conformance.edges import after
from abaca.testing.conformance.hold import answer, holding
from abaca.testing.conformance.making import (
    LEASE,
    OTHER,
    SECOND,
    back,
    claim,
    claim_one,
    complete,
    fetch,
    finish,
    ids,
    insert,
    is_refused,
    job_id,
    make,
    many,
    numbered,
    settle,
    start,
)


def dated(number: int, within_ms: int = 10_000, **fields: object) -> NewJob:
    return make(number, start_within_ms=within_ms, **fields)


async def late(store: Backend) -> dict[str, int]:
    return (await store.stats()).late


class TestDeadlineOrder:
    async def test_the_earliest_deadline_goes_first(self, store: Backend, clock: ManualClock) -> None:
        # Given jobs with deadlines that came at several times, in another order than they are due
        await insert(store, dated(1, 60_000), dated(2, 20_000))
        clock.advance(5)
        await insert(store, dated(3, 1000), dated(4, 14_999))
        # When they are claimed
        jobs = await claim(store)
        # Then by deadline
        assert ids(jobs) == numbered(3, 4, 2, 1)
        assert jobs[0].spec.start_within_ms == 1000

    async def test_those_of_one_deadline_go_by_id(self, store: Backend, clock: ManualClock) -> None:
        # Given jobs of one deadline, of which the last by id came first
        await insert(store, dated(3, 3000))
        clock.advance(1)
        await insert(store, dated(2, 2000), dated(1, 2000))
        # When they are claimed, then by id
        assert ids(await claim(store)) == numbered(1, 2, 3)

    async def test_they_go_before_the_others_of_their_priority(self, store: Backend, clock: ManualClock) -> None:
        # Given jobs that have been due for long, and then some with a far deadline
        await insert(store, make(1), make(2, priority=90), make(3, priority=10))
        clock.advance(60)
        await insert(store, dated(4, 86_400_000), dated(5, priority=10), dated(6, priority=90))
        # When they are claimed
        jobs = await claim(store)
        # Then priority decides first, and inside it the deadlines come first
        assert ids(jobs) == numbered(6, 2, 4, 1, 5, 3)

    async def test_lanes_share_the_order_of_deadlines(self, store: Backend) -> None:
        # Given jobs of two lanes with deadlines in turn
        await insert(store, *(dated(n, 1000 * n, lane="ab"[n % 2]) for n in range(1, 7)), make(7, lane="a"))
        # When one lane has fewer slots
        jobs = await claim(store, slots={"a": 1, "b": 3})
        # Then the order holds over both, without those that found no slot
        assert ids(jobs) == numbered(1, 2, 3, 5)

    async def test_after_the_first_claim_it_is_a_job_like_others(self, store: Backend, clock: ManualClock) -> None:
        # Given a job with a deadline that ran and was given back, and one that waits since before
        await insert(store, make(2))
        clock.advance(1)
        await insert(store, dated(1))
        job = await claim_one(store)
        # When all is claimed
        await settle(store, back(job))
        # Then the due time decides
        assert (job.id, ids(await claim(store))) == (job_id(1), numbered(2, 1))

    async def test_one_that_never_ran_and_is_requeued_has_a_new_deadline(
        self, store: Backend, clock: ManualClock
    ) -> None:
        # Given a job with a deadline that was cancelled while it waited
        await insert(store, dated(1, 10_000))
        await store.cancel([job_id(1)])
        clock.advance(60)
        # When it is requeued beside one with an earlier deadline, one with a later one, and one without
        await insert(store, dated(2, 9000), dated(3, 11_000), make(4))
        await store.requeue([(job_id(1), 0)])
        # Then it goes by its due time and ten seconds
        assert ids(await claim(store)) == numbered(2, 1, 3, 4)
        assert await late(store) == {}

    async def test_amending_its_time_takes_the_deadline_away(self, store: Backend, clock: ManualClock) -> None:
        # Given jobs with deadlines
        await insert(store, make(1), dated(2), dated(3), dated(4))
        # When the times of two are changed, and the priority and arguments of another
        changes = (Change(id=job_id(2), delay_ms=0), Change(id=job_id(3), run_at=clock.now() + 5 * SECOND))
        await store.amend([*changes, Change(id=job_id(4), priority=50, args=b"[4]")])
        stored = [await fetch(store, id) for id in numbered(2, 3, 4)]
        clock.advance(20)
        # Then those two go on in the ordinary line, and are late for nothing
        assert [job.spec.start_within_ms for job in stored] == [None, None, 10_000]
        assert [job.status for job in stored] == [Status.QUEUED, Status.SCHEDULED, Status.QUEUED]
        assert ids(await claim(store)) == numbered(4, 1, 2, 3)
        assert await late(store) == {"default": 1}

    async def test_a_delay_or_a_time_beside_it_raises(self, store: Backend, clock: ManualClock) -> None:
        # Given nothing
        # When jobs have a deadline and a delay, or a time
        refused = [
            await is_refused(store.insert([dated(1, delay_ms=1)])),
            await is_refused(store.insert([make(2), dated(3, run_at=clock.now())])),
        ]
        # Then nothing is stored
        assert (refused, await store.get(numbered(1, 2, 3))) == ([True, True], [None, None, None])

    async def test_a_held_claim_gets_it(self, store: Backend) -> None:
        # Given a held claim
        async with holding(store) as held:
            # When a job with a deadline comes
            await insert(store, dated(1))
            # Then it is answered
            assert ids((await answer(held)).jobs) == numbered(1)

    async def test_the_time_counts_from_when_its_parents_have_ended(self, store: Backend, clock: ManualClock) -> None:
        # Given a job with a deadline that waits for another, for longer than that
        parent = await start(store, make(1))
        await insert(store, dated(2, 10_000, after=after(1)))
        clock.advance(60)
        await insert(store, dated(3, 15_000), make(4))
        # When the parent ends
        clock.advance(6)
        await settle(store, complete(parent))
        # Then its deadline is ten seconds after that
        assert ids(await claim(store)) == numbered(3, 2, 4)
        assert await late(store) == {}

    async def test_those_that_a_limit_holds_back_keep_their_order(self, store: Backend) -> None:
        # Given a full bucket with jobs behind it, of which some have deadlines
        limit = Limit(bucket="b", concurrency=1)
        running = await start(store, make(9, limits=(limit,)))
        await insert(store, make(1, limits=(limit,)), dated(2, 9000, limits=(limit,)), dated(3, 3000, limits=(limit,)))
        assert await claim(store) == []
        # When runs end one after another
        order: list[str] = []
        while True:
            await settle(store, complete(running))
            claimed = await claim(store)
            if not claimed:
                break
            (running,) = claimed
            order.append(running.id)
        # Then deadlines went first
        assert order == numbered(3, 2, 1)

    async def test_stats_count_them_like_others(self, store: Backend) -> None:
        # Given jobs with and without deadlines
        await insert(store, *many(3, start_within_ms=1000), make(4, priority=1), make(5, delay_ms=1000))
        # When the queue is counted
        (queue,) = (await store.stats()).queues
        # Then all are there
        assert (queue.due, queue.later, queue.blocked, queue.by_priority) == (4, 1, 0, {50: 4, 1: 1})


class TestLate:
    async def test_a_first_claim_after_the_deadline_is_counted(self, store: Backend, clock: ManualClock) -> None:
        # Given jobs that are to start within ten seconds, of two queues
        await insert(store, dated(1), dated(2, queue="other"), dated(3, 20_000), make(4))
        # When they are claimed 10.000001 seconds later
        clock.advance(10.000001)
        await claim(store, "default", "other")
        # Then those that were late are counted by queue
        assert await late(store) == {"default": 1, "other": 1}

    async def test_one_at_the_deadline_is_in_time(self, store: Backend, clock: ManualClock) -> None:
        # Given a job that is to start within ten seconds
        await insert(store, dated(1))
        # When it is claimed after ten
        clock.advance(10)
        await claim(store)
        # Then it is not late
        assert await late(store) == {}

    async def test_only_the_first_claim_counts(self, store: Backend, clock: ManualClock) -> None:
        # Given a job that was claimed in time
        job = await start(store, dated(1))
        clock.advance(60)
        # When its lease has ended, and when it is given back and claimed again
        (again,) = await store.reclaim(10, OTHER)
        await settle(store, back(again))
        await claim(store)
        # Then it was never late
        assert (job.epoch, again.epoch, await late(store)) == (1, 2, {})

    async def test_the_count_outlives_the_jobs(self, store: Backend, clock: ManualClock) -> None:
        # Given a job that was late
        await insert(store, dated(1))
        clock.advance(LEASE.ms / 1000)
        # When it ended and is gone
        await settle(store, complete(await claim_one(store)))
        await store.amend([Change(id=job_id(1), delete=True)])
        await finish(store, dated(2))
        # Then it still counts
        assert await late(store) == {"default": 1}
