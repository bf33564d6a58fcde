"""Which jobs: as query parameters of a list, and as the ``filter`` of an act upon many."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec
from msgspec import Meta

from abaca.errors import ConfigError
from abaca.http.errors import invalid, malformed
from abaca.http.paging import opened
from abaca.http.requests import ApiRequest
from abaca.model import STATUS_ALIASES, Job, Query, Status
from abaca.views.finding import first_jobs, pages

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Time = Annotated[datetime, Meta(tz=True)]


class JobFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Each narrows. ``status`` may be given several times. ``text`` looks in ids, names of tasks and arguments.

    ``user`` is another word for ``owner``, ``type`` for ``task`` and ``q`` for ``text``.
    """

    status: tuple[str, ...] = ()
    task: str | None = None
    type: str | None = None
    queue: str | None = None
    tag: str | None = None
    tenant: str | None = None
    owner: str | None = None
    user: str | None = None
    key: str | None = None
    workflow: str | None = None
    parent: str | None = None
    created_after: Time | None = None
    created_before: Time | None = None
    text: str | None = None
    q: str | None = None

    def query(self, request: ApiRequest) -> Query:
        """The search of the caller, who sees its own jobs alone. Raises ``ApiError``."""
        caller = request.caller
        owner = _one("owner", self.owner, self.user)
        if not caller.is_admin:
            if owner not in (None, caller.owner):
                caller.require("admin")
            owner = caller.owner or ""
        return Query(
            status=statuses(self.status),
            queue=self.queue,
            task=_one("task", self.task, self.type),
            owner=owner,
            tenant=self.tenant,
            tag=self.tag,
            key=None if self.key is None else caller.own_key(self.key),
            parent=_one("parent", self.parent, self.workflow),
            created_after=_micros(self.created_after),
            created_before=_micros(self.created_before),
            text=_one("text", self.text, self.q),
        )


async def jobs_of(request: ApiRequest, query: Query, limit: int, cursor: str | None) -> tuple[list[Job], str | None]:
    """The first jobs that fit, and where to go on; ``None`` where those were all."""
    position = opened(cursor)
    try:
        return await first_jobs(request.app.client(), msgspec.structs.replace(query, cursor=position), limit)
    except (ValueError, ConfigError) as error:  # stores say so in one of the two ways
        if position is None:
            raise
        raise malformed("the cursor is none that this service gave", "cursor") from error


async def pages_of(request: ApiRequest, query: Query) -> AsyncIterator[list[Job]]:
    """All of them, page by page."""
    async for page in pages(request.app.client(), query):
        yield page.jobs


def statuses(words: tuple[str, ...]) -> tuple[Status, ...]:
    """Raises ``ApiError`` for what is no status."""
    found = []
    for word in (part.strip().lower() for text in words for part in text.split(",")):
        name = STATUS_ALIASES.get(word, word)
        if name not in set(Status):
            raise invalid(f"{word!r} is no status; use {', '.join(Status)}", "status")
        found.append(Status(name))
    return tuple(dict.fromkeys(found))


def _one(name: str, first: str | None, second: str | None) -> str | None:
    if first is not None and second is not None and first != second:
        raise invalid(f"{name} is given twice, under two names", name)
    return second if first is None else first


def _micros(time: datetime | None) -> int | None:
    return None if time is None else (time - _EPOCH) // timedelta(microseconds=1)
