"""A wake-up with a time limit, for one waiter in one event loop."""

from __future__ import annotations

import asyncio


class Signal:
    """``asyncio.wait_for`` on an event costs a task and two more turns of the loop; on a wait's hot path that shows."""

    __slots__ = ("_future", "_set")

    def __init__(self) -> None:
        self._set = False
        self._future: asyncio.Future[None] | None = None

    def set(self) -> None:
        """On the waiter's loop. A set that nobody waits for is kept for the next wait."""
        self._set = True
        _finish(self._future)

    async def wait(self, timeout: float) -> None:
        """Until set, at most ``timeout`` seconds; clears it."""
        if not self._set and timeout > 0:
            loop = asyncio.get_running_loop()
            self._future = loop.create_future()
            timer = loop.call_later(timeout, _finish, self._future)
            try:
                await self._future
            finally:
                timer.cancel()
                self._future = None
        self._set = False


def _finish(future: asyncio.Future[None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)
