"""The network between processes and the simulated server: late, lossy, cut, with a server that restarts."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from abaca.backends.signal import Signal
from abaca.errors import BackendUnavailable
from abaca.model import Hint, NewJob, Receipt
from tests.simulation.loop import Proc, SimLoop, current
from tests.simulation.schedule import TickLog
from tests.simulation.store import Server

_CLAIMS = ("exchange", "reclaim")
_REWATCH = 0.2


class Call:
    """One request under way."""

    def __init__(self, number: int, proc: Proc, verb: str, args: tuple[Any, ...], reply: asyncio.Future[Any]) -> None:
        self.number = number
        self.proc = proc
        self.verb = verb
        self.args = args
        self.reply = reply
        self.executing: asyncio.Task[None] | None = None
        self.over = False


class Net:
    """Faults are set from outside: ``lose`` is the chance of a request or reply to be lost, ``slow`` a factor."""

    def __init__(self, loop: SimLoop, proc: Proc, rng: random.Random, write: Callable[..., None]) -> None:
        self.loop = loop
        self.proc = proc
        self.server: Server
        self._rng = rng
        self._write = write
        self._calls: dict[int, Call] = {}
        self._numbers = 0
        self._watches: dict[SimWatch, None] = {}
        self.caller = proc
        """Whose request is being executed, where no other began meanwhile."""
        self.away = False
        self.hangs = False
        self.lose = 0.0
        self.lose_verbs: dict[str, None] = {}
        """Verbs that never get through."""
        self.lose_hints = 0.0
        self.slow = 1.0
        self.cut: dict[str, None] = {}

    def latency(self) -> float:
        return self._rng.uniform(0.0002, 0.003) * (self._rng.uniform(1.0, self.slow) if self.slow > 1 else 1.0)

    def is_cut(self, proc: Proc) -> bool:
        return any(proc.name == name or proc.name.startswith(name + ".") for name in self.cut)

    async def call(self, verb: str, *args: Any) -> Any:
        """Raises ``BackendUnavailable`` when the outcome is unknown or the server cannot be reached."""
        self._numbers += 1
        call = Call(self._numbers, current(), verb, args, self.loop.create_future())
        self._calls[call.number] = call
        if self.is_cut(call.proc) or (self.away and self.hangs):
            self._fail(call, "no answer", self._rng.uniform(0.3, 3.0))
        elif self.away:
            self._fail(call, "connection refused", self.latency())
        elif verb in self.lose_verbs or self._rng.random() < self.lose:
            self._fault("request_lost", verb)
            self._fail(call, "request lost", self._rng.uniform(0.01, 2.0))
        else:
            self.loop.call_later(self.latency(), self._receive, call, context=self.proc.context)
        try:
            return await call.reply
        finally:
            self._calls.pop(call.number, None)

    def _fault(self, kind: str, verb: str) -> None:
        self._write("nemesis", "event", "fault", val={"kind": kind, "verb": verb})

    def _fail(self, call: Call, why: str, delay: float) -> None:
        call.over = True
        call.proc.soon(_refuse, call, why, delay=delay)

    def _receive(self, call: Call) -> None:
        if call.over:
            return
        if self.away:
            self._fail(call, "connection refused", self.latency())
            return
        call.executing = self.loop.create_task(self._execute(call))

    async def _execute(self, call: Call) -> None:
        if not call.proc.alive and call.verb in _CLAIMS:
            return  # its connection is closed, and the server reads no more from it
        self.caller = call.proc
        hang_up = partial(self._hang_up, call)
        call.proc.on_exit.append(hang_up)
        try:
            answer, error = await self.server.perform(call.verb, call.args), None
        except asyncio.CancelledError:
            return
        except Exception as raised:
            answer, error = None, raised
        finally:
            call.proc.on_exit.remove(hang_up)
        if call.over:
            self._fault("reply_lost", call.verb)
        elif self._rng.random() < self.lose or self.is_cut(call.proc):
            self._fault("reply_lost", call.verb)
            self._fail(call, "reply lost", self._rng.uniform(0.01, 2.0))
        else:
            call.over = True
            call.proc.soon(_answer, call, answer, error, delay=self.latency())

    def _hang_up(self, call: Call) -> None:
        """The caller's process is gone: a claim that is held open for it ends, unless it was answered already."""
        if call.executing is not None and not call.executing.done():
            self.loop.call_later(self.latency(), call.executing.cancel, context=self.proc.context)

    def restart(self) -> None:
        """Every connection is gone: what was not executed never will be, what was executed is not answered."""
        for call in list(self._calls.values()):
            if not call.over or call.executing is not None:
                if call.executing is not None and call.executing.done() and not call.reply.done():
                    self._fault("reply_lost", call.verb)
                if call.executing is not None:
                    call.executing.cancel()
                call.over = True
                call.proc.soon(_refuse, call, "connection reset", delay=self.latency())
        for watch in list(self._watches):
            watch.drop()

    def unhold(self) -> None:
        if not self.away and not self.is_cut(current()):
            self.loop.call_later(self.latency(), self.server.memory.unhold, context=self.proc.context)

    async def watch(self, topics: Sequence[str]) -> SimWatch:
        watch = SimWatch(self, tuple(topics))
        await self.call("watch_for", watch)
        self._watches[watch] = None
        return watch

    def forget(self, watch: SimWatch) -> None:
        self._watches.pop(watch, None)

    def hint(self, watch: SimWatch, hint: Hint) -> None:
        if self._rng.random() >= self.lose_hints and not self.is_cut(watch.proc) and not self.away:
            watch.proc.soon(watch.push, hint, delay=self.latency())


