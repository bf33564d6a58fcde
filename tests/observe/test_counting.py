"""Batches are counted as a whole and one by one, with the same sums; ends are told apart."""

from __future__ import annotations

import random

import pytest

from abaca.codec import new_id
from abaca.measures import BOUNDS
from abaca.model import ErrorInfo, Job, NewJob, Settle, State
from abaca.policy.outcome import (
    Aborted,
    Crashed,
    Expired,
    LeaseLost,
    Outcome,
    Raised,
    Released,
    Returned,
    Snoozed,
    TaskMissing,
    TimedOut,
    WasCancelled,
)
from abaca.worker.counting import Counting, count_end
from abaca.worker.judging import judge
from abaca.worker.settles import Finished

NOW = 1_800_000_000_000_000
ERROR = ErrorInfo(type="builtins.OSError", kinds=("builtins.OSError", "builtins.Exception"))


def running(waited: float = 0.0, *, task: str = "render", losses: int = 0, attempts: int = 0) -> Job:
    return Job(
        spec=NewJob(id=new_id(), task=task),
        state=State.RUNNING,
        epoch=1,
        due_at=NOW - round(waited * 1e6),
        claimed_at=NOW,
        losses=losses,
        attempts=attempts,
    )


def finished(job: Job, outcome: Outcome, took: float | None = 0.0) -> Finished:
    return Finished(job, outcome, Settle(id=job.id, epoch=1, to=judge(job, outcome)), took)


@pytest.mark.parametrize("seed", range(20))
def test_a_batch_counts_as_its_jobs_do_one_by_one(seed: int) -> None:
    # Given a claim and its ends, of one task or of several, with waits around the bounds of the buckets
    rand = random.Random(seed)
    tasks = ["render"] if seed % 2 else ["render", "mail"]
    times = [*BOUNDS, *(rand.expovariate(1 / rand.choice([0.01, 1.0, 100.0])) for _ in range(60)), -1.0, 90_000.0]
    rand.shuffle(times)
    jobs = [running(waited, task=rand.choice(tasks)) for waited in times]
    outcomes: list[Outcome] = [Returned(result=b"1"), Raised(error=ERROR), Snoozed(delay_ms=1)]
    ends = [
        finished(job, rand.choice(outcomes), rand.choice([None, abs(took)]))
        for job, took in zip(jobs, reversed(times), strict=True)
    ]
    # When they are counted as a whole and one by one
    whole, single = Counting(queue="default" if seed % 3 else None), Counting()
    whole.claimed(jobs)
    whole.settled(ends)
    for job in jobs:
        single.claimed([job])
    for end in ends:
        single.settled([end])
    # Then the counts are the same, and the sums but for their rounding and what was claimed before it was due
    for name, cell in single.measures.cells.items():
        other = whole.measures.cells[name]
        assert (other.waits, other.runs) == (cell.waits, cell.runs)
        assert (other.completed, other.retried, other.snoozed) == (cell.completed, cell.retried, cell.snoozed)
        assert other.ran == pytest.approx(cell.ran)
        assert other.waited == pytest.approx(cell.waited, abs=2.0)


@pytest.mark.parametrize(
    ("outcome", "job", "counted"),
    [
        (Returned(result=b"1"), running(), {"completed"}),
        (Raised(error=ERROR), running(), {"retried"}),
        (Raised(error=ERROR), running(attempts=3), {"failed"}),
        (TimedOut(timeout_ms=5), running(), {"retried", "timeouts"}),
        (TimedOut(timeout_ms=5), running(attempts=3), {"failed", "timeouts"}),
        (Aborted(error=ERROR), running(), {"failed"}),
        (Snoozed(delay_ms=5), running(), {"snoozed"}),
        (WasCancelled(), running(), {"cancelled"}),
        (Expired(), running(), {"cancelled"}),
        (Released(), running(), {"given_back"}),
        (TaskMissing(), running(), {"given_back"}),
        (LeaseLost(), running(), {"lost"}),
        (Crashed(signal=9), running(), {"lost"}),
        (Crashed(signal=9, alone=True), running(), {"retried"}),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Outcome) else None,
)
def test_each_end_is_counted_as_what_it_means(outcome: Outcome, job: Job, counted: set[str]) -> None:
    # Given a run
    counting = Counting()
    cell = counting.measures.cell("default", "render")
    # When it ends so
    count_end(cell, job, outcome, judge(job, outcome))
    # Then that is counted, and nothing else
    names = ("completed", "failed", "retried", "snoozed", "cancelled", "given_back", "lost", "timeouts")
    assert {name for name in names if getattr(cell, name)} == counted
