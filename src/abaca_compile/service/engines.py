"""What the service asks of the part that runs compilers, and one of it for each process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from abaca_compile.catalogue import Catalogue
from abaca_compile.model import Built, Compilation


class Compiles(Protocol):
    """Runs compilers. ``catalogue`` is what this machine has."""

    @property
    def catalogue(self) -> Catalogue: ...

    async def build(self, compilation: Compilation) -> Built:
        """What came of it, and the bytes that were made. Raises ``CompileError`` where nothing could be run."""
        ...

    async def refresh(self) -> Catalogue:
        """Look again for compilers."""
        ...

    async def close(self) -> None: ...


Open = Callable[[], Awaitable[Compiles]]


class Engines:
    """The engine of this process: opened when it is first asked for, once for each event loop."""

    def __init__(self, open: Open) -> None:
        self.open = open
        self._opening: asyncio.Task[Compiles] | None = None

    async def get(self) -> Compiles:
        """Raises what opening raises; the next call tries again."""
        loop = asyncio.get_running_loop()
        task = self._opening
        if task is None or task.get_loop() is not loop or (task.done() and (task.cancelled() or task.exception())):
            task = self._opening = loop.create_task(self._opened())
        return await asyncio.shield(task)

    async def _opened(self) -> Compiles:
        return await self.open()

    async def close(self) -> None:
        """Close what is open; the next use opens it anew."""
        task, self._opening = self._opening, None
        if task is None or task.get_loop() is not asyncio.get_running_loop():
            return
        if not task.done():
            task.cancel()
        (opened,) = await asyncio.gather(task, return_exceptions=True)
        if not isinstance(opened, BaseException):
            await opened.close()
