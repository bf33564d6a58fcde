"""Searches of a bounded size, for lists and for counting what an action would hit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from abaca.backend import MAX_BATCH
from abaca.errors import ConfigError
from abaca.http.dashboard.desk import Desk
from abaca.http.dashboard.filters import JobFilter
from abaca.http.errors import invalid
from abaca.model import Job, Page, Query
from abaca.views.failures import group_of

PAGE = 200
MOST_PAGES = 50
"""Pages of one search: a store may answer with a cursor alone, and a filter of our own may leave nothing of a page."""


@dataclass(frozen=True, slots=True)
class Found:
    """``cursor`` is where to go on; ``None`` where these were all."""

    jobs: list[Job]
    cursor: str | None


async def find_jobs(desk: Desk, chosen: JobFilter, most: int) -> Found:
    """The first jobs that a filter shows to this caller."""
    if chosen.has_times:
        await desk.clock()
    query = chosen.query(desk.now, desk.owner)
    if not chosen.error:
        return await first_jobs(desk, query, most)
    return await first_jobs(desk, query, most, lambda job: group_of(job) == chosen.error)


async def glance(desk: Desk, query: Query, most: int) -> list[Job]:
    """The first jobs that fit, as far as one call of the store finds them: for what is looked at every few seconds."""
    return (await _page(desk, msgspec.structs.replace(query, limit=most))).jobs


async def first_jobs(desk: Desk, query: Query, most: int, keep: Callable[[Job], bool] | None = None) -> Found:
    """The first jobs that fit, about ``most``: never fewer while there are more, and with ``keep`` maybe some more."""
    jobs: list[Job] = []
    cursor = query.cursor
    for _ in range(max(MOST_PAGES, most // PAGE)):
        limit = PAGE if keep is not None else min(MAX_BATCH, most - len(jobs))
        page = await _page(desk, msgspec.structs.replace(query, cursor=cursor, limit=limit))
        jobs += page.jobs if keep is None else filter(keep, page.jobs)
        cursor = page.cursor
        if cursor is None or len(jobs) >= most:
            break
    return Found(jobs, cursor)


async def _page(desk: Desk, query: Query) -> Page:
    try:
        return await desk.ask(lambda backend: backend.find(query))
    except (ValueError, ConfigError) as error:  # stores say so in one of the two ways
        if query.cursor is None:
            raise
        raise invalid("the cursor is none that this list gave; begin with its first page", "cursor") from error
