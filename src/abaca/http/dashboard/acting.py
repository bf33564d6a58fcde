"""What buttons do to jobs, one or many; each answers in words what became of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

from abaca import cancelling
from abaca.backend import MAX_BATCH
from abaca.http.dashboard.desk import Desk
from abaca.model import Amended, Cancelled, Change, Job, Requeued

T = TypeVar("T")

_CANCELLED = {
    Cancelled.ENDED: "cancelled",
    Cancelled.FLAGGED: "running and told to stop",
    Cancelled.ALREADY: "ended before",
    Cancelled.UNKNOWN: "gone",
}
_REQUEUED = {
    Requeued.REQUEUED: "requeued",
    Requeued.HELD: "left, because another live job has its key",
    Requeued.STALE: "left, because it changed meanwhile",
    Requeued.UNKNOWN: "gone",
}
_DELETED = {
    Amended.APPLIED: "deleted",
    Amended.BUSY: "left, because it runs",
    Amended.STALE: "left, because it changed meanwhile",
    Amended.UNKNOWN: "gone",
}


async def cancel_jobs(desk: Desk, jobs: Sequence[Job]) -> Counter[str]:
    done: Counter[str] = Counter()
    for ids in _batches([job.id for job in jobs]):
        answers: list[Cancelled] = await desk.ask(lambda backend, ids=ids: cancelling.cancel_jobs(backend, ids))  # type: ignore[misc]
        done.update(_CANCELLED[each] for each in answers)
    return done


async def requeue_jobs(desk: Desk, jobs: Sequence[Job]) -> Counter[str]:
    done: Counter[str] = Counter()
    for runs in _batches([(job.id, job.epoch) for job in jobs if job.state.ended]):
        done.update(_REQUEUED[each] for each in await desk.ask(lambda backend, runs=runs: backend.requeue(runs)))  # type: ignore[misc]
    return done


async def delete_jobs(desk: Desk, jobs: Sequence[Job]) -> Counter[str]:
    done: Counter[str] = Counter()
    for changes in _batches([Change(id=job.id, revision=job.revision, delete=True) for job in jobs]):
        done.update(_DELETED[each] for each in await desk.ask(lambda backend, some=changes: backend.amend(some)))  # type: ignore[misc]
    return done


ACTS = {"cancel": cancel_jobs, "requeue": requeue_jobs, "delete": delete_jobs}


def in_words(done: Counter[str]) -> str:
    """``1,200 jobs cancelled, 3 running and told to stop``."""
    if not done:
        return "No job was there to act upon."
    first, *rest = done.most_common()
    noun = "job" if first[1] == 1 else "jobs"
    return ", ".join([f"{first[1]:,} {noun} {first[0]}", *(f"{number:,} {word}" for word, number in rest)]) + "."


def _batches(items: Sequence[T]) -> list[Sequence[T]]:
    return [items[start : start + MAX_BATCH] for start in range(0, len(items), MAX_BATCH)]
