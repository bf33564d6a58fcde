"""One chaos run from its first process to its verdict."""

from __future__ import annotations

import asyncio
import importlib
import random
import secrets
import signal
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from abaca.backend import Backend
from abaca.backends import open_backend
from abaca.errors import AbacaError
from abaca.verify import places
from abaca.verify.closing import Ending, drain, end_of
from abaca.verify.crew import Crew, Quota
from abaca.verify.faults import Faults, StoreFaults
from abaca.verify.history import HistoryWriter
from abaca.verify.nemesis import Can, Fault, Period, periods, schedule
from abaca.verify.notes import SURVIVED, poisoned
from abaca.verify.outcome import Outcome, StoreFacts
from abaca.verify.plan import Plan
from abaca.verify.proxy import FINE, FaultProxy
from abaca.verify.space import Space, SqliteSpace, make_space, with_port
from abaca.verify.wallclock import Wallclock, compile_library

_TICK = 0.1
_MOST_OVERTIME = 2.5
"""How much longer than planned clients may take to meet their quota."""
_STOP_SECONDS = 30.0
_UP_SECONDS = 120.0


async def conduct(plan: Plan, tell: Any = lambda text: None) -> Outcome:
    """Carry out a plan and judge it. ``tell`` takes a line about how far it is.

    The run's part of the store is removed whatever happens. Raises ``AbacaError`` when the run cannot be made.
    """
    plan.folder.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        stage = await _Stage.make(plan, stack, tell)
        return await stage.run()


