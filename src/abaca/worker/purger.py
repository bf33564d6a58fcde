"""Removes ended jobs that are past their retention. Every worker runs one."""

from __future__ import annotations

import asyncio
import random

from abaca.backend import Backend
from abaca.buggify import buggify
from abaca.errors import BackendUnavailable
from abaca.logs import worker_log

_BATCH = 500


class Purger:
    def __init__(self, backend: Backend, interval: float = 5.0) -> None:
        self._backend = backend
        self._interval = interval

    async def run(self) -> None:
        while True:
            buggify("purger.before_purge")
            try:
                full = await self._backend.purge(_BATCH) >= _BATCH
            except BackendUnavailable:
                full = False  # the heart says so already; the next round tries again
            except Exception as error:
                full = False
                worker_log().error("purging failed, trying again", error=repr(error))
            await asyncio.sleep(0 if full else self._interval * random.uniform(0.8, 1.2))
