"""Whatever is done to a store through the seam, it agrees with its own records; an audit says so."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from abaca.backend import Backend
from abaca.clock import ManualClock
from abaca.model import After, Change, ErrorInfo, Fault, Job, Kind, NewJob, NewUpdate, Record
from abaca.testing.conformance.making import (
    back,
    claim,
    complete,
    fail,
    fetch,
    finish,
    insert,
    job_id,
    make,
    many,
    settle,
    start,
)
from abaca.testing.differential import perform
from abaca.testing.programs import ProgramWriter

CALLS = 300


async def one_of_each(store: Backend) -> list[Job]:
    """A job in each state and on each way between them: keys, logs, delays, follow-ups, retries, a requeue, edges."""
    await finish(store, make(1, key="free again"))
    await settle(store, fail(await start(store, make(2, key="taken again")), error=ErrorInfo(type="E")))
    await store.requeue([(job_id(2), 1)])
    await store.cancel([job_id(2)])
    running = await start(store, make(3, key="runs", queue="runs"))
    await store.append([NewUpdate(id=running.id, epoch=1, seq=n, kind=kind) for n, kind in enumerate(Kind, 1)])
    await settle(store, back(await start(store, make(4)), delay_ms=60_000))
    await settle(store, complete(await start(store, make(5)), then=(make(6, key="follows"),)))
    await insert(store, make(7, delay_ms=5_000, priority=90), make(8, key="waits"), make(9, queue="other", lane="x"))
    await store.amend([Change(id=job_id(8), priority=1, queue="moved"), Change(id=job_id(5), delete=True)])
    await store.put([Record(kind="kind", id="a", data=b"x"), Record(kind="kind", id="b", data=b"x", expires_ms=1)])
    edges = (After(ids=(job_id(1), job_id(2), job_id(7))),)
    await insert(store, make(10, after=edges), make(11, tenant="t"), make(12, start_within_ms=1000))
    return [await fetch(store, job_id(number)) for number in (1, 2, 3, 4, *range(6, 13))]


def told(faults: Sequence[Fault]) -> list[Any]:
    return [(fault.kind.value, fault.id, fault.detail) for fault in faults]


class TestAudit:
    async def test_an_empty_store_has_no_faults(self, store: Backend) -> None:
        assert told(await store.audit()) == []

    async def test_jobs_in_every_state_have_no_faults(self, store: Backend) -> None:
        # Given a job in each state
        await one_of_each(store)
        # When the store is audited, then it agrees with its records
        assert told(await store.audit()) == []

    async def test_a_repair_of_a_sound_store_changes_nothing(self, store: Backend) -> None:
        # Given a job in each state
        before = await one_of_each(store)
        # When the store is repaired, twice
        faults = [await store.audit(repair=True), await store.audit(repair=True)]
        # Then there was nothing to repair, every record is as it was, and none is counted
        assert faults == [[], []]
        assert [await fetch(store, job.id) for job in before] == before
        assert (await store.stats()).repaired == 0

    async def test_purged_deleted_and_requeued_jobs_leave_the_totals_right(
        self, store: Backend, clock: ManualClock
    ) -> None:
        # Given ends of which some became tombstones, some are gone, one is deleted, and one waits again
        for number in range(1, 6):
            await finish(store, make(number), keep_ms=1000 * number)
        await store.amend([Change(id=job_id(4), delete=True)])
        await store.requeue([(job_id(5), 1)])
        clock.advance(2)
        await store.purge(10)
        clock.advance(4000)
        await store.purge(1)
        # When the store is audited, then its totals equal a recount
        assert told(await store.audit()) == []
        assert (await store.stats()).totals["completed"] == 5

    async def test_more_jobs_than_one_piece_holds(self, store: Backend) -> None:
        # Given some thousands of jobs, of which some run
        for first in range(1, 2500, 500):
            await insert(store, *many(500, first, key=None))
        await claim(store, slots=700)
        # When the store is audited, then it agrees with its records
        assert told(await store.audit()) == []

    async def test_a_random_program_leaves_no_faults(self, store: Backend, clock: ManualClock) -> None:
        for seed in (1, 2):
            # Given some hundreds of random calls
            await ProgramWriter(seed, store, clock, rewinds=False).write(CALLS, perform)
            # When the store is audited, then it agrees with its records
            assert told(await store.audit()) == []

    async def test_an_audit_beside_traffic_reports_nothing(self, live_store: Backend) -> None:
        # Given a store in which thousands of jobs wait
        for first in range(10_001, 13_001, 1000):
            await insert(live_store, *many(1000, first, queue="later"))
        # When jobs are inserted, claimed, ended, requeued and purged while audits with repair run
        stopped = asyncio.Event()
        traffic = asyncio.create_task(_traffic(live_store, stopped))
        faults = [fault for _ in range(4) for fault in await live_store.audit(repair=True)]
        stopped.set()
        await traffic
        # Then none reports a fault, and afterwards none is there
        assert told(faults) == []
        assert told(await live_store.audit()) == []


def _child(number: int) -> NewJob:
    """A job of some tenant that waits for two that came shortly before it, of which one may be such a child as well."""
    return make(number, tenant=f"t{number % 3}", after=(After(ids=(job_id(number - 5), job_id(number - 1))),))


async def _traffic(store: Backend, stopped: asyncio.Event) -> None:
    count = 0
    while not stopped.is_set():
        await insert(store, *(make(count + n, key=f"k{n}") for n in range(1, 21)))
        await insert(store, *many(5, count + 21), *(_child(count + n) for n in range(26, 31)))
        count += 30
        claimed = await claim(store, slots=15)
        await settle(store, *(complete(job, keep_ms=0) for job in claimed[:10]))
        await settle(store, *(back(job) for job in claimed[10:]))
        await store.requeue([(job.id, job.epoch) for job in claimed[:2]])
        await store.cancel([job_id(count)])
        await store.purge(20)
        await asyncio.sleep(0)
