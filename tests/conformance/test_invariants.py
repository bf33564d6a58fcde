"""The judges of concurrent runs see each fault that they are there for."""

from __future__ import annotations

import msgspec
import pytest

from abaca.backends.memory import MemoryBackend
from abaca.model import After, Job, NewJob, State, Stats, Transition, Verdict, When
from abaca.testing import ManualClock
from abaca.testing.clients import Event
from abaca.testing.conformance.making import job_id, make
from abaca.testing.invariants import miscounted, out_of_order, replay, violations

DONE = Transition(target=State.COMPLETED, attempts=1, result=b"1", keep_ms=1000)
BACK = Transition(target=State.WAITING, attempts=1)
RIGHT = Stats(totals={"completed": 1, "failed": 0, "cancelled": 0})


def claim(epoch: int, at: int, client: str = "a") -> Event:
    return Event(kind="claim", client=client, id=job_id(1), epoch=epoch, began=at, ended=at)


def settle(epoch: int, at: int, to: Transition = DONE, verdict: Verdict = Verdict.APPLIED, client: str = "a") -> Event:
    return Event(kind="settle", client=client, id=job_id(1), epoch=epoch, began=at, ended=at, verdict=verdict, to=to)


def beat(epoch: int, at: int) -> Event:
    return Event(kind="beat", client="a", id=job_id(1), epoch=epoch, began=at, ended=at, alive=True)


def ended(epoch: int = 1, revision: int = 3, result: bytes = b"1") -> Job:
    return Job(
        spec=make(1), state=State.COMPLETED, epoch=epoch, revision=revision, attempts=1, result=result, ended_at=1
    )


def test_a_right_run_breaks_nothing() -> None:
    # Given a job that was lost once, and whose first holder came late
    events = [claim(1, 1), claim(2, 5, "b"), settle(2, 7, client="b"), settle(1, 9, verdict=Verdict.STALE)]
    # When it is judged
    broken = violations(events, [ended(epoch=2)], RIGHT)
    # Then nothing is found
    assert broken == []


@pytest.mark.parametrize(
    ("events", "word"),
    [
        ([claim(1, 1), claim(1, 2, "b"), settle(1, 3)], "given out 2 times"),
        ([claim(2, 1), claim(1, 5, "b"), settle(1, 7)], "was claimed after epoch 2"),
        ([claim(1, 1), claim(2, 5, "b"), settle(1, 7)], "accepted after a later claim"),
        ([claim(1, 1), claim(2, 5, "b"), beat(1, 7), settle(2, 9)], "a beat at epoch 1 was accepted"),
        ([settle(1, 3)], "which nobody was given"),
        ([claim(1, 1), settle(1, 3), settle(1, 4, BACK)], "settled in 2 ways"),
        ([claim(1, 1), settle(1, 3), claim(2, 5), settle(2, 6)], "ended 2 times"),
        ([claim(1, 1)], "ended 0 times"),
        ([claim(1, 1), settle(1, 3, msgspec.structs.replace(DONE, result=b"2"))], "its record says"),
    ],
)
def test_each_broken_promise_is_named(events: list[Event], word: str) -> None:
    # Given a history with one fault
    # When it is judged
    broken = violations(events, [ended()], RIGHT)
    # Then the fault is among what is found
    assert any(word in line for line in broken), broken


def test_wrong_counts_are_named() -> None:
    # Given a right run, and a store that counts two ends and a running job
    stats = Stats(totals={"completed": 2}, running=1)
    # When it is judged
    broken = violations([claim(1, 1), settle(1, 3)], [ended()], stats)
    # Then both counts are named
    assert [line.split()[0] for line in broken] == ["totals", "1"]


def test_wrong_counts_of_parents_are_named() -> None:
    # Given a completed and a running job, and children of both that count them rightly, wrongly, and no longer
    done = Job(spec=make(1), state=State.COMPLETED)
    runs = Job(spec=make(2), state=State.RUNNING)
    edges = (After(ids=(done.id,), when=When.FAILED), After(ids=(runs.id,)))
    right = Job(spec=make(3, after=edges), open_parents=1, unmet=1)
    wrong = [Job(spec=make(number, after=edges), open_parents=2, unmet=number - 4) for number in (4, 5)]
    gone_on = Job(spec=make(6, after=edges))
    # When they are judged
    broken = miscounted([done, runs, right, *wrong, gone_on])
    # Then those that are wrong are named
    assert [line.split(":")[0] for line in broken] == [f"job {job.id}" for job in wrong]


def test_an_overtaken_job_is_named() -> None:
    # Given claims one after the other, of which the second took an earlier job
    claims = [Event(kind="claim", client="a", id=id, began=at, ended=at) for id, at in (("y", 1), ("x", 5))]
    # When they are judged by the places of the jobs
    broken = out_of_order(claims, {"x": 0, "y": 1})
    # Then it is named
    assert broken == ["job 0 was given out after job 1"]


async def replayed(events: list[Event], job: Job) -> list[str]:
    clock = ManualClock()
    specs: list[NewJob] = [make(1)]
    return await replay(specs, events, [job], MemoryBackend(clock), clock)


async def test_a_replay_accepts_a_right_run() -> None:
    # Given a job that was lost once
    events = [claim(1, 1), claim(2, 5, "b"), settle(2, 7, client="b"), settle(1, 9, verdict=Verdict.STALE)]
    # When it is replayed
    broken = await replayed(events, ended(epoch=2, revision=4))
    # Then nothing differs
    assert broken == []


async def test_a_replay_finds_a_write_that_nobody_asked_for() -> None:
    # Given a record that was written once more than its history tells
    job = ended(revision=4)
    # When it is replayed
    (broken,) = await replayed([claim(1, 1), settle(1, 3)], job)
    # Then the records differ
    assert "the replay ends with" in broken


async def test_a_replay_finds_a_wrong_verdict() -> None:
    # Given a run that was settled in two ways, both accepted
    events = [claim(1, 1), settle(1, 3), settle(1, 4, BACK)]
    # When it is replayed
    broken = await replayed(events, ended())
    # Then the second verdict is wrong
    assert any("heard" in line for line in broken)
