"""Hears what operators tell this worker through the store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from abaca.backend import Backend
from abaca.errors import BackendUnavailable
from abaca.logs import worker_log
from abaca.orders import told_to_drain


class Orders:
    """Looks every ``interval`` seconds, and calls ``drain`` once when it is told to."""

    def __init__(self, backend: Backend, worker: str, drain: Callable[[], None], interval: float) -> None:
        self._backend = backend
        self._worker = worker
        self._drain = drain
        self._interval = interval

    async def run(self) -> None:
        while not await self._told():  # noqa: ASYNC110 - it comes through the store, which gives no sign of it
            await asyncio.sleep(self._interval)
        worker_log().info("told to drain by an operator", worker=self._worker)
        self._drain()

    async def _told(self) -> bool:
        try:
            return await told_to_drain(self._backend, self._worker)
        except BackendUnavailable:
            return False  # the heart says so already; the next look tries again
        except Exception as error:
            worker_log().error("looking for orders failed, trying again", error=repr(error))
            return False
