"""What the tests of damage share: a store with a job in each state, and what is expected of an audit of it."""

from __future__ import annotations

from abaca.backend import Backend
from abaca.model import Fault, FaultKind, NewJob, State
from abaca.testing.conformance.making import LEASE, claim, complete, finish, insert, job_id, make, settle, start

WAITING, RUNNING, ENDED, FREE = (job_id(number) for number in (1, 2, 3, 9))
"""Ids of the jobs that ``fill`` makes, and one that no job has."""
HOLDERS = {WAITING: "waits", RUNNING: "runs"}


async def fill(store: Backend) -> None:
    """A job that waits, one that runs with a log, one that ended; the live ones hold keys."""
    await finish(store, make(3, key="ended"))
    await start(store, make(2, key="runs"))
    await insert(store, make(1, key="waits"))


async def mended(store: Backend, *expected: tuple[FaultKind, str]) -> list[Fault]:
    """Audits find exactly ``expected``; one with repair mends all; then nothing is found, and the store serves.

    A repair may find fewer, because mending one fault may mend another.
    """
    found = await store.audit()
    assert sorted((fault.kind, fault.id) for fault in found) == sorted(expected)
    assert not any(fault.repaired for fault in found)
    repaired = await store.audit(repair=True)
    assert repaired
    assert {(fault.kind, fault.id) for fault in repaired} <= set(expected)
    assert all(fault.repaired for fault in repaired), repaired
    assert await store.audit() == []
    assert (await store.stats()).repaired == len(repaired)
    await serves(store)
    return repaired


async def serves(store: Backend) -> None:
    """Every job that was there comes to its end, and a new one does too."""
    await insert(store, NewJob(id=job_id(77), task="work"))
    jobs = [*await store.reclaim(10, LEASE), *await claim(store, slots=10)]
    await settle(store, *(complete(job) for job in jobs))
    last = await store.get([WAITING, ENDED, job_id(77)])
    assert [job is not None and job.state is State.COMPLETED for job in last] == [True] * 3
    assert await store.audit() == []
