"""Things done side by side, of which those that have a name in common come one after the other, in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    def __init__(self) -> None:
        self._last: dict[str, asyncio.Event] = {}
        self._before = asyncio.Event()
        self._before.set()

    def next(self) -> Turn:
        """Call it in order."""
        turn = Turn(self._last, self._before)
        self._before = turn.placed
        return turn


class Turn:
    """Used as ``async with turn.taken(): ... await turn.comes(names) ...``."""

    def __init__(self, last: dict[str, asyncio.Event], before: asyncio.Event) -> None:
        self._last = last
        self._before = before
        self._done = asyncio.Event()
        self._names: tuple[str, ...] = ()
        self.placed = asyncio.Event()
        """Its names are known, or it has none."""

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        try:
            yield
        finally:
            self._done.set()
            for name in self._names:
                if self._last[name] is self._done:
                    del self._last[name]
            if not self.placed.is_set():
                await self._before.wait()  # or who comes next would take a place before them
                self.placed.set()

    async def comes(self, *names: str) -> None:
        """Wait until every earlier one that has any of these names is done."""
        await self._before.wait()
        earlier = [self._last[name] for name in names if name in self._last]
        self._names = names
        self._last.update(dict.fromkeys(names, self._done))
        self.placed.set()
        for each in earlier:
            await each.wait()
