"""The open stores and clients of one app: one set per process, one client per event loop.

A forked child begins with none. What the parent had open is kept but never touched there: to close it would speak
on the parent's connections.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from abaca.backend import Backend
from abaca.carrying import Stamp
from abaca.client import Client
from abaca.places import Blobs


class _Process:
    """What is open in one process."""

    __slots__ = ("clients", "lock", "own", "pid", "shared", "users")

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.lock = threading.Lock()
        self.clients: dict[asyncio.AbstractEventLoop, Client] = {}
        self.own: dict[asyncio.AbstractEventLoop, Backend] = {}
        self.shared: Backend | None = None
        self.users = 0


class Stores:
    """Makes and finds them. ``shared``: whether one backend object serves all loops and threads of a process."""

    def __init__(
        self, make: Callable[[], Backend], *, shared: bool, poll_interval: float, blobs: Blobs | None = None
    ) -> None:
        self._stamp: Stamp | None = None
        self._make = make
        self._blobs = blobs or Blobs()
        self._shared = shared
        self.poll_interval = poll_interval
        self._process = _Process(os.getpid())
        self._left_behind: list[_Process] = []

    def client(self) -> Client:
        """The running loop's client."""
        process = self._here()
        loop = asyncio.get_running_loop()
        client = process.clients.get(loop)
        if client is None:
            self._drop_closed(process)
            client = process.clients[loop] = Client(self.backend, self.poll_interval, self._blobs, self._stamp)
        return client

    def stamp_with(self, stamp: Stamp | None) -> None:
        """What jobs carry that are enqueued from now on, by any loop of this process."""
        self._stamp = stamp
        for client in self._here().clients.values():
            client.stamp = stamp

    async def backend(self) -> Backend:
        """The running loop's backend, open. Raises ``ConfigError`` and ``BackendUnavailable``."""
        backend = self._object(self._here(), asyncio.get_running_loop())
        await backend.open()
        return backend

    async def close(self) -> None:
        """Close the running loop's client, and the backends that it can close: its own and the shared one."""
        process = self._here()
        loop = asyncio.get_running_loop()
        client = process.clients.pop(loop, None)
        if client is not None:
            await client.close()
        own = process.own.pop(loop, None)
        if own is not None:
            await own.close()
        await self._close_shared(process)
        if not process.clients:
            await self._blobs.close()

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Backend]:
        """An open backend for as long as the block lasts: a connection of its own where the store has any."""
        if not self._shared:
            own = self._make()
            await own.open()
            try:
                yield own
            finally:
                await own.close()
            return
        process = self._here()
        process.users += 1
        try:
            yield await self.backend()
        finally:
            process.users -= 1
            await self._close_shared(process)

    async def _close_shared(self, process: _Process) -> None:
        if process.shared is not None and not process.clients and not process.users:
            shared, process.shared = process.shared, None
            await shared.close()

    def loops(self) -> list[asyncio.AbstractEventLoop]:
        return list(self._here().clients)

    def _here(self) -> _Process:
        process = self._process
        if process.pid != os.getpid():
            self._left_behind.append(process)
            process = self._process = _Process(os.getpid())
        return process

    def _object(self, process: _Process, loop: asyncio.AbstractEventLoop) -> Backend:
        with process.lock:
            if not self._shared:
                if loop not in process.own:
                    process.own[loop] = self._make()
                return process.own[loop]
            if process.shared is None:
                process.shared = self._make()
            return process.shared

    def _drop_closed(self, process: _Process) -> None:
        with process.lock:
            for loop in [loop for loop in process.clients if loop.is_closed()]:
                process.clients.pop(loop)
                process.own.pop(loop, None)
