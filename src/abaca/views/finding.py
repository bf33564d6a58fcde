"""Searches read page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

import msgspec

from abaca.backend import Backend
from abaca.client import Client
from abaca.model import Job, Page, Query

_PAGE = 200
_MOST_EMPTY = 50
"""Pages without a job after which a bounded search ends: a store may answer with a cursor alone."""


async def pages(client: Client, query: Query, size: int = _PAGE) -> AsyncIterator[Page]:
    """The pages of a search, to its end."""
    cursor = query.cursor
    while True:
        page = await client.ask(partial(_find, msgspec.structs.replace(query, cursor=cursor, limit=size)))
        yield page
        cursor = page.cursor
        if cursor is None:
            return


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
