"""A place in memory that fails and waits when a test says so."""

from __future__ import annotations

import asyncio

from abaca.clock import Clock, ManualClock
from abaca.codec import NotHere
from abaca.errors import PlaceUnavailable
from abaca.places import Blob, Blobs, Page


class WobblyPlace:
    """``puts`` and ``gets`` count the calls. While ``open`` is not set every call waits; the next ``failing`` fail."""

    shown = "wobbly:"

    def __init__(self, clock: Clock | None = None) -> None:
        self.kept: dict[tuple[str, str], tuple[bytes, int]] = {}
        self.clock = clock or ManualClock()
        self.failing: list[Exception] = []
        self.away = False
        self.puts = self.gets = 0
        self.called = asyncio.Event()
        self.open = asyncio.Event()
        self.open.set()

    def blobs(self, above: int = 100) -> Blobs:
        return Blobs("file:///wobbly", above, open_place=lambda url: self)

    @property
    def names(self) -> set[str]:
        return {name for _, name in self.kept}

    async def put(self, space: str, name: str, data: bytes) -> None:
        self.puts += 1
        await self._step()
        self.kept[space, name] = (data, self.clock.now())

    async def get(self, space: str, name: str, start: int, size: int) -> bytes:
        self.gets += 1
        await self._step()
        if (space, name) not in self.kept:
            raise NotHere("it is not in wobbly:")
        return self.kept[space, name][0][start : start + size]

    async def delete(self, space: str, name: str) -> None:
        await self._step()
        self.kept.pop((space, name), None)

    async def page(self, space: str, after: str, limit: int) -> Page:
        await self._step()
        names = sorted(name for inside, name in self.kept if inside == space and name > after)
        blobs = [Blob(name, self.kept[space, name][1]) for name in names[:limit]]
        return Page(blobs, self.clock.now(), names[limit - 1] if len(names) > limit else None)

    async def close(self) -> None: ...

    async def _step(self) -> None:
        self.called.set()
        await self.open.wait()
        if self.away:
            raise PlaceUnavailable("wobbly: it is away")
        if self.failing:
            raise self.failing.pop(0)
