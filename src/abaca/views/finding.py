"""Searches of a bounded size."""

from __future__ import annotations

from functools import partial

import msgspec

from abaca.backend import Backend
from abaca.client import Client
from abaca.model import Job, Page, Query

_PAGE = 200
_MOST_EMPTY = 50
"""Pages without a job that are read on from: a store may answer with a cursor alone."""


async def first_jobs(client: Client, query: Query, most: int) -> tuple[list[Job], str | None]:
    """The first jobs that fit, at most ``most``, and the cursor to go on with; ``None`` where those were all."""
    found: list[Job] = []
    cursor, empty = query.cursor, 0
    while True:
        asked = msgspec.structs.replace(query, cursor=cursor, limit=min(_PAGE, most - len(found)))
        page = await client.ask(partial(_find, asked))
        found += page.jobs
        cursor = page.cursor
        empty += not page.jobs
        if cursor is None or len(found) >= most or empty > _MOST_EMPTY:
            return found, cursor


async def _find(query: Query, backend: Backend) -> Page:
    return await backend.find(query)
