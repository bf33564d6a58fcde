"""Tenants in turn: one with many jobs does not keep the others waiting, and weights are shares."""

from __future__ import annotations

from collections import Counter

import pytest
from msgspec import structs

from abaca.backend import Backend
from abaca.clock import ManualClock
from abaca.model import QUEUE, Change, Job, Limit, NewJob, QueueSettings
from abaca.testing.conformance.hold import answer, holding
from abaca.testing.conformance.making import (
    SECOND,
    back,
    claim,
    complete,
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


def of(tenant: str | None, first: int, count: int = 1, **fields: object) -> list[NewJob]:
    return many(count, first, tenant=tenant, **fields)


def tenants(jobs: list[Job]) -> str:
    """The tenants of jobs in their order, one letter each; a dot is none."""
    return "".join(job.spec.tenant or "." for job in jobs)


async def one_by_one(store: Backend, count: int) -> list[Job]:
    """Claims of one job each: what is known of the turns goes from call to call."""
    jobs: list[Job] = []
    for _ in range(count):
        jobs += await claim(store, slots=1)
    return jobs


class TestTurns:
    async def test_tenants_take_turns(self, store: Backend) -> None:
        # Given three tenants with several jobs each, one after the other
        await insert(store, *of("a", 1, 3), *of("b", 11, 3), *of("c", 21, 3))
        # When they are claimed
        jobs = await claim(store)
        # Then the tenants take turns, and those of one go in order
        assert ids(jobs) == numbered(1, 11, 21, 2, 12, 22, 3, 13, 23)

    @pytest.mark.parametrize("waiting", [20, 2000])
    async def test_many_jobs_of_one_do_not_hold_up_the_first_of_another(
        self, store: Backend, clock: ManualClock, waiting: int
    ) -> None:
        # Given a tenant with many jobs, some of which were claimed
        for first in range(1, waiting + 1, 1000):
            await insert(store, *of("a", first, min(waiting, 1000)))
        await claim(store, slots=7)
        clock.advance(5)
        # When a job of another comes
        await insert(store, *of("b", 9000))
        # Then it is among the next two
        assert "b" in tenants(await one_by_one(store, 2))

    async def test_each_newcomer_comes_soon(self, store: Backend, clock: ManualClock) -> None:
        # Given two tenants with many jobs, in the middle of their turns
        await insert(store, *of("a", 1, 100), *of("b", 201, 100))
        await one_by_one(store, 33)
        # When others come one by one
        waits = []
        for number, tenant in enumerate("cdefg", 901):
            clock.advance(1)
            await insert(store, *of(tenant, number))
            claimed = await one_by_one(store, 4)
            waits.append(tenants(claimed).index(tenant) + 1)
        # Then each is among the next three
        assert max(waits) <= 3

    async def test_one_claim_of_many_slots_takes_turns_as_many_claims_do(self, store: Backend) -> None:
        # Given the same jobs in two queues
        for queue, first in (("one", 1), ("two", 101)):
            await insert(store, *of("a", first, 5, queue=queue), *of("b", first + 10, 3, queue=queue))
        # When one is claimed at once, and one job by job
        at_once = await claim(store, "one")
        apart = [job for _ in range(8) for job in await claim(store, "two", slots=1)]
        # Then the tenants come in the same order
        assert tenants(at_once) == tenants(apart) == "ababab" + "aa"

    async def test_jobs_without_a_tenant_are_of_one(self, store: Backend) -> None:
        # Given jobs of a tenant, of none, and of one with an empty name
        await insert(store, *of("a", 1, 4), *of(None, 11, 2), *of("", 21, 2))
        # When they are claimed
        jobs = await claim(store)
        # Then those of none and of the empty one take turns with the others as one tenant
        assert ids(jobs) == numbered(1, 11, 2, 12, 3, 21, 4, 22)
        assert [job.spec.tenant for job in jobs[:2]] == ["a", None]

    async def test_without_tenants_jobs_go_by_their_time(self, store: Backend) -> None:
        # Given jobs without tenants, and one that is due earlier
        await insert(store, *many(5), make(9, run_at=0))
        # When they are claimed, then by due time
        assert ids(await claim(store)) == numbered(9, 1, 2, 3, 4, 5)

    async def test_priority_and_deadlines_come_before_turns(self, store: Backend) -> None:
        # Given two tenants, of whom one has jobs of a higher priority and some with deadlines
        await insert(store, *of("a", 1, 2), *of("b", 11, 2), *of("a", 21, 2, priority=90))
        await insert(store, *of("a", 31, 2, start_within_ms=1000))
        # When they are claimed
        jobs = await claim(store)
        # Then those are first, and they are no turns of the others
        assert ids(jobs) == numbered(21, 22, 31, 32, 1, 11, 2, 12)

    async def test_turns_are_of_each_priority_and_queue_alone(self, store: Backend) -> None:
        # Given two tenants in two priorities and two queues
        for place, (queue, priority) in enumerate((("default", 90), ("default", 10), ("other", 50))):
            both = (*of("a", 1 + 100 * place, 2), *of("b", 11 + 100 * place, 2))
            await insert(store, *(structs.replace(job, queue=queue, priority=priority) for job in both))
        # When all are claimed
        jobs = await claim(store, "default", "other")
        # Then the turns begin anew in each
        assert ids(jobs) == numbered(1, 11, 2, 12, 101, 111, 102, 112, 201, 211, 202, 212)

    async def test_lanes_share_the_turns(self, store: Backend) -> None:
        # Given two tenants with jobs in two lanes
        await insert(store, *of("a", 1, 2, lane="x"), *of("a", 3, 2, lane="y"), *of("b", 11, 4, lane="y"))
        # When both lanes have room
        jobs = await claim(store, slots={"x": 9, "y": 9})
        # Then a claim of one lane is a turn in the other
        assert ids(jobs) == numbered(1, 11, 2, 12, 3, 13, 4, 14)

    async def test_a_tenant_whose_lane_is_full_is_passed_over(self, store: Backend) -> None:
        # Given a tenant of which only a full lane has jobs
        await insert(store, *of("a", 1, 2, lane="x"), *of("b", 11, 2, lane="y"), *of("c", 21, 2, lane="y"))
        # When the other lane is claimed, and then both
        first = await claim(store, slots={"x": 0, "y": 3})
        second = await claim(store, slots={"x": 9, "y": 9})
        # Then the first has nothing to catch up on
        assert (ids(first), ids(second)) == (numbered(11, 21, 12), numbered(1, 22, 2))

    async def test_one_that_was_away_does_not_catch_up(self, store: Backend, clock: ManualClock) -> None:
        # Given two tenants who have had many turns, while a third had no jobs but later ones
        await insert(store, *of("a", 1, 50), *of("b", 101, 50), *of("c", 201, 20, delay_ms=1000))
        await one_by_one(store, 40)
        # When those are due
        clock.advance(2)
        jobs = await one_by_one(store, 9)
        # Then it takes turns, and no more
        assert Counter(tenants(jobs)) == {"a": 3, "b": 3, "c": 3}

    async def test_a_job_that_goes_back_stands_in_its_tenant_s_line(self, store: Backend) -> None:
        # Given two tenants, and a running job of one
        job = await start(store, make(1, tenant="a"))
        await insert(store, *of("a", 2, 2), *of("b", 11, 3))
        # When it is given back
        await settle(store, back(job))
        # Then it is the first of its tenant
        assert ids(await claim(store)) == numbered(1, 11, 2, 12, 3, 13)

    async def test_what_leaves_the_line_is_no_turn(self, store: Backend, clock: ManualClock) -> None:
        # Given two tenants, after a turn of the first
        await insert(store, *of("a", 1, 4), *of("b", 11, 4))
        await claim(store, slots=1)
        # When jobs of the second are cancelled, deleted, moved and put off
        await store.cancel([job_id(11)])
        changes = (Change(id=job_id(12), delete=True), Change(id=job_id(13), queue="other"))
        await store.amend([*changes, Change(id=job_id(14), run_at=clock.now() - SECOND)])
        # Then it is still the second's turn
        assert ids(await claim(store)) == numbered(14, 2, 3, 4)

    async def test_what_was_known_is_forgotten_when_one_is_alone(self, store: Backend) -> None:
        # Given a tenant that had three turns for the other's one, which has nothing left, and one job of the first more
        await set_record(store, QUEUE, "default", QueueSettings(weights={"a": 1, "b": 3}))
        await insert(store, *of("a", 1, 3), *of("b", 11, 1))
        order = tenants(await one_by_one(store, 4))
        # When both come back
        await insert(store, *of("b", 21, 2), *of("a", 31, 2))
        # Then the turns begin anew
        assert (order, tenants(await one_by_one(store, 4))) == ("abaa", "baba")

    async def test_an_insert_that_a_held_claim_takes_is_a_turn(self, store: Backend) -> None:
        # Given a tenant whose turn it is, and a job of another that is in a lane of its own
        await insert(store, *of("b", 101, 3), *of("a", 1, 3, lane="x"))
        async with holding(store, want(slots={"y": 1}, hold_ms=30_000)) as held:
            # When a job of the first comes and the held claim takes it
            await insert(store, *of("a", 11, lane="y"))
            assert ids((await answer(held)).jobs) == numbered(11)
        # Then that was its turn
        assert tenants(await claim(store, slots={"": 2, "x": 2})) == "baba"


class TestWeights:
    async def test_claims_are_shared_by_weight(self, store: Backend) -> None:
        # Given tenants of weights 3, 1 and, where nothing is said, 1
        await set_record(store, QUEUE, "default", QueueSettings(weights={"a": 3, "b": 1}))
        await insert(store, *of("a", 1, 90), *of("b", 101, 90), *of("c", 201, 90))
        # When a hundred are claimed
        jobs = await one_by_one(store, 100)
        # Then the shares are as the weights, in all and in each round
        assert Counter(tenants(jobs)) == {"a": 60, "b": 20, "c": 20}
        for first in range(0, 100, 5):
            assert Counter(tenants(jobs[first : first + 5])) == {"a": 3, "b": 1, "c": 1}

    async def test_the_empty_name_is_the_weight_of_jobs_without_a_tenant(self, store: Backend) -> None:
        # Given jobs without a tenant of weight 2
        await set_record(store, QUEUE, "default", QueueSettings(weights={"": 2}))
        await insert(store, *of(None, 1, 20), *of("a", 101, 20))
        # When some are claimed, then they have two turns of three
        assert Counter(tenants(await claim(store, slots=12))) == {".": 8, "a": 4}

    async def test_weights_out_of_range_count_as_the_nearest(self, store: Backend) -> None:
        # Given weights that are too small
        await set_record(store, QUEUE, "default", QueueSettings(weights={"a": 0, "b": -5, "c": 2}))
        await insert(store, *of("a", 1, 20), *of("b", 101, 20), *of("c", 201, 20))
        # When some are claimed, then they count as 1
        assert Counter(tenants(await claim(store, slots=12))) == {"a": 3, "b": 3, "c": 6}

    async def test_a_change_of_weights_holds_from_the_next_turn(self, store: Backend) -> None:
        # Given two tenants in turn
        await insert(store, *of("a", 1, 50), *of("b", 101, 50))
        before = Counter(tenants(await one_by_one(store, 10)))
        # When one gets more weight
        await set_record(store, QUEUE, "default", QueueSettings(weights={"b": 4}))
        after = Counter(tenants(await one_by_one(store, 20)))
        # Then it gets more turns
        assert before == {"a": 5, "b": 5}
        assert 15 <= after["b"] <= 17


class TestTurnsBehindLimits:
    async def test_a_job_that_a_limit_holds_back_is_no_turn(self, store: Backend) -> None:
        # Given two tenants, and a full bucket that holds back the first jobs of one
        limit = Limit(bucket="b", concurrency=1)
        await start(store, make(99, limits=(limit,)))
        await insert(store, *of("a", 1, 2, limits=(limit,)), *of("a", 3, 3), *of("b", 11, 3))
        # When they are claimed
        jobs = await claim(store)
        # Then the turns are as if those were not there
        assert ids(jobs) == numbered(3, 11, 4, 12, 5, 13)

    async def test_a_full_queue_is_shared_by_turns(self, store: Backend, clock: ManualClock) -> None:
        # Given a queue of which two may run, in which one tenant has many jobs
        await set_record(store, QUEUE, "default", QueueSettings(concurrency=2))
        await insert(store, *of("a", 1, 300))
        running = await claim(store)
        clock.advance(5)
        # When another tenant comes while all of the first are held back, and runs end one by one
        await insert(store, *of("b", 901, 5))
        assert await claim(store) == []
        order = ""
        for _ in range(10):
            await settle(store, complete(running.pop(0)))
            claimed = await claim(store)
            running += claimed
            order += tenants(claimed)
        # Then they take turns from the first permit that comes back
        assert order in ("ab" * 5, "ba" * 5)

    async def test_a_shared_limit_is_shared_by_weight(self, store: Backend, clock: ManualClock) -> None:
        # Given tenants of weights 2 and 1 whose jobs share a limit, all held back
        limit = Limit(bucket="shared", concurrency=1)
        await set_record(store, QUEUE, "default", QueueSettings(weights={"a": 2}))
        running = await start(store, make(999, limits=(limit,)))
        await insert(store, *of("b", 101, 30, limits=(limit,)), *of("a", 1, 30, limits=(limit,)))
        assert await claim(store) == []
        # When the permit goes round
        order = ""
        for _ in range(12):
            await settle(store, complete(running))
            (running,) = await claim(store)
            order += tenants([running])
        # Then each has its share
        assert Counter(order) == {"a": 8, "b": 4}
