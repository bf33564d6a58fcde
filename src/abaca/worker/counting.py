"""Counts what the loop claims and settles, a batch at a time: every job passes here."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from abaca.measures import BOUNDS, Cell, Measures
from abaca.model import Job, Settle, State, Transition, Verdict
from abaca.policy.outcome import Crashed, LeaseLost, Outcome, Released, Snoozed, TaskMissing, TimedOut
from abaca.worker.settles import Finished

_COMPLETED = State.COMPLETED


class Counting:
    """Fills the ``Measures`` of one process from the event loop of its jobs."""

    __slots__ = ("measures",)

    def __init__(self, measures: Measures | None = None) -> None:
        self.measures = Measures() if measures is None else measures

    def claimed(self, jobs: Iterable[Job]) -> None:
        queue = task = ""
        for job in jobs:
            spec = job.spec
            if spec.task != task or spec.queue != queue:
                queue, task = spec.queue, spec.task
                cell = self.measures.cell(queue, task)
                waits = cell.waits
            waited = ((job.claimed_at or 0) - job.due_at) * 1e-6
            waits[bisect_left(BOUNDS, waited)] += 1
            if waited > 0.0:
                cell.waited += waited
            if job.epoch != 1:
                cell.again += 1

    def settled(self, batch: Iterable[Finished]) -> None:
        """What the store has applied."""
        queue = task = ""
        for item in batch:
            spec = item.job.spec
            if spec.task != task or spec.queue != queue:
                queue, task = spec.queue, spec.task
                cell = self.measures.cell(queue, task)
                runs = cell.runs
            took = item.took
            if took is not None:
                runs[bisect_left(BOUNDS, took)] += 1
                cell.ran += took
            to = item.settle.to
            if to.target is _COMPLETED:
                cell.completed += 1
            else:
                count_end(cell, item.job, item.outcome, to)

    def lost(self, jobs: Sequence[Job]) -> None:
        """Runs that were no longer ours when they ended."""
        for job in jobs:
            self.measures.cell(job.spec.queue, job.spec.task).lease_losses += 1


def count_ends(measures: Measures, ends: Iterable[tuple[Job, Outcome, Settle]], verdicts: Sequence[Verdict]) -> None:
    """Runs that are settled for workers that cannot do so any more."""
    for (job, outcome, settle), verdict in zip(ends, verdicts, strict=True):
        if verdict is Verdict.APPLIED:
            count_end(measures.cell(job.spec.queue, job.spec.task), job, outcome, settle.to)


def count_end(cell: Cell, job: Job, outcome: Outcome, to: Transition) -> None:
    """One run that ended, however it did."""
    if isinstance(outcome, TimedOut):
        cell.timeouts += 1
    if to.target is State.COMPLETED:
        cell.completed += 1
    elif to.target is State.FAILED:
        cell.failed += 1
    elif to.target is State.CANCELLED:
        cell.cancelled += 1
    elif isinstance(outcome, Snoozed):
        cell.snoozed += 1
    elif isinstance(outcome, Released | TaskMissing):
        cell.given_back += 1
    elif isinstance(outcome, Crashed | LeaseLost) and to.attempts == job.attempts:
        cell.lost += 1
    else:
        cell.retried += 1
