"""Carries out the faults of a schedule on a running crew, and writes each down."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from abaca.errors import AbacaError
from abaca.verify.crew import Crew, Member
from abaca.verify.midwrite import kill_in_mid_write
from abaca.verify.nemesis import Fault
from abaca.verify.proxy import FINE, FaultProxy, Weather
from abaca.verify.wallclock import Wallclock

_JUMPS = {"worker": 120.0, "store": 6.0}
"""Seconds by which a clock is moved, forwards or backwards. The store's stays within what a drain can wait for."""

_TRIES, _MOST_TRIES, _LOOK = 20, 300, 0.1

_WEATHERS = {
    "latency": (Weather(latency=0.15), "slow"),
    "slices": (Weather(slices=True, share=0.5), "slow"),
    "silence": (Weather(silent=True, share=0.7), "request_lost"),
    "refuse": (Weather(refuse=True), "cut_off"),
    "cut": (Weather(cut=0.3), "reply_lost"),
}


class StoreFaults:
    """What can be done to the store itself. The base can do nothing; ``own_store.py`` has the one for a server."""

    clock: Wallclock | None = None

    async def kill(self, seconds: float) -> None:
        raise AbacaError("this store cannot be killed")

    async def rule(self, how: str, seconds: float) -> None:
        raise AbacaError("this store cannot be ruled")


@dataclass(slots=True)
class Faults:
    """``database`` is SQLite's file, whose every process is killed where a server would be."""

    crew: Crew
    rng: random.Random
    store: StoreFaults
    proxy: FaultProxy | None = None
    database: Path | None = None
    missed: list[str] = field(default_factory=list)
    busy: set[int] = field(default_factory=set)
    """Seats of workers with which a fault is dealing."""
    holding: bool = False
    """Dead members are left dead for now."""

    async def do(self, fault: Fault) -> None:
        """From its begin to its end. What could not be done is kept in ``missed``."""
        acts: dict[str, Callable[[Fault], Awaitable[None]]] = {
            "kill": self._kill,
            "stop": self._stop,
            "deploy": self._deploy,
            "kill-client": self._kill_client,
            "kill-store": self._kill_store,
            "server": self._server,
            "network": self._network,
            "clock": self._clock,
        }
        try:
            await acts[fault.kind](fault)
        except AbacaError as error:
            self.missed.append(f"{fault.kind} {fault.how}: {error}")

    async def _kill(self, fault: Fault) -> None:
        member = await self._busy_worker()
        while member is not None and self.crew.kill(member, fault.how) is None:
            await asyncio.sleep(0.2)  # no runner yet
            member = await self._busy_worker()
        if member is None:
            self.missed.append("kill: no worker was there")

    async def _stop(self, fault: Fault) -> None:
        member = await self._busy_worker()
        if member is None:
            self.missed.append("stop: no worker was there")
            return
        self.busy.add(member.seat)
        try:
            pids = self.crew.stop(member, runner_only=fault.how == "runner")
            await asyncio.sleep(fault.lasts)
            self.crew.go_on(member, pids)
            self.crew.count("stops")
        finally:
            self.busy.discard(member.seat)

    async def _deploy(self, fault: Fault) -> None:
        member = self._pick_worker()
        if member is not None:
            self.crew.terminate(member)
            self.crew.count("deploys")

    async def _kill_client(self, fault: Fault) -> None:
        clients = [client for client in self.crew.clients.values() if client.is_at_work]
        if clients:
            self.crew.kill(self.rng.choice(clients), "client")
            self.crew.count("client kills")

    async def _kill_store(self, fault: Fault) -> None:
        self._fault("store_away", on=True)
        if self.database is None:
            await self.store.kill(fault.lasts)
        else:
            await self._kill_everybody(self.database, fault.lasts)
        self.crew.count("store kills")
        self._fault("store_restart")
        self._fault("store_away", on=False)

    async def _kill_everybody(self, database: Path, seconds: float) -> None:
        """SQLite's server is the processes on the file: all of them die at once, one of them in a write."""
        self.holding = True
        try:
            members = [*self.crew.workers.values(), *self.crew.clients.values()]
            running = [member for member in members if member.is_running]
            hit = await kill_in_mid_write(database, [member.pid for member in running], self.rng)
            self.crew.count("kills in mid-write", int(hit))
            for member in running:
                self.crew.note("kill", {"p": member.name, "how": "all"})
                self.crew.count("kills together with all others")
            await asyncio.sleep(seconds)
        finally:
            self.holding = False

    async def _server(self, fault: Fault) -> None:
        kind = {"freeze": "store_away", "clients": "cut_off"}.get(fault.how, fault.how)
        self._fault(kind, on=True)
        try:
            await self.store.rule(fault.how, fault.lasts)
        finally:
            self._fault(kind, on=False)
        self.crew.count(f"server: {fault.how}")

    async def _network(self, fault: Fault) -> None:
        if self.proxy is None:
            return
        self.crew.count("network faults")
        if fault.how == "reset":
            self._fault("cut_off")
            self.proxy.reset_all(0.7)
            return
        weather, kind = _WEATHERS[fault.how]
        before = self.proxy.tally.cut
        self._fault(kind, on=True)
        self.proxy.set(weather)
        await asyncio.sleep(fault.lasts)
        if self.proxy.weather is weather:
            self.proxy.set(FINE)
        self._fault(kind, on=False)
        self.crew.count("replies cut", self.proxy.tally.cut - before)

    async def _clock(self, fault: Fault) -> None:
        step = _JUMPS[fault.how] * (1 if fault.draw < 0.5 else -1)
        if fault.how == "store":
            clock, who = self.store.clock or self.crew.shared_clock, "store"
        else:
            member = self._pick_worker()
            clock, who = (member.clock, member.name) if member is not None else (None, "")
        if clock is None or (who != "store" and clock is self.crew.shared_clock):
            return
        for moved, by in ((step, step), (0.0, -step)):
            clock.set(moved)
            self.crew.note("clock", {"who": who, "step": by})
            await asyncio.sleep(fault.lasts if moved else 0)
        self.crew.count(f"clock jumps: {fault.how}")

    def _ready(self) -> list[Member]:
        return [member for member in self.crew.workers.values() if member.is_at_work and member.seat not in self.busy]

    def _pick_worker(self) -> Member | None:
        ready = self._ready()
        return self.rng.choice(ready) if ready else None

    async def _busy_worker(self) -> Member | None:
        """One that runs jobs just now; after a while any. A fault on a worker that is still starting shows little."""
        for number in range(_MOST_TRIES):
            ready = self._ready()
            busy = [member for member in ready if self.crew.is_busy(member)]
            if busy or (ready and number >= _TRIES):
                return self.rng.choice(busy or ready)
            await asyncio.sleep(_LOOK)
        return None

    def _fault(self, kind: str, on: bool | None = None) -> None:
        value: dict[str, Any] = {"kind": kind}
        if on is not None:
            value["on"] = on
        self.crew.note("fault", value)
