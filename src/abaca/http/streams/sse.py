"""Server-Sent Events on the wire (WHATWG HTML, section 9.2)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import msgspec

from abaca.model import Value

HEARTBEAT = 15.0
"""Seconds of silence after which a comment is sent, so that nothing in between takes the stream for dead."""
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
MEDIA_TYPE = "text/event-stream"


class Event(Value, frozen=True, kw_only=True):
    """``data`` is JSON without line breaks. A reader that comes back sends the last ``id`` it had."""

    event: str
    data: bytes
    id: str | None = None


def written(event: Event) -> bytes:
    id = b"" if event.id is None else b"id: %b\n" % event.id.encode()
    return b"%bevent: %b\ndata: %b\n\n" % (id, event.event.encode(), event.data)


def event_of(kind: str, value: object, id: str | None = None) -> Event:
    return Event(event=kind, data=msgspec.json.encode(value), id=id)


async def frames(events: AsyncIterator[Event], heartbeat: float = HEARTBEAT) -> AsyncIterator[bytes]:
    """The bytes of a stream: each event, and a comment in silence. Closing it closes ``events``."""
    yield b"retry: 2000\n\n"
    async with aclosing(events) as source:  # type: ignore[type-var]
        coming: asyncio.Future[Event] | None = None
        try:
            while True:
                if coming is None:
                    coming = asyncio.ensure_future(anext(source))  # type: ignore[arg-type]
                done, _ = await asyncio.wait((coming,), timeout=heartbeat)
                if not done:
                    yield b": still here\n\n"
                    continue
                try:
                    event = coming.result()
                except StopAsyncIteration:
                    return
                coming = None
                yield written(event)
        finally:
            if coming is not None:
                coming.cancel()
                await asyncio.gather(coming, return_exceptions=True)
