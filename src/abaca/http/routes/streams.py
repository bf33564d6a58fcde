"""``/events`` and ``/jobs/{id}/events``: live updates."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

import msgspec
from msgspec import Meta

from abaca.errors import JobNotFound
from abaca.http.caller import Scope
from abaca.http.endpoint import endpoint
from abaca.http.errors import invalid
from abaca.http.requests import ApiRequest
from abaca.http.streams.live import Live
from abaca.http.streams.sse import Event, EventStream, event_of
from abaca.views import update_view


class FromUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """``after``: the id of the last update that the reader has had; a ``Last-Event-ID`` header wins over it."""

    after: Annotated[int, Meta(ge=0)] = 0


class FeedFilter(msgspec.Struct, frozen=True, kw_only=True):
    queue: str | None = None
    task: str | None = None


@endpoint("GET", "/jobs/{id}/events", scope=Scope.READ, tag="events")
async def job_events(request: ApiRequest, id: str, query: FromUpdate) -> EventStream:
    """Follow one job: its updates in order, each once, until its end.

    Server-Sent Events. The id of an event is that of the update, so a reader that comes back goes on where it was.
    """
    job = await request.job(id)
    after = _last_had(request, query.after)
    return EventStream(_updates(request, job.id, after), request.service.piece(Live).ending)


@endpoint("GET", "/events", scope=Scope.READ, tag="events")
async def events(request: ApiRequest, query: FeedFilter) -> EventStream:
    """Watch the whole: counts by queue, and which jobs changed, at most twice a second.

    Server-Sent Events. Each connection begins with a whole picture (``first``), and there is no replay. Changed jobs
    are named to those who see every owner's.
    """
    live = request.service.piece(Live)
    named = request.caller.is_admin or request.caller.owner is None
    return EventStream(_pictures(live, query, named=named), live.ending)


def _last_had(request: ApiRequest, after: int) -> int:
    said = request.header("last-event-id")
    if not said:
        return after
    if not said.isdecimal() or len(said) > 18:
        raise invalid(f"Last-Event-ID: {said[:40]!r} is no id of an update; those are numbers", "Last-Event-ID")
    return int(said)


async def _updates(request: ApiRequest, id: str, after: int) -> AsyncGenerator[Event, None]:
    try:
        async with aclosing(request.app.job(id).updates(after=after)) as updates:  # type: ignore[type-var]
            async for update in updates:
                yield event_of(update.kind, update_view(update), str(update.id))
    except JobNotFound:  # it was deleted meanwhile
        return


async def _pictures(live: Live, query: FeedFilter, *, named: bool) -> AsyncGenerator[Event, None]:
    async with aclosing(live.feed.pictures(query.queue, query.task)) as pictures:
        async for picture in pictures:
            shown = picture if named else msgspec.structs.replace(picture, changed=(), more=False)
            yield event_of("picture", shown)


ENDPOINTS = (job_events, events)
