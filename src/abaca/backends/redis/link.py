"""One connection: commands go out in order, replies and pushed messages come in."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, cast

import hiredis

from abaca.errors import BackendUnavailable

Push = Callable[[list[Any]], None]


class Link(asyncio.Protocol):
    """Speaks RESP 3. A reply that does not come in time ends the connection, and with it every call under way."""

    def __init__(self, name: str, timeout: float, on_push: Push | None, on_lost: Callable[[Link], None] | None) -> None:
        self._name = name
        self._timeout = timeout
        self._on_push = on_push
        self._on_lost = on_lost
        self.loop = asyncio.get_running_loop()
        self._reader = hiredis.Reader()
        self._calls: deque[tuple[asyncio.Future[Any], float]] = deque()
        self._transport: asyncio.Transport | None = None
        self._watchdog: asyncio.TimerHandle | None = None
        self.closed = False
        self._over = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def send(self, *words: Any, before: Sequence[Sequence[Any]] = ()) -> asyncio.Future[Any]:
        """The reply; an error of the server is the result, not raised. Raises ``BackendUnavailable`` through it.

        ``before``: commands whose answers are pushed, in the same write.
        """
        future: asyncio.Future[Any] = self.loop.create_future()
        if self.closed or self._transport is None:
            future.set_exception(BackendUnavailable(f"{self._name}: the connection is closed; try again"))
            return future
        self._calls.append((future, self.loop.time()))
        data = hiredis.pack_command(words)
        self._transport.write(b"".join([*map(_packed, before), data]) if before else data)
        if self._watchdog is None:
            self._watchdog = self.loop.call_later(self._timeout, self._look)
        return future

    def tell(self, *commands: Sequence[Any]) -> None:
        """Send commands whose answers are pushed, in one write."""
        if self._transport is not None and not self.closed:
            self._transport.write(b"".join(map(_packed, commands)))

    def data_received(self, data: bytes) -> None:
        reader = self._reader
        try:
            reader.feed(data)
            while (reply := reader.gets()) is not False:
                if type(reply) is hiredis.PushNotification:
                    if self._on_push is not None:
                        self._on_push(reply)
                elif self._calls:
                    future = self._calls.popleft()[0]
                    if not future.done():
                        future.set_result(reply)
        except hiredis.ProtocolError as error:
            self._lose(f"it sent what is not the Redis protocol ({error})")

    def connection_lost(self, exc: Exception | None) -> None:
        self._lose(str(exc) if exc else "it closed the connection")
        self._over.set()

    def close(self) -> None:
        self._on_lost = None
        self._lose("this client closed the connection")

    async def over(self) -> None:
        """Returns once the socket of a closed connection is closed too."""
        if self._transport is not None:
            await self._over.wait()

    def _look(self) -> None:
        """End the connection if the oldest call waits too long; else look again when it would."""
        self._watchdog = None
        if not self._calls:
            return
        left = self._calls[0][1] + self._timeout - self.loop.time()
        if left <= 0:
            self._lose(f"no answer within {self._timeout:g} s")
        else:
            self._watchdog = self.loop.call_later(left, self._look)

    def _lose(self, reason: str) -> None:
        if self.closed:
            return
        self.closed = True
        if self._watchdog is not None:
            self._watchdog.cancel()
        if self._transport is not None:
            self._transport.abort()
        calls, self._calls = self._calls, deque()
        for future, _ in calls:
            if not future.done():
                message = f"{self._name}: {reason}; whether the call took effect is unknown; it may be repeated"
                future.set_exception(BackendUnavailable(message))
        if self._on_lost is not None:
            self._on_lost(self)


def _packed(words: Sequence[Any]) -> bytes:
    data: bytes = hiredis.pack_command(tuple(words))
    return data
