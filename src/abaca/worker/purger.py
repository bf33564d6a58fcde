"""Removes ended jobs that are past their retention. Every worker runs one."""

from __future__ import annotations

import asyncio
import random

from abaca.backend import Backend
from abaca.errors import BackendError

_BATCH = 500


class Purger:
    def __init__(self, backend: Backend, interval: float = 5.0) -> None:
        self._backend = backend
        self._interval = interval

    async def run(self) -> None:
        while True:
            try:
                full = await self._backend.purge(_BATCH) >= _BATCH
            except BackendError:
                full = False  # the heart says so already; the next round tries again
            await asyncio.sleep(0 if full else self._interval * random.uniform(0.8, 1.2))
