"""The whole store at a moment, for people who watch: counts, and which jobs changed since the last look."""

from __future__ import annotations

from collections.abc import Iterable

from abaca.backend import Backend
from abaca.model import Job, Query, Stats, Status, Value

LOOKED_AT = 200
"""How many running and how many lately ended jobs a look compares; of a storm of changes the counts tell."""
_LOOKS = (
    Query(status=(Status.RUNNING,), limit=LOOKED_AT),
    Query(status=(Status.COMPLETED, Status.FAILED, Status.CANCELLED), limit=LOOKED_AT),
)


class QueueCounts(Value, frozen=True, kw_only=True, omit_defaults=False):
    """Jobs of one queue that wait: due now, due later, held back by a limit or by other jobs."""

    name: str
    due: int
    later: int
    blocked: int
    oldest_due_at: int | None


class Changed(Value, frozen=True, kw_only=True, omit_defaults=False):
    id: str
    status: Status
    queue: str
    task: str


class Picture(Value, frozen=True, kw_only=True, omit_defaults=False):
    """``changed`` is since the picture before; ``more``: there were others. ``totals`` count ended jobs by outcome.

    ``first``: it starts a connection, and nothing is known of what was before.
    """

    at: int
    queues: tuple[QueueCounts, ...]
    running: int
    workers: int
    totals: dict[str, int]
    changed: tuple[Changed, ...] = ()
    more: bool = False
    first: bool = False


class Look(Value, frozen=True, kw_only=True):
    """One look at the store. ``seen`` names each job as it was, to tell what changes until the next look."""

    stats: Stats
    seen: dict[str, tuple[int, Changed]]


async def look(backend: Backend) -> Look:
    seen: dict[str, tuple[int, Changed]] = {}
    for query in _LOOKS:
        seen |= _named((await backend.find(query)).jobs)
    return Look(stats=await backend.stats(), seen=seen)


def _named(jobs: Iterable[Job]) -> dict[str, tuple[int, Changed]]:
    return {
        job.id: (
            job.revision,
            Changed(id=job.id, status=job.status, queue=job.spec.queue, task=job.spec.task),
        )
        for job in jobs
        if not job.purged
    }


def changes(before: Look, now: Look) -> list[Changed]:
    """Jobs that are seen now and were not seen so before."""
    return [changed for id, (revision, changed) in now.seen.items() if _revision(before, id) != revision]


def _revision(look: Look, id: str) -> int | None:
    known = look.seen.get(id)
    return None if known is None else known[0]


def counts(stats: Stats, queue: str | None) -> tuple[QueueCounts, ...]:
    return tuple(
        QueueCounts(name=one.name, due=one.due, later=one.later, blocked=one.blocked, oldest_due_at=one.oldest_due_at)
        for one in stats.queues
        if queue in (None, one.name)
    )
