"""What a claim leaves out: full lanes, other queues, too many bytes."""

from __future__ import annotations

from abaca.backend import Backend
from abaca.clock import ManualClock
from abaca.model import Change
from abaca.testing.conformance.making import (
    claim,
    ids,
    insert,
    job_id,
    make,
    many,
    numbered,
)


class TestLanesAndQueues:
    async def test_a_full_lane_is_skipped(self, store: Backend) -> None:
        # Given urgent jobs for a full lane ahead of one for a free lane
        await insert(store, *many(50, lane="cpu", priority=100), make(99, lane="io", priority=0))
        # When only the other lane has a slot
        jobs = await claim(store, slots={"cpu": 0, "io": 1})
        # Then its job comes at once
        assert ids(jobs) == numbered(99)

    async def test_a_lane_that_is_not_named_has_no_slots(self, store: Backend) -> None:
        # Given a job of a lane
        await insert(store, make(1, lane="gpu"))
        # When a worker without that lane claims
        jobs = await claim(store, slots={"": 10})
        # Then it stays
        assert jobs == []

    async def test_lanes_share_one_order(self, store: Backend, clock: ManualClock) -> None:
        # Given jobs of two lanes in turn
        await insert(store, *(make(n, lane="ab"[n % 2], delay_ms=n) for n in range(1, 7)))
        clock.advance(1)
        # When one lane has fewer slots
        jobs = await claim(store, slots={"a": 1, "b": 3})
        # Then the order holds across lanes, without the jobs that found no slot
        assert ids(jobs) == numbered(1, 2, 3, 5)

    async def test_queues_are_served_in_the_order_given(self, store: Backend) -> None:
        # Given a low job in the first queue and a high one in the second
        await insert(store, make(1, queue="b", priority=100), make(2, queue="a", priority=0))
        # When both queues are claimed
        jobs = await claim(store, "a", "b")
        # Then the order of the queues comes before priority
        assert ids(jobs) == numbered(2, 1)

    async def test_slots_are_shared_by_the_queues(self, store: Backend) -> None:
        # Given three jobs in each of two queues
        await insert(store, *many(3, queue="a"), *many(3, first=11, queue="b"))
        # When four slots are free
        jobs = await claim(store, "b", "a", slots=4)
        # Then the first queue is emptied first
        assert ids(jobs) == numbered(11, 12, 13, 1)

    async def test_other_queues_are_left_alone(self, store: Backend) -> None:
        # Given two queues of which one name begins with the other
        await insert(store, make(1, queue="a"), make(2, queue="a:b"))
        # When one is claimed
        jobs = await claim(store, "a")
        # Then the other keeps its job
        assert (ids(jobs), ids(await claim(store, "a:b"))) == (numbered(1), numbered(2))


class TestBytes:
    async def test_a_claim_stops_at_its_limit_of_bytes(self, store: Backend) -> None:
        # Given ten jobs of ten thousand bytes
        await insert(store, *many(10, args=b"x" * 10_000))
        # When a claim wants 25,000 bytes
        jobs = await claim(store, max_bytes=25_000)
        # Then the job that passes the limit is the last
        assert ids(jobs) == numbered(1, 2, 3)

    async def test_a_job_above_the_limit_is_not_stuck(self, store: Backend) -> None:
        # Given a job that is larger than a claim wants
        await insert(store, make(1, args=b"x" * 100_000))
        # When it is its turn
        jobs = await claim(store, max_bytes=1000)
        # Then it comes
        assert ids(jobs) == numbered(1)

    async def test_the_limit_counts_over_all_queues(self, store: Backend) -> None:
        # Given a large job in each of three queues
        await insert(store, *(make(n, queue=q, args=b"x" * 10_000) for n, q in enumerate("abc", 1)))
        # When a claim wants little more than one of them
        jobs = await claim(store, "a", "b", "c", max_bytes=12_000)
        # Then the third stays
        assert ids(jobs) == numbered(1, 2)

    async def test_a_job_that_moved_line_is_claimed_once(self, store: Backend) -> None:
        # Given a job that changed priority there and back
        await insert(store, make(1))
        await store.amend([Change(id=job_id(1), priority=90), Change(id=job_id(1), priority=50)])
        # When it is claimed
        jobs = await claim(store)
        # Then it comes once
        assert ids(jobs) == numbered(1)