class _Stage:
    """Everything that one run has open."""

    def __init__(self, plan: Plan, space: Space, crew: Crew, faults: Faults, facts: StoreFacts, tell: Any) -> None:
        self.plan = plan
        self.space = space
        self.crew = crew
        self.faults = faults
        self.facts = facts
        self.tell = tell
        self.skipped: list[str] = []

    @classmethod
    async def make(cls, plan: Plan, stack: AsyncExitStack, tell: Any) -> _Stage:
        history = HistoryWriter(plan.folder, "nemesis")
        stack.callback(history.close)
        library = compile_library(plan.folder)
        url, store, version = plan.url, StoreFaults(), ""
        if plan.own_server:
            server = importlib.import_module("abaca.verify.own_server").OwnServer(
                plan.folder / "server", plan.fsync, library
            )
            await server.start()
            stack.push_async_callback(server.kill)
            url, store = server.url, importlib.import_module("abaca.verify.own_store").ServerFaults(server)
            version = f"redis {await server.version()}"
        space = make_space(url, secrets.token_hex(4))
        await space.open()
        stack.push_async_callback(_clean, space)
        facts = await _look(space, url, version)
        proxy = await cls._proxy(space, plan, stack)
        ways = [space.url]
        if proxy is not None:
            ways.append(with_port(space.url, "127.0.0.1", proxy.port))
        on_sqlite = isinstance(space, SqliteSpace)
        machine_clock = Wallclock(plan.folder / "machine.clock") if on_sqlite and library is not None else None
        crew = Crew(
            folder=plan.folder,
            urls=ways,
            application=plan.application,
            flags=_flags(plan),
            history=history,
            seed=plan.seed,
            pace=plan.pace,
            quotas=[Quota(-(-plan.jobs // plan.clients), -(-plan.pills // plan.clients)) for _ in range(plan.clients)],
            places=places.variable(plan, on_sqlite=on_sqlite),
            library=library,
            shared_clock=machine_clock,
        )
        stack.callback(crew.end)
        faults = Faults(
            crew=crew,
            rng=random.Random(f"{plan.seed} faults"),
            store=store,
            proxy=proxy,
            database=space.path if isinstance(space, SqliteSpace) else None,
        )
        stage = cls(plan, space, crew, faults, facts, tell)
        stage._say_what_is_left_out(library is not None)
        return stage

    @staticmethod
    async def _proxy(space: Space, plan: Plan, stack: AsyncExitStack) -> FaultProxy | None:
        if space.address is None or urlsplit(space.url).scheme != "redis" or not plan.network_faults:
            return None
        return await stack.enter_async_context(FaultProxy(*space.address, seed=plan.seed))

    def _say_what_is_left_out(self, clocks: bool) -> None:
        plan = self.plan
        if not clocks and plan.clock_jumps:
            self.skipped.append("jumps of the wall clock: there is no C compiler here")
        if self.faults.proxy is None and plan.network_faults:
            why = "a file has no network" if self.faults.database is not None else "the connection is encrypted"
            self.skipped.append(f"network faults: {why}")
        if self.faults.database is None and not plan.own_server:
            self.skipped.append("faults of the server itself: it is yours (--own-server starts one for the run)")

    @property
    def can(self) -> Can:
        return Can(
            kill_store=self.plan.own_server or self.faults.database is not None,
            rule_server=self.plan.own_server,
            network=self.faults.proxy is not None,
            clocks=self.crew.library is not None,
        )

    async def run(self) -> Outcome:
        plan = self.plan
        rng = random.Random(plan.seed)
        parts = periods(plan, rng)
        faults = schedule(plan, parts, self.can, rng)
        (plan.folder / "schedule.json").write_bytes(msgspec.json.format(msgspec.json.encode(faults)))
        backend = open_backend(self.space.url)
        await backend.open()
        try:
            await self._come_up(backend)
            return await self._run(backend, parts, faults)
        finally:
            await backend.close()

    async def _come_up(self, backend: Backend) -> None:
        """All workers are there and the first jobs are stored: only now faults have something to hit."""
        crew, until = self.crew, time.monotonic() + _UP_SECONDS
        for seat in range(self.plan.workers):
            crew.start_worker(seat)
        while time.monotonic() < until and len((await backend.stats()).workers) < self.plan.workers:
            if (refusal := crew.refusal()) is not None:
                raise AbacaError(f"a worker did not start: {refusal}")
            self.tell("workers are coming up")
            await asyncio.sleep(_TICK)
        crew.ends = time.monotonic() + self.plan.seconds
        for seat in range(self.plan.clients):
            crew.start_client(seat)
        while time.monotonic() < until and not crew.acked:
            self._keep_up()
            await asyncio.sleep(_TICK)
        if not crew.acked:
            raise AbacaError(f"no client stored a job in {_UP_SECONDS:g} s; their words are in {self.plan.folder}")

    async def _run(self, backend: Backend, parts: list[Period], faults: list[Fault]) -> Outcome:
        plan, crew = self.plan, self.crew
        began = time.monotonic()
        await self._storm(began, parts, faults)
        await self._calm()
        storm_seconds = time.monotonic() - began
        await self._meet_quotas(began)
        await self._stop_clients()
        drained = await drain(backend, plan.patience, self._keep_up, self.tell)
        self.tell("stopping the workers")
        await self._stop_workers()
        crew.note("quiet", {"on": False})
        return await self._judge(backend, drained, storm_seconds, time.monotonic() - began)

    async def _storm(self, began: float, parts: list[Period], faults: list[Fault]) -> None:
        """Load and faults, with quiet periods between."""
        under_way: set[asyncio.Task[None]] = set()
        coming, quiet = list(faults), False
        told = 0.0
        while (now := time.monotonic() - began) < self.plan.seconds:
            part = next((part for part in parts if part.begins <= now < part.ends), parts[-1])
            places.switch(self.plan.folder, on=not part.quiet)
            if part.quiet and not quiet and not under_way:
                self.crew.note("quiet", {"on": True})
                quiet = True
            elif not part.quiet and quiet:
                self.crew.note("quiet", {"on": False})
                quiet = False
            while coming and coming[0].at <= now:
                task = asyncio.create_task(self.faults.do(coming.pop(0)))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
            self._keep_up()
            if now - told >= 5:
                told = now
                done = sum(self.crew.tally.values())
                self.tell(f"{now:.0f} of {self.plan.seconds:.0f} s: {self.crew.acked:,} jobs accepted, {done} faults")
            await asyncio.sleep(_TICK)
        if under_way:
            await asyncio.wait(under_way, timeout=60)
        if quiet:
            self.crew.note("quiet", {"on": False})

    def _keep_up(self) -> None:
        """Replace whoever ended."""
        crew = self.crew
        ended = crew.look()
        if self.faults.holding:
            return
        for member in ended:
            crew.start_worker(member.seat)
        for seat, client in list(crew.clients.items()):
            if not client.is_running and not client.leaving and client.process.returncode != 0:
                crew.replace_client(seat)

    async def _calm(self) -> None:
        """Faults are over: everything is healed, and from here on nothing may be late."""
        places.switch(self.plan.folder, on=False)
        if self.faults.proxy is not None:
            self.faults.proxy.set(FINE)
        if isinstance(self.crew.shared_clock, Wallclock):
            self.crew.shared_clock.set(0)
        for member in self.crew.workers.values():
            if member.clock is not None:
                member.clock.set(0)
        heal = getattr(self.faults.store, "heal", None)
        if heal is not None:
            await heal()
        self._keep_up()
        await asyncio.sleep(self.plan.lease)  # what was lost in the last moment comes back first
        self.crew.note("quiet", {"on": True})

    async def _meet_quotas(self, began: float) -> None:
        until = began + self.plan.seconds * _MOST_OVERTIME + 10
        while time.monotonic() < until and any(client.is_running for client in self.crew.clients.values()):
            self._keep_up()
            self.tell(f"{self.crew.acked:,} of {self.plan.jobs:,} jobs accepted")
            await asyncio.sleep(0.5)

    async def _stop_clients(self) -> None:
        running = [client for client in self.crew.clients.values() if client.is_running]
        for client in running:
            client.leaving = True
            client.process.send_signal(signal.SIGTERM)
        await self._gone([client.process for client in running], 90.0)

    async def _stop_workers(self) -> None:
        running = [worker for worker in self.crew.workers.values() if worker.is_running]
        for worker in running:
            worker.leaving = True
            worker.process.send_signal(signal.SIGTERM)
        await self._gone([worker.process for worker in running], _STOP_SECONDS)
        self.crew.look()

    async def _gone(self, processes: list[Any], seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if all(process.poll() is not None for process in processes):
                return
            await asyncio.sleep(0.05)

    async def _judge(self, backend: Backend, drained: bool, storm: float, total: float) -> Outcome:
        self.tell("reading the store and judging the history")
        for place, count in places.deaths(self.plan.folder).items():
            self.crew.count(f"deaths at {place}", count)
        taken = poisoned(self.plan.folder)
        self.crew.count("processes ended by a pill", taken.total() - 2 * taken[SURVIVED])
        ending: Ending = await end_of(backend, self.plan, self.crew, self.facts, drained)
        restarts = getattr(self.faults.store, "restarts", [])
        return Outcome(
            plan=self.plan,
            facts=self.facts,
            findings=ending.findings,
            tally=dict(sorted(self.crew.tally.items())),
            effects=ending.effects,
            jobs=ending.jobs,
            drained=drained,
            storm_seconds=storm,
            total_seconds=total,
            restarts=tuple(restarts),
            skipped=tuple(self.skipped),
            missed=tuple(self.faults.missed),
            wrong=tuple(ending.wrong),
        )


def _flags(plan: Plan) -> list[str]:
    return [
        *("--config", "/dev/null", "--concurrency", str(plan.concurrency), "--process-slots", "2"),
        *("--lease", f"{plan.lease}s", "--beat", f"{plan.beat}s", "--grace", f"{plan.grace}s", "--drain", "2s"),
        *("--log-level", "warning"),
    ]


async def _look(space: Space, url: str, version: str) -> StoreFacts:
    """What the store says of itself. It is opened once, so that a store that cannot be used is refused at once."""
    backend = open_backend(space.url)
    await backend.open()
    try:
        return StoreFacts(url=url, durability=backend.durability, weaknesses=backend.weaknesses, version=version)
    finally:
        await backend.close()


async def _clean(space: Space) -> None:
    for _ in range(5):
        try:
            await space.clean()
            return
        except AbacaError:
            await asyncio.sleep(1.0)


def folder_size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
