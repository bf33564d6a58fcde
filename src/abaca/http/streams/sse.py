"""Server-Sent Events on the wire (WHATWG HTML, section 9.2)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import msgspec
from litestar.types import Receive, Scope, Send

from abaca.http.replies import Reply
from abaca.model import Value

HEARTBEAT = 15.0
"""Seconds of silence after which a comment is sent, so that nothing in between takes the stream for dead."""
_RETRY = b"retry: 2000\n\n"
_STILL_HERE = b": still here\n\n"
_HEADERS = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store"), (b"x-accel-buffering", b"no")]


class Event(Value, frozen=True, kw_only=True):
    """``data`` is JSON, which has no line breaks. A reader that comes back sends the last ``id`` it had."""

    event: str
    data: bytes
    id: str | None = None


def event_of(kind: str, value: object, id: str | None = None) -> Event:
    return Event(event=kind, data=msgspec.json.encode(value), id=id)


def written(event: Event) -> bytes:
    id = b"" if event.id is None else b"id: %b\n" % event.id.encode()
    return b"%bevent: %b\ndata: %b\n\n" % (id, event.event.encode(), event.data)


class EventStream(Reply):
    """An answer that goes on until its events end, its reader goes, or the service ends (``ending``).

    Events are made as fast as this reader takes them, and no faster.
    """

    __slots__ = ("_ending", "_events", "_heartbeat", "_is_sending", "_said_at")

    def __init__(
        self, events: AsyncGenerator[Event, None], ending: asyncio.Event, heartbeat: float = HEARTBEAT
    ) -> None:
        super().__init__(200, b"", list(_HEADERS))
        self._events = events
        self._ending = ending
        self._heartbeat = heartbeat
        self._is_sending = False
        self._said_at = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await self._say(send, _RETRY)
        parts = [asyncio.ensure_future(part) for part in (self._pump(send), _until_gone(receive), self._ending.wait())]
        beat = asyncio.ensure_future(self._beat(send))
        try:
            await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for part in (*parts, beat):
                part.cancel()
            await asyncio.gather(*parts, beat, return_exceptions=True)
            await self._events.aclose()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _pump(self, send: Send) -> None:
        async for event in self._events:
            await self._say(send, written(event))

    async def _beat(self, send: Send) -> None:
        now = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(max(0.0, self._said_at + self._heartbeat - now()))
            if self._is_sending:  # its reader has not taken what it was sent: it needs no more of it
                self._said_at = now()
            elif now() - self._said_at >= self._heartbeat:
                await self._say(send, _STILL_HERE)

    async def _say(self, send: Send, frame: bytes) -> None:
        self._is_sending = True
        await send({"type": "http.response.body", "body": frame, "more_body": True})
        self._is_sending = False
        self._said_at = asyncio.get_running_loop().time()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
