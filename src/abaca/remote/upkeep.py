"""What every worker of an app does for all, for a store that only remote workers serve."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from abaca.backend import Backend
from abaca.model import Lease
from abaca.worker.purger import Purger
from abaca.worker.reaper import Reaper
from abaca.worker.ticker import Ticker

_LEASE_MS = 15_000


class Upkeep:
    """Takes over jobs whose lease has ended, purges, and fires stored schedules. Safe beside any number of others."""

    def __init__(self, backend: Backend, name: str) -> None:
        self._parts = (
            Reaper(backend, Lease(worker=name, ms=_LEASE_MS)),
            Purger(backend),
            Ticker(backend, tuple),
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(part.run()) for part in self._parts]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