def _answer(call: Call, answer: Any, error: Exception | None) -> None:
    if not call.reply.done():
        if error is None:
            call.reply.set_result(answer)
        else:
            call.reply.set_exception(error)


def _refuse(call: Call, why: str) -> None:
    if not call.reply.done():
        call.reply.set_exception(BackendUnavailable(f"simulated store: {why}"))


class SimWatch:
    """The client's end of a subscription. When the connection was lost it subscribes anew, then says: read again."""

    def __init__(self, net: Net, topics: tuple[str, ...]) -> None:
        self.topics = topics
        self.proc = current()
        self._net = net
        self._hints: deque[Hint] = deque(maxlen=1000)
        self._woken = Signal()
        self._inner: Any = None
        self._closed = False
        self._again: asyncio.Task[None] | None = None
        self.proc.on_exit.append(self._leave)

    def __hash__(self) -> int:
        return 0

    def confirmed(self, inner: Any) -> None:
        """On the server: the memory store's own watch, whose hints travel from there."""
        self._drop_inner()
        self._inner = inner
        inner.push = lambda hint: self._net.hint(self, hint)

    def push(self, hint: Hint) -> None:
        self._hints.append(hint)
        self._woken.set()

    async def next(self, timeout: float) -> Hint | None:
        loop = asyncio.get_running_loop()
        ends = loop.time() + timeout
        while not self._hints:
            left = ends - loop.time()
            if left <= 0:
                return None
            await self._woken.wait(left)
        return self._hints.popleft()

    async def close(self) -> None:
        self._leave()
        if self._again is not None:
            self._again.cancel()

    def _leave(self) -> None:
        self._closed = True
        self._drop_inner()
        self._net.forget(self)

    def _drop_inner(self) -> None:
        if self._inner is not None:
            self._inner._hub.forget(self._inner)
            self._inner = None

    def drop(self) -> None:
        """The connection is lost."""
        self._drop_inner()
        if not self._closed and self.proc.alive and (self._again is None or self._again.done()):
            self._again = self.proc.loop.create_task(self._subscribe(), context=self.proc.context.copy())

    async def _subscribe(self) -> None:
        while not self._closed:
            await asyncio.sleep(_REWATCH)  # sleeps: virtual time between two tries of a connection
            try:
                await self._net.call("watch_for", self)
            except BackendUnavailable:
                continue
            for topic in self.topics:
                self.push(Hint(topic=topic))
            return


class Connection:
    """The seam as a process sees it: every verb crosses the network."""

    def __init__(self, net: Net, ticks: TickLog) -> None:
        self._net = net
        self._ticks = ticks

    async def insert(self, jobs: Sequence[NewJob]) -> list[Receipt]:
        def send() -> Any:
            return self._net.call("insert", jobs)

        if any(job.tick is not None for job in jobs):
            return await self._ticks.insert(jobs, send)
        receipts: list[Receipt] = await send()
        return receipts

    @property
    def durability(self) -> str:
        return "simulated: what was acknowledged survives every fault"

    @property
    def weaknesses(self) -> tuple[str, ...]:
        return ()

    async def open(self) -> None:
        await self._net.call("open")

    async def close(self) -> None: ...

    def unhold(self) -> None:
        self._net.unhold()

    async def watch(self, topics: Sequence[str]) -> SimWatch:
        return await self._net.watch(topics)

    def __getattr__(self, verb: str) -> Callable[..., Any]:
        if verb.startswith("_"):
            raise AttributeError(verb)
        return lambda *args, **kwargs: self._net.call(verb, *args, *kwargs.values())
