"""What buttons do to jobs, one or many; each answers in words what became of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from abaca.bulk import amend_many, cancel_many, requeue_many
from abaca.http.dashboard.desk import Desk
from abaca.model import Amended, Cancelled, Change, Job, Requeued

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
    return Counter(_CANCELLED[each] for each in await cancel_many(desk.ask, [job.id for job in jobs]))


async def requeue_jobs(desk: Desk, jobs: Sequence[Job]) -> Counter[str]:
    runs = [(job.id, job.epoch) for job in jobs if job.state.ended]
    return Counter(_REQUEUED[each] for each in await requeue_many(desk.ask, runs))


async def delete_jobs(desk: Desk, jobs: Sequence[Job]) -> Counter[str]:
    changes = [Change(id=job.id, revision=job.revision, delete=True) for job in jobs]
    return Counter(_DELETED[each] for each in await amend_many(desk.ask, changes))


ACTS = {"cancel": cancel_jobs, "requeue": requeue_jobs, "delete": delete_jobs}


def in_words(done: Counter[str]) -> str:
    """``1,200 jobs cancelled, 3 running and told to stop``."""
    if not done:
        return "No job was there to act upon."
    first, *rest = done.most_common()
    noun = "job" if first[1] == 1 else "jobs"
    return ", ".join([f"{first[1]:,} {noun} {first[0]}", *(f"{number:,} {word}" for word, number in rest)]) + "."
