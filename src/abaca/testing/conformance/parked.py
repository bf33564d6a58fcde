"""More parked jobs than one act lets back: a change of settings begins, and each later claim goes on."""

from __future__ import annotations

from abaca.backend import MAX_BATCH, MOST_PARKED, Backend
from abaca.clock import ManualClock
from abaca.model import BUCKET, QUEUE, Change, Limit, NewJob, QueueSettings, Record, Status
from abaca.testing.conformance.hold import answer, holding
from abaca.testing.conformance.limits import statuses
from abaca.testing.conformance.making import (
    claim,
    complete,
    fetch,
    ids,
    insert,
    job_id,
    many,
    numbered,
    settle,
    want,
)
from abaca.testing.conformance.queuecontrol import set_record
from abaca.testing.conformance.tasklimits import MAIL, limit_task

CROWD = 2 * MOST_PARKED + 500
"""More than one change of settings and one claim let back."""


async def park(store: Backend, jobs: list[NewJob]) -> None:
    """Insert jobs that a limit holds back, and have claims park them all."""
    for first in range(0, len(jobs), MAX_BATCH):
        await insert(store, *jobs[first : first + MAX_BATCH])
    for _ in range(0, len(jobs), MOST_PARKED):
        assert await claim(store, slots=MAX_BATCH) == []
    last = (await fetch(store, jobs[-1].id)).status
    assert last is Status.BLOCKED, "all should be parked"


async def claim_rounds(store: Backend, slots: int) -> list[list[str]]:
    """What claims answer until one answers nothing; each job completes before the next claim."""
    rounds: list[list[str]] = []
    while jobs := await claim(store, slots=slots):
        rounds.append(ids(jobs))
        for first in range(0, len(jobs), MAX_BATCH):
            await settle(store, *map(complete, jobs[first : first + MAX_BATCH]))
    return rounds


class TestLetBack:
    async def test_all_of_a_task_run_when_its_pause_ends(self, store: Backend) -> None:
        # Given a paused task with more parked jobs than one act lets back
        await limit_task(store, concurrency=0)
        await park(store, many(CROWD, task="mail"))
        # When the record is deleted
        await store.put([Record(kind=BUCKET, id=MAIL, data=None, version=1)])
        # Then claims get them all, in their order
        rounds = await claim_rounds(store, slots=700)
        assert [id for round in rounds for id in round] == numbered(*range(1, CROWD + 1))

    async def test_all_of_a_queue_run_when_its_limit_goes_away(self, store: Backend) -> None:
        # Given a queue of which none may run, with more parked jobs than one act lets back
        await set_record(store, QUEUE, "default", QueueSettings(concurrency=0))
        await park(store, many(CROWD))
        # When it has no limit any more
        await set_record(store, QUEUE, "default", QueueSettings())
        # Then claims get them all, in their order
        rounds = await claim_rounds(store, slots=700)
        assert [id for round in rounds for id in round] == numbered(*range(1, CROWD + 1))

    async def test_a_claim_lets_as_many_back_as_the_change_did(self, store: Backend) -> None:
        # Given a paused task with more parked jobs than a change and a claim let back
        await limit_task(store, concurrency=0)
        await park(store, many(CROWD, task="mail"))
        ends = (MOST_PARKED, 2 * MOST_PARKED, CROWD)
        seen = []
        # When its pause ends, and claims come that have room for one
        await limit_task(store)
        for _ in range(3):
            seen.append(await statuses(store, *(number for end in ends for number in (end, min(end + 1, CROWD)))))
            await claim(store, slots=1)
        # Then each lets back as many again, until none is parked
        back, parked = Status.QUEUED, Status.BLOCKED
        assert seen == [[back, *[parked] * 5], [back, back, back, *[parked] * 3], [back] * 6]

    async def test_permits_go_round_again_once_the_bucket_is_exhausted(self, store: Backend) -> None:
        # Given a paused task with more parked jobs than one act lets back
        await limit_task(store, concurrency=0)
        await park(store, many(CROWD, task="mail"))
        # When some of them may run, and claims have room for more
        await limit_task(store, concurrency=800)
        rounds = await claim_rounds(store, slots=1500)
        # Then no more run at once, and all run in their order
        assert [len(round) for round in rounds] == [800, 800, 800, 100]
        assert [id for round in rounds for id in round] == numbered(*range(1, CROWD + 1))

    async def test_once_the_bucket_is_exhausted_nobody_is_let_back_without_a_permit(self, store: Backend) -> None:
        # Given a paused task with more parked jobs than a change and a claim let back
        await limit_task(store, concurrency=0)
        await park(store, many(CROWD, task="mail"))
        # When one of them may run, and claims go on
        await limit_task(store, concurrency=1)
        claims = [ids(await claim(store, slots=5)) for _ in range(4)]
        # Then one runs, and the rest is parked
        assert claims == [numbered(1), [], [], []]
        assert await statuses(store, 2, CROWD) == [Status.BLOCKED, Status.BLOCKED]

    async def test_a_rate_holds_from_when_the_bucket_is_exhausted(self, store: Backend, clock: ManualClock) -> None:
        # Given a paused task with more parked jobs than one act lets back
        await limit_task(store, concurrency=0)
        await park(store, many(CROWD, task="mail"))
        # When some of them may start in a second
        await limit_task(store, rate=1000, period_ms=1000, burst=1000)
        rounds = []
        for _ in range(4):
            rounds.append(await claim_rounds(store, slots=1500))
            clock.advance(1)
        # Then as many do, in their order
        assert [[len(round) for round in second] for second in rounds] == [[1000], [1000], [500], []]
        started = [id for second in rounds for round in second for id in round]
        assert started == numbered(*range(1, CROWD + 1))

    async def test_a_held_claim_comes_to_those_behind(self, store: Backend) -> None:
        # Given a paused task, of which another bucket holds back as many as one act lets back, and a held claim
        none = Limit(bucket="own", concurrency=0)
        await limit_task(store, concurrency=0)
        first = many(MOST_PARKED, task="mail", limits=(none,))
        await park(store, [*first, *many(500, MOST_PARKED + 1, task="mail")])
        async with holding(store, want(slots=1, hold_ms=30_000)) as held:
            # When the pause ends
            await store.put([Record(kind=BUCKET, id=MAIL, data=None, version=1)])
            # Then it gets the first behind those
            assert ids((await answer(held)).jobs) == numbered(MOST_PARKED + 1)

    async def test_jobs_that_leave_meanwhile_are_forgotten(self, store: Backend) -> None:
        # Given a task whose pause has ended, with jobs that are still parked
        await limit_task(store, concurrency=0)
        await park(store, many(MOST_PARKED + 2, task="mail"))
        await limit_task(store)
        # When one of those is cancelled and one is moved away
        await store.cancel(numbered(MOST_PARKED + 1))
        await store.amend([Change(id=job_id(MOST_PARKED + 2), priority=90)])
        # Then nothing is wrong, and the rest runs, the moved one first
        assert await store.audit() == []
        rounds = await claim_rounds(store, slots=700)
        order = (MOST_PARKED + 2, *range(1, MOST_PARKED + 1))
        assert [id for round in rounds for id in round] == numbered(*order)
