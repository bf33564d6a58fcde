"""One set of connections for each event loop, so that a backend object may be used from several, and after a fork."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass

from abaca.backends.redis.address import Address
from abaca.backends.redis.exchanges import Exchanges
from abaca.backends.redis.hold import Holds
from abaca.backends.redis.inserts import Inserts
from abaca.backends.redis.server import Server


@dataclass(slots=True, eq=False)
class Home:
    """What belongs to one event loop: the connection for verbs, and the subscribed one inside ``holds``."""

    loop: asyncio.AbstractEventLoop
    server: Server
    inserts: Inserts
    holds: Holds
    exchanges: Exchanges

    def close(self) -> None:
        """Held calls end, calls under way fail. In this home's loop."""
        self.holds.release_all()
        self.holds.hints.close()
        self.server.close()


class Homes:
    """Safe to use from any thread: each finds its own loop's connections."""

    def __init__(self, address: Address, base: bytes, clock: Callable[[], bytes]) -> None:
        self._address = address
        self._base = base
        self._clock = clock
        self._homes: dict[asyncio.AbstractEventLoop, Home] = {}
        self._pid = os.getpid()
        self._of_parents: list[dict[asyncio.AbstractEventLoop, Home]] = []

    def here(self) -> Home:
        """The running event loop's."""
        loop = asyncio.get_running_loop()
        home = self._homes.get(loop)
        if home is None or self._pid != os.getpid():
            home = self._make(loop)
        return home

    def _make(self, loop: asyncio.AbstractEventLoop) -> Home:
        if self._pid != os.getpid():
            # The sockets are still the parent's: they are left alone, and kept so that nothing closes them.
            self._of_parents.append(self._homes)
            self._homes, self._pid = {}, os.getpid()
        for old in [old for old in list(self._homes) if old.is_closed()]:
            self._homes.pop(old, None)
        server = Server(self._address)
        inserts = Inserts(server, self._base)
        holds = Holds(self._address, self._base, self._clock)
        home = Home(loop, server, inserts, holds, Exchanges(server, self._base, holds, self._clock))
        self._homes[loop] = home
        return home

    def unhold(self) -> None:
        self._tell_all(lambda home: home.holds.release_all())

    async def close(self) -> None:
        """Close this loop's connections now, and have the others close theirs."""
        loop = asyncio.get_running_loop()
        home = self._homes.pop(loop, None) if self._pid == os.getpid() else None
        self._tell_all(Home.close)
        self._homes = {}
        if home is not None:
            home.close()
            await home.holds.hints.server.over()
            await home.server.over()

    def _tell_all(self, act: Callable[[Home], None]) -> None:
        if self._pid != os.getpid():
            return
        here = _running_loop()
        for home in list(self._homes.values()):
            if home.loop is here:
                act(home)
                continue
            try:
                home.loop.call_soon_threadsafe(act, home)
            except RuntimeError:  # that loop is closed, and its connections with it
                pass


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
