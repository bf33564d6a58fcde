"""Deleting ended jobs by their age, before their keep is over, and leaving what a workflow may still want."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

import msgspec

from abaca.backend import MAX_BATCH, Backend
from abaca.client import Client
from abaca.codec import can_be_named
from abaca.model import Amended, Change, Job, Page, Query, Status

ENDED = (Status.COMPLETED, Status.FAILED, Status.CANCELLED)
_PAGE = 200
_MOST_LOOKED_AT = 20_000
"""Jobs that one purge looks at, whether they fit or not."""
_SAMPLE = 10


@dataclass(slots=True)
class Purged:
    """``matched`` are old enough, ``deleted`` of them are gone. ``held``: left as members of workflows that have not
    ended. ``cursor``: where to go on; ``None`` where the search is at its end."""

    matched: int = 0
    deleted: int = 0
    held: int = 0
    by_status: Counter[Status] = field(default_factory=Counter)
    sample: list[Job] = field(default_factory=list)
    cursor: str | None = None

    def add(self, jobs: Sequence[Job]) -> None:
        self.matched += len(jobs)
        self.by_status.update(job.status for job in jobs)
        self.sample += jobs[: _SAMPLE - len(self.sample)]


async def purge(client: Client, query: Query, ended_before: int, limit: int, *, dry_run: bool) -> Purged:
    """Delete the ended jobs of ``query`` that ended before an instant of the store's clock, at most ``limit``.

    It looks at a bounded number of jobs; ``query.cursor`` goes on where another call stopped.
    """
    born = ended_before + 1  # nothing ends before it is there
    if query.created_before is not None:
        born = min(born, query.created_before)
    search = msgspec.structs.replace(query, created_before=born)
    purged, looked_at = Purged(cursor=query.cursor), 0
    while True:
        room = limit - purged.matched
        asked = msgspec.structs.replace(search, cursor=purged.cursor, limit=min(_PAGE, room))
        page = await client.ask(partial(_find, asked))
        purged.cursor = page.cursor
        looked_at += max(len(page.jobs), 1)
        old = [job for job in page.jobs if not job.purged and job.ended_at is not None and job.ended_at <= ended_before]
        free = await without_open_workflows(client, old)
        purged.held += len(old) - len(free)
        purged.add(free)
        if free and not dry_run:
            purged.deleted += await client.ask(partial(_delete, free))
        if purged.cursor is None or purged.matched >= limit or looked_at >= _MOST_LOOKED_AT:
            return purged


async def without_open_workflows(client: Client, jobs: Sequence[Job]) -> list[Job]:
    """Those that are no members of a workflow that has not ended: such a one may still want their results."""
    marks = sorted({job.spec.parent for job in jobs if job.spec.parent is not None and can_be_named(job.spec.parent)})
    unended: set[str] = set()
    for start in range(0, len(marks), MAX_BATCH):
        part = marks[start : start + MAX_BATCH]
        unended |= {one.id for one in await client.ask(partial(_get, part)) if one is not None and not one.state.ended}
    return [job for job in jobs if job.spec.parent not in unended]


async def _find(query: Query, backend: Backend) -> Page:
    return await backend.find(query)


async def _get(ids: list[str], backend: Backend) -> list[Job | None]:
    return await backend.get(ids)


async def _delete(jobs: Iterable[Job], backend: Backend) -> int:
    changes = [Change(id=job.id, revision=job.revision, delete=True) for job in jobs]
    return (await backend.amend(changes)).count(Amended.APPLIED)
