"""An event loop whose time is virtual and whose order between processes is drawn from a seed.

Every callback belongs to a simulated process, by the context that it runs in. Within a process callbacks keep their
order, as in a real loop; which process runs next is drawn. A callback of a dead process never runs, one of a stopped
process waits until it goes on.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
import itertools
import random
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, TypeVarTuple, Unpack

from abaca.errors import BackendUnavailable

_PROC: contextvars.ContextVar[Proc] = contextvars.ContextVar("simulated process")
_Ts = TypeVarTuple("_Ts")
_numbers = itertools.count(1)


class Proc:
    """A simulated process. ``exit`` is its status once it is gone; negative is a signal."""

    def __init__(self, loop: SimLoop, name: str, pid: int, parent: Proc | None = None) -> None:
        self.loop = loop
        self.name = name
        self.pid = pid
        self.children: list[Proc] = []
        self.exit: int | None = None
        self.stopped = False
        self.skew = 0.0
        self.main: Coroutine[Any, Any, int | None] | None = None
        self.ready: deque[asyncio.Handle] = deque()
        self.tasks: list[SimTask] = []
        self.signals: dict[int, Callable[[], object]] = {}
        self.on_exit: list[Callable[[], object]] = []
        self.context = contextvars.copy_context()
        self.context.run(_PROC.set, self)
        if parent is not None:
            parent.children.append(self)

    def __repr__(self) -> str:
        return f"<{self.name}>"

    @property
    def alive(self) -> bool:
        return self.exit is None

    def start(self, main: Coroutine[Any, Any, int | None]) -> None:
        """Run ``main``; the process ends with its answer as status, 1 when it raises."""
        self.main = main
        self.loop.create_task(self._live(main), context=self.context.copy())

    async def _live(self, main: Coroutine[Any, Any, int | None]) -> None:
        try:
            status = await main
        except BackendUnavailable:
            status = 1
        except Exception as error:
            self.loop.failures.append(f"{self.name}: {type(error).__name__}: {error}")
            status = 1
        self.die(status or 0)

    def soon(self, callback: Callable[..., object], *args: Any, delay: float = 0.0) -> asyncio.TimerHandle:
        """Call in this process, after a delay."""
        return self.loop.call_later(delay, callback, *args, context=self.context)

    def die(self, status: int) -> None:
        """Gone at once, with every process below it."""
        if self.exit is not None:
            return
        self.exit = status
        self.ready.clear()
        self.loop.rest(self)
        for child in self.children:
            child.die(-9)
        for callback in self.on_exit:
            callback()

    def stop(self) -> None:
        self.stopped = True
        self.loop.rest(self)

    def cont(self) -> None:
        self.stopped = False
        if self.alive and self.ready:
            self.loop.wake(self)

    def tree(self) -> list[Proc]:
        """This process and all that live below it."""
        below = [proc for child in self.children for proc in child.tree()]
        return [self, *below] if self.alive else below


def current() -> Proc:
    return _PROC.get()


class Vanished(BaseException):
    """The process that was running is gone; nothing of it runs on."""


class SimTask(asyncio.Task[Any]):
    """A task whose place in a set does not depend on its address."""

    def __init__(self, coro: Any, **kwargs: Any) -> None:
        self._number = next(_numbers)
        super().__init__(coro, **kwargs)

    def __hash__(self) -> int:
        return self._number


class SimLoop(asyncio.BaseEventLoop):
    """Advances time only when nobody can run."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__()
        self._rng = rng
        self._time = 0.0
        self._debug = False
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._order = itertools.count()
        self._runnable: list[Proc] = []
        self.failures: list[str] = []
        self.world: Any = None
        self.steps = 0
        self.root = Proc(self, "world", 1)
        self.set_task_factory(self._make_task)
        self.set_exception_handler(lambda _, context: self._failed(context))

    def _failed(self, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, Vanished):
            return
        self.failures.append(f"{context.get('message')}: {type(error).__name__}: {error}")

    def _make_task(self, loop: Any, coro: Any, **kwargs: Any) -> SimTask:
        context = kwargs.get("context")
        proc = _PROC.get() if context is None else context[_PROC]
        task = SimTask(coro, loop=loop, **kwargs)
        proc.tasks.append(task)
        if len(proc.tasks) > 256:
            proc.tasks = [task for task in proc.tasks if not task.done()]
        return task

    def time(self) -> float:
        return self._time

    def call_soon(
        self, callback: Callable[[Unpack[_Ts]], object], *args: *_Ts, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._admit(handle)
        return handle

    def call_soon_threadsafe(
        self, callback: Callable[[Unpack[_Ts]], object], *args: *_Ts, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        return self.call_soon(callback, *args, context=context)

    def call_later(
        self,
        delay: float,
        callback: Callable[[Unpack[_Ts]], object],
        *args: *_Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        return self.call_at(self._time + delay, callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[_Ts]], object],
        *args: *_Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, next(self._order), timer))
        return timer

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """They are skipped when their time comes."""

    def _admit(self, handle: asyncio.Handle) -> None:
        proc = handle._context.get(_PROC, self.root)  # type: ignore[attr-defined]
        if proc.exit is not None:
            return
        ready = proc.ready
        ready.append(handle)
        if len(ready) == 1 and not proc.stopped:
            self._runnable.append(proc)

    def rest(self, proc: Proc) -> None:
        if proc in self._runnable:
            self._runnable.remove(proc)

    def wake(self, proc: Proc) -> None:
        if proc not in self._runnable:
            self._runnable.append(proc)

    def _run_once(self) -> None:
        runnable, draw = self._runnable, self._rng.random
        while not self._stopping:  # type: ignore[attr-defined]
            if not runnable:
                self._advance()
                continue
            at = int(draw() * len(runnable))
            proc = runnable[at]
            ready = proc.ready
            handle = ready.popleft()
            self.steps += 1
            if not ready:
                del runnable[at]
            if not handle._cancelled:
                handle._run()

    def _advance(self) -> None:
        """On to the next instant at which a timer ends."""
        timers = self._timers
        while timers and timers[0][2]._cancelled:
            heapq.heappop(timers)
        if not timers:
            raise RuntimeError("the simulated world stands still: nobody can run and no timer is set")
        now = self._time = max(self._time, timers[0][0])
        while timers and timers[0][0] <= now:
            handle = heapq.heappop(timers)[2]
            if not handle._cancelled:
                self._admit(handle)

    def add_signal_handler(self, sig: int, callback: Callable[[Unpack[_Ts]], object], *args: *_Ts) -> None:
        proc = _PROC.get()
        proc.signals[sig] = lambda: self.call_soon(callback, *args, context=proc.context)

    def remove_signal_handler(self, sig: int) -> bool:
        return _PROC.get().signals.pop(sig, None) is not None

    async def create_connection(self, protocol_factory: Any, *args: Any, sock: Any = None, **kwargs: Any) -> Any:
        protocol = protocol_factory()
        return sock.attach(protocol), protocol

    def _process_events(self, event_list: Any) -> None: ...

    def _write_to_self(self) -> None: ...

    def bury(self) -> None:
        """Close what dead and living processes left unfinished, without a word."""
        self._timers.clear()
        self._runnable.clear()
        pending, procs = [self.root], []
        while pending:
            proc = pending.pop()
            procs.append(proc)
            pending += proc.children
        for proc in procs:
            proc.exit = 0 if proc.exit is None else proc.exit
        asyncio.events._set_running_loop(self)  # for what begins a task in its clean-up
        try:
            for proc in procs:
                proc.context.run(_close_tasks, proc)
        finally:
            asyncio.events._set_running_loop(None)
        self._timers.clear()
        self._runnable.clear()
        self.close()


def _close_tasks(proc: Proc) -> None:
    while proc.tasks:
        task = proc.tasks.pop()
        if not task.done():
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            _close(task.get_coro())
    if proc.main is not None:
        _close(proc.main)  # where its task never took a step


def _close(coro: Any) -> None:
    for _ in range(20):
        try:
            coro.close()
            return
        except BaseException:  # what its own clean-up raises concerns nobody: its process is gone
            continue
