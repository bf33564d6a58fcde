"""Counts what the loop claims and settles, a batch at a time.

Every job passes here twice, so a large batch of one task is counted as a whole: by list comprehensions and a sort, at
half of what one step for each job costs.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

from abaca.measures import BOUNDS, Cell, Measures
from abaca.model import Job, Settle, State, Transition, Verdict
from abaca.policy.outcome import Crashed, LeaseLost, Outcome, Released, Returned, Snoozed, TaskMissing, TimedOut
from abaca.worker.settles import Finished

_MANY = 32
_US = 1e-6


class Counting:
    """Fills the ``Measures`` of one process from the event loop of its jobs. ``queue``: all jobs are of this one."""

    __slots__ = ("_queue", "measures")

    def __init__(self, measures: Measures | None = None, queue: str | None = None) -> None:
        self.measures = Measures() if measures is None else measures
        self._queue = queue

    def claimed(self, jobs: Sequence[Job]) -> None:
        """What one claim brought, which is not nothing: it was made at one time."""
        if len(jobs) >= _MANY:
            tasks = {job.spec.task for job in jobs}
            queues = {job.spec.queue for job in jobs} if self._queue is None else {self._queue}
            if len(tasks) == len(queues) == 1:
                self._claimed_alike(self.measures.cell(queues.pop(), tasks.pop()), jobs)
                return
        queue, task = jobs[0].spec.queue, jobs[0].spec.task
        cell = self.measures.cell(queue, task)
        for job in jobs:
            spec = job.spec
            if spec.task != task or spec.queue != queue:
                queue, task = spec.queue, spec.task
                cell = self.measures.cell(queue, task)
            waited = ((job.claimed_at or 0) - job.due_at) * _US
            cell.waits[bisect_left(BOUNDS, waited)] += 1
            if waited > 0.0:
                cell.waited += waited

    def _claimed_alike(self, cell: Cell, jobs: Sequence[Job]) -> None:
        """Jobs of one line became due one after the other: mostly all are of one bucket."""
        at = jobs[0].claimed_at or 0
        due = [job.due_at for job in jobs]
        bucket = bisect_left(BOUNDS, (at - max(due)) * _US)
        if bucket == bisect_left(BOUNDS, (at - min(due)) * _US):
            cell.waits[bucket] += len(due)
        else:
            _spread(cell.waits, [(at - one) * _US for one in due])
        cell.waited += max(0, at * len(due) - sum(due)) * _US

    def settled(self, batch: Sequence[Finished]) -> None:
        """What the store has applied; not nothing."""
        if len(batch) >= _MANY:
            tasks = {item.job.spec.task for item in batch}
            queues = {item.job.spec.queue for item in batch} if self._queue is None else {self._queue}
            if len(tasks) == len(queues) == 1:
                self._settled_alike(self.measures.cell(queues.pop(), tasks.pop()), batch)
                return
        queue, task = batch[0].job.spec.queue, batch[0].job.spec.task
        cell = self.measures.cell(queue, task)
        for item in batch:
            spec, took = item.job.spec, item.took
            if spec.task != task or spec.queue != queue:
                queue, task = spec.queue, spec.task
                cell = self.measures.cell(queue, task)
            if took is not None:
                cell.runs[bisect_left(BOUNDS, took)] += 1
                cell.ran += took
            if type(item.outcome) is Returned:
                cell.completed += 1
            else:
                count_end(cell, item.job, item.outcome, item.settle.to)

    def _settled_alike(self, cell: Cell, batch: Sequence[Finished]) -> None:
        took = [item.took for item in batch if item.took is not None]
        _spread(cell.runs, took)
        cell.ran += sum(took)
        others = [item for item in batch if type(item.outcome) is not Returned]
        cell.completed += len(batch) - len(others)
        for item in others:
            count_end(cell, item.job, item.outcome, item.settle.to)

    def lost(self, job: Job) -> None:
        """A run that was no longer ours when it ended."""
        self.measures.cell(job.spec.queue, job.spec.task).lease_losses += 1


def _spread(buckets: list[int], values: list[float]) -> None:
    """Count the values, which are mostly in order already, by ``BOUNDS``."""
    values.sort()
    below, total = 0, len(values)
    for place, bound in enumerate(BOUNDS):
        if below == total:
            return
        upto = bisect_right(values, bound, below)
        buckets[place] += upto - below
        below = upto
    buckets[-1] += total - below


def count_ends(measures: Measures, ends: Iterable[tuple[Job, Outcome, Settle]], verdicts: Sequence[Verdict]) -> None:
    """Runs that are settled for workers that cannot do so any more."""
    for (job, outcome, settle), verdict in zip(ends, verdicts, strict=True):
        if verdict is Verdict.APPLIED:
            count_end(measures.cell(job.spec.queue, job.spec.task), job, outcome, settle.to)


def count_end(cell: Cell, job: Job, outcome: Outcome, to: Transition) -> None:
    """One run that ended, however it did."""
    if to.target is State.COMPLETED:
        cell.completed += 1
        return
    if isinstance(outcome, TimedOut):
        cell.timeouts += 1
    if to.target is State.FAILED:
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
