"""Each kind of entry of the memory store broken by hand: an audit finds it, repairs it, and says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from abaca.backends.memory import MemoryBackend
from abaca.backends.memory.lines import Line, Place
from abaca.model import After, FaultKind, Limit, NewJob, State, When
from abaca.testing import ManualClock
from abaca.testing.conformance.making import claim, complete, job_id, make, settle, start
from tests.hostile.damage import ENDED, FREE, RUNNING, WAITING, fill, mended

Break = Callable[[MemoryBackend], object]
LINE = Line("default", 50, "")

BROKEN: dict[str, tuple[Break, list[tuple[FaultKind, str]]]] = {
    "a waiting job out of its line": (
        lambda store: store._waiting.lines.remove(WAITING),
        [(FaultKind.WAITING_NOT_IN_LINE, WAITING)],
    ),
    "a waiting job at a wrong time": (
        lambda store: setattr(store._rows[WAITING], "due_at", store._rows[WAITING].due_at - 1),
        [(FaultKind.WAITING_NOT_IN_LINE, WAITING)],
    ),
    "a running job still in a line": (
        lambda store: store._waiting.lines.add(LINE, Place(0, RUNNING, 0)),
        [(FaultKind.LINE_WITHOUT_JOB, RUNNING)],
    ),
    "an unknown job in a line": (
        lambda store: store._waiting.lines.add(LINE, Place(0, FREE, 0)),
        [(FaultKind.LINE_WITHOUT_JOB, FREE)],
    ),
    "a running job without a lease": (
        lambda store: setattr(store._rows[RUNNING], "lease_until", None),
        [(FaultKind.RUNNING_WITHOUT_LEASE, RUNNING)],
    ),
    "an ended job without an end": (
        lambda store: setattr(store._rows[ENDED], "ended_at", None),
        [(FaultKind.ENDED_NOT_EXPIRING, ENDED)],
    ),
    "a live job without its key": (
        lambda store: store._keys.drop("waits"),
        [(FaultKind.HOLDER_WITHOUT_KEY, WAITING)],
    ),
    "a key of an unknown job": (
        lambda store: store._keys.take(NewJob(id=FREE, task="", key="nobody"), 0),
        [(FaultKind.KEY_WITHOUT_HOLDER, "nobody")],
    ),
    "a key of an ended job": (
        lambda store: store._keys.take(NewJob(id=ENDED, task="", key="ended"), 0),
        [(FaultKind.KEY_WITHOUT_HOLDER, "ended")],
    ),
    "a total too high": (
        lambda store: store._totals.ended.__setitem__(State.COMPLETED, 5),
        [(FaultKind.COUNT, "totals.completed")],
    ),
    "a total too low": (
        lambda store: store._totals.ended.__setitem__(State.COMPLETED, 0),
        [(FaultKind.COUNT, "totals.completed")],
    ),
}


@pytest.mark.parametrize("how", BROKEN)
async def test_what_was_broken_is_found_and_repaired(how: str, clock: ManualClock) -> None:
    # Given a store with one entry broken by hand
    store = MemoryBackend(clock)
    await fill(store)
    damage, expected = BROKEN[how]
    damage(store)
    # When it is audited, with repair in the end
    # Then exactly that is found and mended, and every job comes to its end
    clock.advance(1)
    await mended(store, *expected)


async def test_a_key_that_another_live_job_holds_is_told_and_stays(clock: ManualClock) -> None:
    # Given a live job whose key is in the hands of another live job with the same key
    store = MemoryBackend(clock)
    await fill(store)
    store._rows[RUNNING].spec = make(2, key="waits")
    store._keys.drop("runs")
    # When it is repaired
    (fault,) = await store.audit(repair=True)
    # Then the fault is told, names the holder, and is not mended
    assert (fault.kind, fault.id, fault.repaired) == (FaultKind.HOLDER_WITHOUT_KEY, RUNNING, False)
    assert WAITING in fault.detail


async def test_a_job_with_two_faults_has_both_repaired(clock: ManualClock) -> None:
    # Given a waiting job that lost its line and its key
    store = MemoryBackend(clock)
    await fill(store)
    store._waiting.lines.remove(WAITING)
    store._keys.drop("waits")
    # When it is audited and repaired, then both are found and mended
    await mended(store, (FaultKind.WAITING_NOT_IN_LINE, WAITING), (FaultKind.HOLDER_WITHOUT_KEY, WAITING))


@dataclass(frozen=True)
class Torn:
    """One way to damage the edges between the running job 1 and its child 2, and what an audit finds."""

    damage: Break
    kind: FaultKind
    id: str


TORN = {
    "an edge is lost": Torn(lambda store: store._edges.forget(job_id(1)), FaultKind.PARENTS, job_id(2)),
    "open parents too many": Torn(
        lambda store: setattr(store._rows[job_id(2)], "open_parents", 2), FaultKind.PARENTS, job_id(2)
    ),
    "unmet parents that are met": Torn(
        lambda store: setattr(store._rows[job_id(2)], "unmet", 1), FaultKind.PARENTS, job_id(2)
    ),
    "an edge to a job that waits for nobody": Torn(
        lambda store: store._edges._children.setdefault(job_id(1), {}).update({job_id(3): When.ENDED}),
        FaultKind.EDGE_WITHOUT_JOB,
        job_id(3),
    ),
    "an edge from an unknown job": Torn(
        lambda store: store._edges._children.update({FREE: {job_id(2): When.ENDED}}),
        FaultKind.EDGE_WITHOUT_JOB,
        job_id(2),
    ),
    "a blocked job in a line": Torn(
        lambda store: store._waiting.lines.add(LINE, Place(0, job_id(2), 0)),
        FaultKind.LINE_WITHOUT_JOB,
        job_id(2),
    ),
    "a blocked job that is not counted": Torn(
        lambda store: store._waiting.apart.clear(), FaultKind.WAITING_NOT_IN_LINE, job_id(2)
    ),
}


@pytest.mark.parametrize("how", TORN)
async def test_a_torn_edge_is_found_and_the_child_goes_when_its_parent_ends(how: str, clock: ManualClock) -> None:
    # Given a running job, its child, and a waiting job; and their edges damaged
    store = MemoryBackend(clock)
    parent = await start(store, make(1))
    await store.insert([make(2, after=(After(ids=(job_id(1),)),)), make(3, delay_ms=60_000)])
    torn = TORN[how]
    torn.damage(store)
    # When the store is mended
    faults = await store.audit(repair=True)
    # Then the fault is told, and the child waits for its parent as before
    assert [(fault.kind, fault.id, fault.repaired) for fault in faults] == [(torn.kind, torn.id, True)]
    assert (await store.audit(), await claim(store)) == ([], [])
    await settle(store, complete(parent))
    assert [(job.id, job.unmet) for job in await claim(store)] == [(job_id(2), 0)]


async def test_a_permit_of_a_job_that_does_not_run_is_found_and_given_to_the_next() -> None:
    # Given a bucket for one whose permit belongs to a job that is gone, and a job held back by it
    limit = Limit(bucket="b", concurrency=1)
    clock = ManualClock()
    store = MemoryBackend(clock)
    await store.insert([make(1, limits=(limit,))])
    store._waiting.buckets.take(FREE, [limit], clock.now())
    assert await claim(store) == []
    # When the store is audited and mended
    faults = await store.audit(repair=True)
    # Then the permit is told, and the job runs
    assert [(fault.kind, fault.id, fault.repaired) for fault in faults] == [(FaultKind.PERMIT_WITHOUT_RUN, FREE, True)]
    assert len(await claim(store)) == 1
