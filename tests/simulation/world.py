"""One seed: a world is made, lives until every wish is done, and is judged."""

from __future__ import annotations

import asyncio
import hashlib
import random
from dataclasses import dataclass, replace
from typing import Any

from abaca.buggify import arm, disarm
from abaca.verify import Dump, Event, Findings, Options, check
from abaca.verify.history import Src, Type, encode_line
from tests.simulation import procs
from tests.simulation.clients import Client
from tests.simulation.links import End, Kept, pair
from tests.simulation.loop import Proc, SimLoop, Vanished, current
from tests.simulation.nemesis import Nemesis
from tests.simulation.net import Connection, Net
from tests.simulation.patches import patched
from tests.simulation.schedule import SCHEDULE, TickLog, create, ticks_due
from tests.simulation.store import EPOCH, Memory, Server, StoreClock
from tests.simulation.tasks import make_app

_JOBS = 45
_DRAIN = 400.0
_ENABLED = 0.25
_FIRED = 0.05
OPTIONS = Options(lease=6.0, beat=2.0, grace=1.0, reap=1.2, slack=2.5)


class Silent:
    """A logger that keeps the last lines for whoever looks at a failing seed."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __getattr__(self, level: str) -> Any:
        def log(message: str, **fields: Any) -> None:
            if self._world.verbose:
                self._world.logged.append(f"{self._world.time():9.3f} {current().name} {level}: {message} {fields}")

        return log


class World:
    """What everybody in a simulation shares. One instance per seed."""

    def __init__(self, seed: int, *, verbose: bool = False) -> None:
        self.seed = seed
        self.verbose = verbose
        self.rng = random.Random(seed)
        self.chance = random.Random(self.rng.random())
        self.loop = SimLoop(random.Random(self.rng.random()))
        self.loop.world = self
        self.events: list[Event] = []
        self.logged: list[str] = []
        self.log = Silent(self)
        self.clock = StoreClock(self.loop.time)
        self.workers: list[Proc] = []
        self.clients: list[Proc] = []
        self.wishes = _JOBS
        self.pace = self.rng.choice((0.3, 0.8, 1.5))
        self.first_tick = self.shown_at = 0
        self.ticks = TickLog(self)
        self.calm = False
        self.judging = False
        self.memory = Memory(self.clock)
        self._pids = 100
        self._ids = 0
        self._procs: dict[int, Proc] = {}
        self._counts: dict[str, int] = {}
        self._points: dict[str, bool] = {}
        self._point_rng = random.Random(self.rng.random())
        self._link_rng = random.Random(self.rng.random())
        self.net = Net(self.loop, self.proc("store"), random.Random(self.rng.random()), self.write)
        self.net.server = Server(self.memory, self.clock, self.write)

    def proc(self, name: str, parent: Proc | None = None) -> Proc:
        self._pids += 1
        full = f"{parent.name}.{self._pids}" if parent is not None else f"{name}#{self._pids}"
        proc = Proc(self.loop, full, self._pids, parent or self.loop.root)
        self._procs[proc.pid] = proc
        proc.on_exit.append(lambda: self.write("worker", "event", "exit", val={"p": full}))
        return proc

    def time(self) -> float:
        return self.loop.time()

    def monotonic(self) -> float:
        return 1000.0 + self.loop.time()

    def wall(self) -> float:
        return EPOCH / 1e6 + self.loop.time() + current().skew

    def store_seconds(self) -> float:
        return self.clock.now() / 1e6

    def new_id(self, partition: int = 0) -> str:
        self._ids += 1
        return f"{0x0190 << 104 | self._ids:030x}{partition:02x}"[-32:]

    def getpid(self) -> int:
        return current().pid

    def connect(self) -> Any:
        return Connection(self.net, self.ticks)

    def write(self, src: str, type: str, f: str, **fields: Any) -> None:
        """One event, at this instant, in the name of the current process where it is a client's or a handler's."""
        p = current().name if src in ("client", "handler") else src
        at, seq = round(self.loop.time(), 6), len(self.events) + 1
        self.events.append(Event(p=p, seq=seq, mono=at, src=Src(src), type=Type(type), f=f, **fields))

    def quiet(self, *, on: bool) -> None:
        self.calm = on
        self.write("nemesis", "event", "quiet", val={"on": on})

    def count(self, id: str) -> int:
        """How often this was asked for the job: the world outside remembers what a job forgets."""
        self._counts[id] = self._counts.get(id, 0) + 1
        return self._counts[id]

    def exit(self, status: int) -> None:
        current().die(status)

    def freeze(self, proc: Proc, seconds: float) -> None:
        """A handler that holds the GIL: its process stands still, its supervisor does not."""
        self.write("nemesis", "event", "stop", val={"p": proc.name})
        proc.stop()

        def thaw() -> None:
            self.write("nemesis", "event", "cont", val={"p": proc.name})
            proc.cont()

        self.loop.root.soon(thaw, delay=seconds)

    def spawn(self, module: str) -> tuple[Kept, End]:
        parent = current()
        proc = self.proc("", parent)
        ours, theirs = pair(parent, proc, lambda: self._link_rng.uniform(0.00005, 0.001))
        main = procs.runner if module.endswith("runner_main") else procs.child
        proc.soon(lambda: proc.start(main(self, theirs)), delay=self._link_rng.uniform(0.05, 0.4))
        return Kept(proc), ours

    def end_tree(self, pid: int) -> None:
        proc = self._procs.get(pid)
        if proc is not None:
            Kept(proc).kill()

    def busy(self) -> bool:
        return self.wishes > 0

    def fire(self, point: str) -> None:
        """A quarter of the places are on in this seed; in each of their passes the process may end there."""
        if point not in self._points:
            self._points[point] = self._point_rng.random() < _ENABLED
        if self._points[point] and not self.calm and self._point_rng.random() < _FIRED:
            proc = current()
            if any(proc in worker.tree() for worker in self.workers) or proc in self.clients:
                self.write("nemesis", "event", "kill", val={"p": proc.name, "point": point})
                proc.die(-9)
                raise Vanished(point)

    async def live(self) -> None:
        """Until all wishes are done and the queue is drained, or far too long after."""
        await create(self, make_app(self))
        nemesis = self.proc("nemesis")
        for number in range(self.rng.choice((2, 3))):
            self._keep_worker(number, seats=self.rng.choice((1, 1, 2)))
        for number in range(2):
            self._keep_client(number)
        over = asyncio.Event()
        nemesis.on_exit.append(lambda: self.loop.root.soon(over.set))
        nemesis.start(Nemesis(self, random.Random(self.rng.random())).run())
        await over.wait()
        self.quiet(on=True)
        await self._drained()
        self.shown_at = self.clock.now()

    async def _drained(self) -> None:
        ends = self.time() + _DRAIN
        while self.time() < ends:
            await asyncio.sleep(1.0)  # sleeps: virtual time between two looks
            stats = await self.memory.stats()
            waiting = sum(queue.due + queue.later + queue.blocked for queue in stats.queues)
            if not stats.running and not waiting and not self.clients:
                return

    def _keep_worker(self, number: int, seats: int) -> None:
        """A worker that is started again when it ends, as an init system does."""
        worker = self.proc(f"worker{number}")
        self.workers.append(worker)

        def gone() -> None:
            self.workers.remove(worker)
            self.loop.root.soon(self._keep_worker, number, seats, delay=self.rng.uniform(0.2, 3.0))

        worker.on_exit.append(gone)
        worker.soon(lambda: worker.start(procs.supervisor(seats)))

    def _keep_client(self, number: int) -> None:
        client = self.proc(f"client{number}")
        self.clients.append(client)
        rng = random.Random(self.rng.random())

        def gone() -> None:
            self.clients.remove(client)
            if client.exit != 0 or self.busy():
                self.loop.root.soon(self._keep_client, number, delay=1.0)

        client.on_exit.append(gone)
        client.soon(lambda: client.start(Client(self, rng).run()))

    async def dump(self) -> Dump:
        self.judging = True
        ids = dict.fromkeys(item.id for event in self.events for item in event.items)
        ids |= dict.fromkeys(event.j for event in self.events if event.src == "store" and event.j)
        jobs = [job for job in await self.memory.get(list(ids)) if job is not None]
        faults = [f"{fault.kind.value} {fault.id}: {fault.detail}" for fault in await self.memory.audit()]
        return Dump(jobs=jobs, stats=await self.memory.stats(), faults=faults)


@dataclass(slots=True)
class Outcome:
    """What came of one seed."""

    seed: int
    findings: Findings
    events: list[Event]
    failures: list[str]
    logged: list[str]
    steps: int
    seconds: float

    @property
    def ok(self) -> bool:
        return self.findings.ok and not self.failures

    def digest(self) -> str:
        whole = hashlib.blake2b(digest_size=16)
        for event in self.events:
            whole.update(encode_line(event) + b"\n")
        return whole.hexdigest()


def simulate(seed: int, *, mutant: Any = None, verbose: bool = False) -> Outcome:
    """Run one seed from the beginning to the judgement."""
    world = World(seed, verbose=verbose)
    loop = world.loop
    changes = mutant.changes(world) if mutant is not None else []
    with patched(world, changes):
        try:
            arm(world.fire)
            loop.run_until_complete(loop.create_task(world.live(), context=loop.root.context.copy()))
            dump = loop.run_until_complete(loop.create_task(world.dump(), context=loop.root.context.copy()))
            # What the buried say in their clean-up is no part of the history.
            events, logged = list(world.events), list(world.logged)
            failures, steps, seconds = list(loop.failures), loop.steps, loop.time()
            ticks = {SCHEDULE: ticks_due(world, seconds)}
        finally:
            disarm()
            loop.bury()
    findings = check(events, dump, replace(OPTIONS, ticks=ticks))
    return Outcome(seed, findings, events, failures, logged, steps, seconds)
