"""The one who makes things go wrong. Which faults a seed may use, and how often, is drawn once (swarm testing)."""

from __future__ import annotations

import asyncio
import random
import signal
from typing import Any

import msgspec

from abaca.model import QUEUE, Overflow, QueueSettings, Record
from tests.simulation.links import send_signal
from tests.simulation.loop import Proc

LEASE = 6.0
_PERIOD = 12.0
_SETTLE = 8.0
_BACKWARD = 100.0
"""How far the store's clock may be put back in all: jobs that wait may be due so much later."""
_FURTHEST = 1500.0
"""How far it may be ahead: each tick of the schedule in that time is a job. Tombstones live for an hour at least."""


class Nemesis:
    def __init__(self, world: Any, rng: random.Random) -> None:
        self._world = world
        self._rng = rng
        self._under_way: list[asyncio.Task[None]] = []
        faults = [
            (self._kill_runner, 3),
            (self._kill_worker, 2),
            (self._stop_something, 3),
            (self._restart_store, 2),
            (self._store_away, 2),
            (self._lossy, 3),
            (self._slow, 1),
            (self._cut_off, 2),
            (self._step_store_clock, 2),
            (self._skew_worker, 1),
            (self._drain_worker, 2),
            (self._kill_client, 1),
            (self._lose_hints, 1),
            (self._lose_verb, 1),
        ]
        self._faults = [(fault, weight) for fault, weight in faults if rng.random() < 0.6] or faults[:1]
        self._backward = _BACKWARD
        self._mean = rng.choice((0.7, 1.5, 3.0))

    async def run(self) -> int:
        world = self._world
        await self._bound_a_queue()
        while world.busy():
            quiet = self._rng.random() < 0.25
            ends = world.time() + _PERIOD * (2 if quiet else 1)
            if quiet:
                await self.heal(_SETTLE)
                world.quiet(on=True)
                await asyncio.sleep(max(0.0, ends - world.time()))  # sleeps: virtual time, a quiet period
                world.quiet(on=False)
                continue
            world.calm = False
            while world.time() < ends and world.busy():
                await asyncio.sleep(self._rng.expovariate(1.0 / self._mean))  # sleeps: virtual time between two faults
                fault = self._rng.choices([f for f, _ in self._faults], weights=[w for _, w in self._faults])[0]
                self._under_way.append(asyncio.get_running_loop().create_task(fault()))
        await self.heal(_SETTLE)
        return 0

    async def _bound_a_queue(self) -> None:
        """In some seeds one queue is small: its producers are refused, wait, or have jobs of others make room."""
        rng = random.Random(f"bounds {self._world.seed}")
        if rng.random() < 0.4:
            how = rng.choice(tuple(Overflow))
            settings = QueueSettings(
                max_length=rng.choice((1, 2, 3)),
                max_wait_ms=rng.choice((None, 500)),
                overflow=how,
            )
            await self._world.memory.put([Record(kind=QUEUE, id="low", data=msgspec.json.encode(settings))])

    async def heal(self, seconds: float) -> None:
        """Let every fault end, then let the system find its feet."""
        for task in self._under_way:
            if not task.done():
                task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        self._under_way.clear()
        self._world.calm = True
        await asyncio.sleep(seconds)  # sleeps: virtual time, for restarts and what is under way

    def _fault(self, kind: str, **val: Any) -> None:
        self._world.write("nemesis", "event", "fault", val={"kind": kind, **val})

    async def _for(self, kind: str, low: float, high: float, p: str = "") -> None:
        """The length of a fault that was just switched on; it is written down when it begins and ends."""
        self._fault(kind, on=True, p=p)
        try:
            await asyncio.sleep(self._rng.uniform(low, high))  # sleeps: virtual time, the length of a fault
        finally:
            self._fault(kind, on=False, p=p)

    def _kill(self, proc: Proc, status: int = -9) -> None:
        self._world.write("nemesis", "event", "kill", val={"p": proc.name})
        proc.die(status)

    async def _kill_runner(self) -> None:
        runners = [proc for worker in self._world.workers for proc in worker.tree()[1:]]
        if runners:
            self._kill(self._rng.choice(runners))

    async def _kill_worker(self) -> None:
        if self._world.workers:
            self._kill(self._rng.choice(self._world.workers))

    async def _kill_client(self) -> None:
        if self._world.clients:
            self._kill(self._rng.choice(self._world.clients))

    async def _drain_worker(self) -> None:
        if self._world.workers:
            worker = self._rng.choice(self._world.workers)
            self._world.write("nemesis", "event", "drain", val={"p": worker.name})
            send_signal(worker, signal.SIGTERM)

    async def _stop_something(self) -> None:
        if not self._world.workers:
            return
        tree = self._rng.choice(self._world.workers).tree()
        whole = self._rng.random() < 0.4
        procs = tree if whole else [self._rng.choice(tree)]
        procs = [proc for proc in procs if not proc.stopped]
        for proc in procs:
            self._world.write("nemesis", "event", "stop", val={"p": proc.name})
            proc.stop()
        try:
            await asyncio.sleep(self._rng.uniform(0.5, 2.5 * LEASE))  # sleeps: virtual time, the length of a fault
        finally:
            for proc in procs:
                self._world.write("nemesis", "event", "cont", val={"p": proc.name})
                proc.cont()

    async def _restart_store(self) -> None:
        net = self._world.net
        if net.away:
            return
        net.away, net.hangs = True, False
        net.restart()
        try:
            await self._for("store_restart", 0.05, 2.0)
        finally:
            net.away = False

    async def _store_away(self) -> None:
        net = self._world.net
        if net.away:
            return
        net.away, net.hangs = True, True
        try:
            await self._for("store_away", 0.5, 10.0)
        finally:
            net.away = net.hangs = False

    async def _lossy(self) -> None:
        self._world.net.lose = self._rng.choice((0.02, 0.1, 0.3))
        try:
            await self._for("lossy", 1.0, 8.0)
        finally:
            self._world.net.lose = 0.0

    async def _slow(self) -> None:
        self._world.net.slow = self._rng.choice((10.0, 200.0))
        try:
            await self._for("slow", 1.0, 8.0)
        finally:
            self._world.net.slow = 1.0

    async def _lose_hints(self) -> None:
        self._world.net.lose_hints = self._rng.choice((0.5, 1.0))
        try:
            await self._for("hints_lost", 1.0, 10.0)
        finally:
            self._world.net.lose_hints = 0.0

    async def _lose_verb(self) -> None:
        """One kind of call fails while all others succeed."""
        verb = self._rng.choice(("beat", "exchange", "reclaim", "append", "insert", "get"))
        self._world.net.lose_verbs[verb] = None
        try:
            await self._for(f"lossy_{verb}", 1.0, 2.0 * LEASE)
        finally:
            self._world.net.lose_verbs.pop(verb, None)

    async def _cut_off(self) -> None:
        if not self._world.workers:
            return
        name = self._rng.choice(self._world.workers).name
        if name in self._world.net.cut:
            return
        self._world.net.cut[name] = None
        try:
            await self._for("cut_off", 1.0, 2.5 * LEASE, p=name)
        finally:
            self._world.net.cut.pop(name, None)

    async def _step_store_clock(self) -> None:
        step = self._rng.choice((-30.0, -4.0, -0.5, 0.5, 4.0, 30.0, 120.0, 400.0))
        if step < 0:
            step = max(step, -self._backward)
            self._backward += step
        elif self._world.clock.offset + step > _FURTHEST:
            return
        self._world.clock.offset += step
        self._world.write("nemesis", "event", "clock", val={"who": "store", "step": step})

    async def _skew_worker(self) -> None:
        if self._world.workers:
            worker = self._rng.choice(self._world.workers)
            step = self._rng.choice((-1, 1)) * self._rng.choice((5.0, 40.0, 3600.0))
            for proc in worker.tree():
                proc.skew += step
            self._world.write("nemesis", "event", "clock", val={"who": worker.name, "step": step})
