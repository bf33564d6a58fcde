"""What one client process asks for: many jobs in bulk, and beside them everything else that clients do."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec

from abaca import App, JobHandle
from abaca.errors import AbacaError
from abaca.model import When
from abaca.tasks import Call
from abaca.verify import tasks
from abaca.verify.calls import AnyCall, Calls
from abaca.verify.pills import CHILD_ONLY, PILLS

BULK = 250
_TICK = 0.02
_TOO_MANY_WAIT = 40_000
"""Jobs that wait to be run above which clients hold back for a moment."""
_TRIES = 12
_PATIENCE = 60.0

# Of ten thousand jobs in bulk, how many are of each kind; the rest are quick ones.
_SHARES = (("slow", 60), ("threaded", 60), ("flaky", 40), ("chatty", 30), ("delayed", 30), ("apart", 8), ("big", 12))


class Errand(msgspec.Struct, frozen=True, kw_only=True):
    """What a client process has to do.

    ``quota`` jobs are to be accepted by ``ends`` (seconds of the monotonic clock), ``pills`` among them. Numbers of
    jobs count up from ``first``. ``pace`` is how many of the slow acts (waits, cancels and so on) begin in a second.
    """

    name: str
    folder: str
    seed: int
    first: int
    quota: int
    pills: int
    ends: float
    pace: float = 8.0
    application: str = ""


class Load:
    """One client at work until its quota is met or it is told to stop."""

    def __init__(self, app: App, calls: Calls, errand: Errand, tell: Callable[[int, int], None]) -> None:
        self._app = app
        self._calls = calls
        self._errand = errand
        self._tell = tell
        self._rng = random.Random(errand.seed)
        self._number = errand.first
        self._known: deque[JobHandle[Any]] = deque(maxlen=300)
        self._acts: set[asyncio.Task[None]] = set()
        self._bulks: set[asyncio.Task[None]] = set()
        self._pills = errand.pills
        self._crowded = False
        self.stopping = asyncio.Event()

    async def run(self) -> None:
        """Raises nothing that a store being away explains: those calls are open in the history."""
        began = time.monotonic()
        span = max(1.0, self._errand.ends - began)
        watching = asyncio.create_task(self._watch_crowd())
        acts = 0
        try:
            while not self.stopping.is_set() and self._calls.acked < self._errand.quota:
                gone = min(1.0, (time.monotonic() - began) / span)
                self._top_up(gone)
                self._poison(gone)
                while acts < self._errand.pace * (time.monotonic() - began) and len(self._acts) < 200:
                    acts += 1
                    self._act()
                self._tell(self._calls.acked, self._errand.pills - self._pills)
                await self._pause(_TICK)
        finally:
            watching.cancel()
            await self._finish()
            self._tell(self._calls.acked, self._errand.pills - self._pills)

    async def _finish(self) -> None:
        """What is under way may end; what does not is left open."""
        under_way = {*self._acts, *self._bulks}
        if under_way:
            _, late = await asyncio.wait(under_way, timeout=_PATIENCE)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), seconds)

    async def _watch_crowd(self) -> None:
        while True:
            try:
                stats = await self._app.stats()
                self._crowded = sum(queue.due for queue in stats.queues) > _TOO_MANY_WAIT
            except AbacaError:
                self._crowded = False
            await asyncio.sleep(1.0)

    def _top_up(self, gone: float) -> None:
        """Enqueue what is due by now, in batches, a few of them at a time."""
        due = round(self._errand.quota * gone) - self._calls.acked - len(self._bulks) * BULK
        while due > 0 and len(self._bulks) < 3 and not self._crowded:
            size = min(due, BULK)
            due -= size
            self._start(self._bulks, self._enqueue([self._any_call() for _ in range(size)]))

    def _poison(self, gone: float) -> None:
        due = round(self._errand.pills * gone) - (self._errand.pills - self._pills)
        for _ in range(min(due, 3)):
            self._pills -= 1
            self._start(self._bulks, self._enqueue([self._pill()]))

    def _start(self, tasks: set[asyncio.Task[None]], work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _any_call(self) -> AnyCall:
        draw, n, rng = self._rng.randrange(10_000), self._next(), self._rng
        for kind, share in _SHARES:
            draw -= share
            if draw < 0:
                return self._call_of(kind, n, rng)
        return tasks.quick.call(n)

    def _call_of(self, kind: str, n: int, rng: random.Random) -> AnyCall:
        calls: dict[str, Callable[[], Call[str]]] = {
            "slow": lambda: tasks.slow.call(n, rng.randrange(20, 1500)),
            "threaded": lambda: tasks.threaded.call(n, rng.randrange(1, 300)),
            "apart": lambda: tasks.apart.call(n, rng.randrange(1, 400)),
            "flaky": lambda: tasks.flaky.call(n),
            "chatty": lambda: tasks.chatty.call(n),
            "big": lambda: tasks.big.call(n),
            "delayed": lambda: tasks.quick.opts(delay=rng.uniform(0.2, 4.0)).call(n),
        }
        return calls[kind]()

    def _pill(self) -> AnyCall:
        how = self._rng.choice(sorted(PILLS))
        if how in CHILD_ONLY or self._rng.random() < 0.5:
            return tasks.pill_apart.call(self._next(), how)
        return tasks.pill.call(self._next(), how)

    async def _enqueue(self, calls: list[AnyCall]) -> None:
        handles = await self._stored(calls)
        if handles:
            self._known.append(self._rng.choice(handles))

    async def _stored(self, calls: list[AnyCall]) -> list[JobHandle[Any]] | None:
        """Enqueue, and after an unknown outcome mostly again; some are left open, as by a client that gives up."""
        for _ in range(_TRIES):
            handles = await self._calls.enqueue(calls)
            if handles is not None:
                return handles
            if self._rng.random() < 0.1 or self.stopping.is_set():
                return None
            await self._pause(self._rng.uniform(0.1, 1.0))
        return None

    def _act(self) -> None:
        acts = (
            (self._submit_and_wait, 30),
            (self._cancel_running, 14),
            (self._cancel_waiting, 8),
            (self._requeue, 10),
            (self._repeat, 8),
            (self._share_a_key, 8),
            (self._follow, 8),
            (self._look_again, 12),
            (self._fail, 4),
            (self._leave_orphans, 2),
            (self._join, 8),
        )
        act = self._rng.choices([act for act, _ in acts], [weight for _, weight in acts])[0]
        self._start(self._acts, act())

    async def _one(self, call: AnyCall) -> JobHandle[Any] | None:
        handles = await self._stored([call])
        return handles[0] if handles else None

    async def _submit_and_wait(self) -> None:
        job = await self._one(self._any_call())
        if job is not None:
            await self._calls.wait(job, _PATIENCE)
            self._known.append(job)

    async def _cancel_running(self) -> None:
        call = (tasks.heedful if self._rng.random() < 0.5 else tasks.endless).call(self._next())
        job = await self._one(call)
        if job is not None:
            await self._pause(self._rng.uniform(0.0, 2.0))
            await self._calls.cancel(job)
            await self._calls.wait(job, _PATIENCE)

    async def _cancel_waiting(self) -> None:
        job = await self._one(tasks.quick.opts(delay=self._rng.uniform(0.5, 3.0)).call(self._next()))
        if job is not None:
            await self._pause(self._rng.uniform(0.0, 1.0))
            await self._calls.cancel(job)

    async def _requeue(self) -> None:
        job = await self._one(tasks.quick.call(self._next()))
        if job is not None and await self._calls.wait(job, _PATIENCE) is not None:
            await self._calls.requeue(job)
            await self._calls.wait(job, _PATIENCE)

    async def _repeat(self) -> None:
        call = tasks.quick.call(self._next())
        for _ in range(self._rng.randrange(2, 4)):
            await self._stored([call])

    async def _share_a_key(self) -> None:
        key = f"{self._errand.name}-{self._rng.randrange(4)}"
        for _ in range(3):
            await self._one(tasks.slow.opts(key=key).call(self._next(), self._rng.randrange(10, 200)))

    async def _follow(self) -> None:
        job = await self._one(tasks.chatty.call(self._next()))
        if job is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE):
                    await self._calls.follow(job)

    async def _look_again(self) -> None:
        if self._known:
            await self._calls.read(self._rng.choice(self._known))

    async def _fail(self) -> None:
        job = await self._one(tasks.doomed.call(self._next()))
        if job is not None:
            await self._calls.wait(job, _PATIENCE)

    async def _join(self) -> None:
        """Two jobs and one behind them, which runs only if they ended as it asks."""
        first = await self._one(self._rng.choice((tasks.quick, tasks.doomed)).call(self._next()))
        second = await self._one(tasks.slow.call(self._next(), self._rng.randrange(10, 200)))
        if first is None or second is None:
            return
        when = self._rng.choice(tuple(When))
        job = await self._one(tasks.quick.opts(after=[first, second], when=when).call(self._next()))
        if job is not None:
            await self._calls.wait(job, _PATIENCE)

    async def _leave_orphans(self) -> None:
        await self._one(tasks.orphaning.call(self._next()))
