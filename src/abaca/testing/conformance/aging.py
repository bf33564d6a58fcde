"""Aging: however many jobs of a high priority come, the one that has been due longest is claimed soon."""

from __future__ import annotations

from abaca.backend import Backend
from abaca.clock import ManualClock
from abaca.model import AGED_SLOT, QUEUE, Limit, QueueSettings
from abaca.testing.conformance.making import (
    claim,
    claim_one,
    complete,
    finish,
    ids,
    insert,
    job_id,
    make,
    many,
    numbered,
    settle,
    start,
)
from abaca.testing.conformance.queuecontrol import set_record

AGING = QueueSettings(aging=True)


async def place_of(store: Backend, number: int, most: int) -> int:
    """As the how-manieth of the next claims of one job each a job comes; ``most`` + 1 where it does not."""
    for place in range(1, most + 1):
        if (await claim_one(store)).id == job_id(number):
            return place
    return most + 1


class TestAging:
    async def test_without_it_low_priority_waits(self, store: Backend, clock: ManualClock) -> None:
        # Given a job of the lowest priority, and many others, in a queue that does not age
        await insert(store, make(1, priority=0))
        clock.advance(60)
        await insert(store, *many(50, 101))
        # When as many are claimed, then it is not among them
        assert await place_of(store, 1, 50) == 51

    async def test_the_longest_due_is_claimed_within_the_bound(self, store: Backend, clock: ManualClock) -> None:
        # Given a queue that ages, in which the next claim has any number
        await set_record(store, QUEUE, "default", AGING)
        places = []
        for number in range(1, AGED_SLOT + 1):
            await insert(store, make(number, priority=0))
            clock.advance(60)
            # When jobs of a higher priority never end
            await insert(store, *many(AGED_SLOT + 1, 1000 * number))
            places.append(await place_of(store, number, AGED_SLOT))
            await claim(store, slots=AGED_SLOT + 2 - places[-1])
        # Then it comes within the bound each time
        assert max(places) <= AGED_SLOT

    async def test_one_claim_in_so_many_is_by_age(self, store: Backend, clock: ManualClock) -> None:
        # Given a queue that ages, with old jobs of low priority and new ones of a high one
        await set_record(store, QUEUE, "default", AGING)
        await insert(store, *many(4, 1, priority=0))
        clock.advance(60)
        await insert(store, *many(80, 101))
        # When they are claimed in batches of uneven size
        order: list[str] = []
        while len(order) < 4 * AGED_SLOT:
            order += ids(await claim(store, slots=7))
        # Then each sixteenth is the one that has been due longest, and the others go by priority
        assert order[AGED_SLOT - 1 : 4 * AGED_SLOT : AGED_SLOT] == numbered(1, 2, 3, 4)
        rest = [id for place, id in enumerate(order, 1) if place % AGED_SLOT]
        assert rest == numbered(*range(101, 101 + len(rest)))

    async def test_the_longest_due_of_all_lines_of_free_lanes(self, store: Backend, clock: ManualClock) -> None:
        # Given old jobs of several lanes, one with a deadline, and one of later, and a claim before the aged one
        await set_record(store, QUEUE, "default", AGING)
        await insert(store, make(1, priority=0, lane="full"), make(2, priority=0, delay_ms=600_000))
        clock.advance(1)
        await insert(store, make(3, priority=9, start_within_ms=10**9), make(4, priority=0, tenant="t"))
        clock.advance(60)
        await insert(store, *many(AGED_SLOT - 1, 101))
        await claim(store, slots=AGED_SLOT - 1)
        await insert(store, *many(5, 201))
        # When the next is claimed
        job = await claim_one(store)
        # Then it is the oldest that is due in a free lane, by id where two are as old
        assert job.id == job_id(3)

    async def test_a_claim_by_age_is_no_turn(self, store: Backend, clock: ManualClock) -> None:
        # Given two tenants in turn, in a queue that ages, before the aged claim
        await set_record(store, QUEUE, "default", AGING)
        await insert(store, *many(20, 1, tenant="a"), *many(20, 101, tenant="b"))
        order = [(await claim_one(store)).spec.tenant for _ in range(AGED_SLOT + 4)]
        # When it takes the oldest, of the tenant whose turn it was not
        # Then that is beside the turns
        turns = order[: AGED_SLOT - 1] + order[AGED_SLOT:]
        assert order[AGED_SLOT - 1] == "a"
        assert turns == ["ab"[place % 2] for place in range(len(turns))]

    async def test_a_job_that_a_limit_holds_back_is_no_claim(self, store: Backend, clock: ManualClock) -> None:
        # Given a queue that ages, with an old job that a limit holds back, before the aged claim
        limit = Limit(bucket="b", concurrency=1)
        holder = await start(store, make(900, queue="other", limits=(limit,)))
        await set_record(store, QUEUE, "default", AGING)
        await insert(store, make(1, priority=0, limits=(limit,)), make(2, priority=0))
        clock.advance(60)
        await insert(store, *many(60, 101))
        await claim(store, slots=AGED_SLOT - 1)
        # When two more are claimed
        jobs = await claim(store, slots=2)
        # Then the slot goes to the oldest that may run, and the next begins
        assert ids(jobs) == numbered(2, 101 + AGED_SLOT - 1)
        await settle(store, complete(holder))
        assert await place_of(store, 1, AGED_SLOT) == AGED_SLOT - 1

    async def test_claims_are_counted_for_each_queue_that_ages(self, store: Backend, clock: ManualClock) -> None:
        # Given a queue that ages and one that does not
        await set_record(store, QUEUE, "default", AGING)
        await insert(store, make(1, priority=0))
        clock.advance(60)
        await insert(store, *many(AGED_SLOT, 101))
        # When many are claimed from the other
        for number in range(500, 500 + AGED_SLOT):
            await finish(store, make(number, queue="other"))
        # Then they do not count in the first
        assert await place_of(store, 1, AGED_SLOT) == AGED_SLOT

    async def test_it_can_be_switched_off(self, store: Backend, clock: ManualClock) -> None:
        # Given a queue that aged, one claim before the aged one
        await set_record(store, QUEUE, "default", AGING)
        await insert(store, make(1, priority=0))
        clock.advance(60)
        await insert(store, *many(AGED_SLOT * 2, 101))
        await claim(store, slots=AGED_SLOT - 1)
        # When it ages no more for some claims, and then again
        await set_record(store, QUEUE, "default", QueueSettings())
        off = await claim(store, slots=5)
        await set_record(store, QUEUE, "default", AGING)
        # Then those were not counted
        assert job_id(1) not in ids(off)
        assert await place_of(store, 1, AGED_SLOT) == 1
