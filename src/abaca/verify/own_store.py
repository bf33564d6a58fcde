"""What a run does to the server that it started itself."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable

from abaca.errors import BackendError
from abaca.verify.faults import StoreFaults
from abaca.verify.own_server import OwnServer
from abaca.verify.redis_space import command, memory_used


class ServerFaults(StoreFaults):
    """``restarts`` are the seconds that the server took to answer again, after each kill."""

    def __init__(self, server: OwnServer) -> None:
        self._server = server
        self._lock = asyncio.Lock()
        self.clock = server.clock
        self.restarts: list[float] = []

    async def kill(self, seconds: float) -> None:
        async with self._lock:
            await self._server.kill()
            await asyncio.sleep(seconds)
            self.restarts.append(await self._server.start())

    async def rule(self, how: str, seconds: float) -> None:
        acts: dict[str, Callable[[float], Awaitable[None]]] = {
            "functions": self._flush_functions,
            "scripts": self._flush_scripts,
            "clients": self._kill_clients,
            "memory": self._fill,
            "freeze": self._freeze,
        }
        async with self._lock:
            await acts[how](seconds)

    async def heal(self) -> None:
        """Whatever was done to it is over."""
        async with self._lock:
            self._server.signal(signal.SIGCONT)
            await command(self._server.url, "CONFIG", "SET", "maxmemory", 0)
            if self.clock is not None:
                self.clock.set(0)

    async def _flush_functions(self, seconds: float) -> None:
        await command(self._server.url, "FUNCTION", "FLUSH")

    async def _flush_scripts(self, seconds: float) -> None:
        await command(self._server.url, "SCRIPT", "FLUSH")

    async def _kill_clients(self, seconds: float) -> None:
        for kind in ("normal", "pubsub"):
            await command(self._server.url, "CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")

    async def _fill(self, seconds: float) -> None:
        """All memory that it may use is in use."""
        url = self._server.url
        try:
            await command(url, "CONFIG", "SET", "maxmemory", max(1, await memory_used(url)))
            await asyncio.sleep(seconds)
        finally:
            await self._raise_limit()

    async def _raise_limit(self) -> None:
        for _ in range(20):
            try:
                await command(self._server.url, "CONFIG", "SET", "maxmemory", 0)
                return
            except BackendError:
                await asyncio.sleep(0.2)

    async def _freeze(self, seconds: float) -> None:
        self._server.signal(signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            self._server.signal(signal.SIGCONT)
