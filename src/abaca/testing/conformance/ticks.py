"""Ticks: of all who fire one, one job comes, whatever became of it since."""

from __future__ import annotations

from abaca.backend import Backend
from abaca.clock import ManualClock
from abaca.model import CURSOR, Change, Inserted, NewJob, Record, Tick, Verdict
from abaca.testing.conformance.making import claim_one, complete, fetch, finish, insert, job_id, make, settle


async def anchor(store: Backend, at: int = 100, schedule: str = "s") -> None:
    """Give the schedule a cursor."""
    assert await store.put([Record(kind=CURSOR, id=schedule, data=b"%d" % at)]) == [Verdict.APPLIED]


async def cursor(store: Backend, schedule: str = "s") -> bytes | None:
    (record,) = await store.read(CURSOR, [schedule])
    return None if record is None else record.data


def ticked(number: int, at: int, schedule: str = "s", **fields: object) -> NewJob:
    return make(number, tick=Tick(schedule=schedule, at=at), **fields)


class TestTicks:
    async def test_a_tick_after_the_cursor_is_stored_and_moves_it(self, store: Backend) -> None:
        # Given a schedule
        await anchor(store, 100)
        # When its next tick is fired
        outcomes = await insert(store, ticked(1, 200))
        # Then the job is there with its tick, and the cursor is at it
        assert (outcomes, await cursor(store)) == ([Inserted.INSERTED], b"200")
        assert (await fetch(store, job_id(1))).spec.tick == Tick(schedule="s", at=200)

    async def test_a_tick_at_or_before_the_cursor_has_passed(self, store: Backend) -> None:
        # Given a schedule whose cursor is at a tick
        await anchor(store, 200)
        # When that tick and an earlier one are fired by others
        outcomes = await insert(store, ticked(1, 200), ticked(2, 150))
        # Then nothing is stored and the cursor stays
        assert (outcomes, await cursor(store)) == ([Inserted.PASSED] * 2, b"200")
        assert await store.get([job_id(1), job_id(2)]) == [None, None]

    async def test_a_tick_whose_job_is_gone_does_not_come_again(self, store: Backend) -> None:
        # Given a tick whose job ended and was deleted
        await anchor(store)
        await finish(store, ticked(1, 200))
        await store.amend([Change(id=job_id(1), delete=True)])
        # When it is fired once more
        outcomes = await insert(store, ticked(1, 200))
        # Then it has passed
        assert outcomes == [Inserted.PASSED]

    async def test_the_same_job_again_is_known(self, store: Backend) -> None:
        # Given a tick that was stored
        await anchor(store)
        await insert(store, ticked(1, 200))
        # When the reply was lost and it is fired again
        outcomes = await insert(store, ticked(1, 200))
        # Then it is known
        assert outcomes == [Inserted.KNOWN]

    async def test_a_schedule_without_a_cursor_fires_nothing(self, store: Backend) -> None:
        # When a tick of a schedule that is gone is fired by somebody who had not heard
        outcomes = await insert(store, ticked(1, 200))
        # Then it has passed
        assert (outcomes, await cursor(store)) == ([Inserted.PASSED], None)

    async def test_schedules_have_cursors_of_their_own(self, store: Backend) -> None:
        # Given two schedules
        await anchor(store, 100, "s")
        await anchor(store, 500, "t")
        # When both fire the same instant
        outcomes = await insert(store, ticked(1, 300, "s"), ticked(2, 300, "t"))
        # Then each is judged by its own cursor
        assert outcomes == [Inserted.INSERTED, Inserted.PASSED]

    async def test_a_held_key_still_moves_the_cursor(self, store: Backend) -> None:
        # Given a schedule whose last job still lives and holds the schedule's key
        await anchor(store)
        await insert(store, ticked(1, 200, key="k"))
        # When the next tick is fired
        outcomes = await insert(store, ticked(2, 300, key="k"))
        # Then it is skipped for good
        assert (outcomes, await cursor(store)) == ([Inserted.HELD], b"300")

    async def test_the_cursor_is_a_record_whose_version_rises(self, store: Backend) -> None:
        # Given a schedule that has fired
        await anchor(store)
        await insert(store, ticked(1, 200))
        # When somebody moves the cursor by the version it had before
        verdicts = await store.put([Record(kind=CURSOR, id="s", data=b"900", version=1)])
        # Then that is refused
        assert (verdicts, await cursor(store)) == ([Verdict.STALE], b"200")

    async def test_a_batch_of_ticks_is_stored_in_order(self, store: Backend) -> None:
        # Given a schedule that missed some ticks
        await anchor(store)
        # When they are fired together, one of them twice
        outcomes = await insert(store, ticked(1, 200), ticked(2, 300), ticked(3, 300), ticked(4, 400))
        # Then each is there once
        assert outcomes == [Inserted.INSERTED, Inserted.INSERTED, Inserted.PASSED, Inserted.INSERTED]
        assert await cursor(store) == b"400"

    async def test_a_follow_up_may_carry_a_tick(self, store: Backend, clock: ManualClock) -> None:
        # Given a running job
        await anchor(store)
        await insert(store, make(1))
        job = await claim_one(store)
        # When it ends with a follow-up that carries a tick
        await settle(store, complete(job, then=(ticked(2, 200),)))
        # Then the tick was judged like any other
        assert await cursor(store) == b"200"
        assert (await claim_one(store)).id == job_id(2)
