"""A worker inside somebody's program: an ASGI lifespan, a notebook, a test.

Its heart is a thread with a connection of its own. That thread stops while C code holds the interpreter's lock, and
nothing here can kill a thread: a handler that does such things belongs into ``pool="process"`` or under
``abaca worker``, whose supervisor beats from another process.
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

from abaca.backend import Backend
from abaca.codec import new_id
from abaca.errors import BackendError
from abaca.logs import worker_log
from abaca.model import Card, Lease, Value
from abaca.worker.engine import Engine
from abaca.worker.heart import Heart
from abaca.worker.held import HeldRuns
from abaca.worker.loop import LoopOptions, StoreGone
from abaca.worker.middleware import Middleware
from abaca.worker.options import WorkerOptions
from abaca.worker.purger import Purger
from abaca.worker.reaper import Reaper
from abaca.worker.runs import RunKey, StopReason

Connect = Callable[[], AbstractAsyncContextManager[Backend]]


class WorkerStats(Value, frozen=True, kw_only=True):
    """Counts since the start; times in seconds. ``average`` is the mean duration of a run."""

    name: str
    is_running: bool = False
    running: int = 0
    processed: int = 0
    succeeded: int = 0
    failed: int = 0
    average: float = 0.0
    uptime: float = 0.0


class Worker:
    """Claims and runs jobs in the running event loop until it is stopped. Also an async context manager."""

    def __init__(
        self,
        tasks: Mapping[str, Any],
        connect: Connect,
        options: WorkerOptions | None = None,
        *,
        middleware: Sequence[Middleware] = (),
    ) -> None:
        self.options = options or WorkerOptions()
        self.id = f"{socket.gethostname()}-{os.getpid()}-{new_id()[-14:-2]}"
        self.name = self.options.name or self.id
        self._tasks = tasks
        self._connect = connect
        self._middleware = tuple(middleware)
        self._lease = Lease(worker=self.id, ms=round(self.options.lease * 1000))
        self._held = HeldRuns(self._lease.ms)
        self._engine: Engine | None = None
        self._running: asyncio.Task[None] | None = None
        self._stack = AsyncExitStack()
        self._heart: _HeartThread | None = None
        self._started_at = 0.0
        self._draining = False

    async def start(self) -> None:
        """Connect, begin to beat, then begin to claim."""
        if self._running is not None:
            raise RuntimeError(f"worker {self.name} is running already")
        backend = await self._stack.enter_async_context(self._connect())
        loop_options = LoopOptions(
            queues=self.options.queues,
            slots=self.options.slots(),
            lease=self._lease,
            weights=self.options.weights,
            give_up_after=self.options.give_up_after,
        )
        self._engine = Engine(self._tasks, backend, loop_options, self.options, self._held, middleware=self._middleware)
        self._started_at = time.monotonic()
        self._draining = False
        self._heart = _HeartThread(self, asyncio.get_running_loop())
        await self._heart.start()
        self._running = asyncio.create_task(self._run(self._engine), name=f"abaca worker {self.name}")

    async def _run(self, engine: Engine) -> None:
        try:
            await engine.run()
        except* StoreGone as gone:
            worker_log().error("worker stopped", worker=self.name, reason=str(gone.exceptions[0]))

    async def stop(self, drain: float | None = None) -> bool:
        """Claim no more, let runs finish for ``drain`` seconds (default: the option), give back the rest uncharged.

        Answers whether every run ended; a thread that would not keeps its lease until this process ends.
        """
        if self._engine is None or self._running is None or self._heart is None:
            return True
        self._draining = True
        over = await self._engine.drain(self.options.drain if drain is None else drain)
        await self._running
        await self._heart.stop()
        await self._stack.aclose()
        self._engine = self._running = self._heart = None
        return over

    async def __aenter__(self) -> Worker:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    def stats(self) -> WorkerStats:
        engine = self._engine
        if engine is None:
            return WorkerStats(name=self.name)
        totals = engine.loop.totals
        return WorkerStats(
            name=self.name,
            is_running=not self._draining,
            running=len(engine.runner.runs),
            processed=totals.processed,
            succeeded=totals.succeeded,
            failed=totals.failed,
            average=totals.busy_ms / 1000 / totals.processed if totals.processed else 0.0,
            uptime=time.monotonic() - self._started_at,
        )

    def card(self) -> Card:
        """This worker's entry in the registry."""
        stats = self.stats()
        return Card(
            id=self.id,
            name=self.name,
            host=socket.gethostname(),
            pid=os.getpid(),
            started_at=round((time.time() - stats.uptime) * 1e6),
            queues=self.options.queues,
            tasks=tuple(sorted(self._tasks)),
            slots=self.options.slots(),
            running=tuple(id for (id, _), _ in self._held.snapshot()[:100]),
            processed=stats.processed,
            succeeded=stats.succeeded,
            failed=stats.failed,
            busy_ms=round(stats.average * stats.processed * 1000),
            draining=self._draining,
        )

    def _stop_run(self, key: RunKey, reason: StopReason) -> None:
        if self._engine is not None:
            self._engine.stop(key, reason)


class _HeartThread:
    """Beats, reaping and purging on a thread with its own event loop and connection."""

    def __init__(self, worker: Worker, loop: asyncio.AbstractEventLoop) -> None:
        self._worker = worker
        self._worker_loop = loop
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ready: Future[None] = Future()
        self._stopping: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._main, name=f"abaca-heart-{worker.name}", daemon=True)

    async def start(self) -> None:
        self._thread.start()
        await asyncio.wrap_future(self._ready)

    async def stop(self) -> None:
        if self._loop is not None and self._stopping is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)
        await asyncio.get_running_loop().run_in_executor(None, self._thread.join)

    def _main(self) -> None:
        try:
            asyncio.run(self._beat_until_stopped())
        except BaseException as error:
            if not self._ready.done():
                self._ready.set_exception(error)
            else:
                worker_log().error("heart stopped", worker=self._worker.name, error=repr(error))

    async def _beat_until_stopped(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        worker, lease = self._worker, self._worker._lease
        async with worker._connect() as backend:
            heart = Heart(
                backend, lease, held=worker._held.snapshot, stop=self._stop, card=worker.card, beat=worker.options.beat
            )
            await heart.beat_once()
            duties = [asyncio.create_task(duty.run()) for duty in (heart, Reaper(backend, lease), Purger(backend))]
            self._ready.set_result(None)
            try:
                await self._stopping.wait()
            finally:
                for duty in duties:
                    duty.cancel()
                await asyncio.gather(*duties, return_exceptions=True)
                try:
                    await backend.sign_off(lease.worker)
                except BackendError:
                    pass  # the card leaves the registry by itself

    def _stop(self, key: RunKey, reason: StopReason) -> None:
        try:
            self._worker_loop.call_soon_threadsafe(self._worker._stop_run, key, reason)
        except RuntimeError:  # the worker's loop is closed; the leases end by themselves
            pass


class Workers:
    """Several named workers in one process, started and stopped together, with statistics in sum."""

    def __init__(self, workers: Sequence[Worker]) -> None:
        names = [worker.name for worker in workers]
        doubled = sorted({name for name in names if names.count(name) > 1})
        if doubled:
            raise ValueError(f"worker names must differ; given twice: {', '.join(doubled)}")
        self._workers = {worker.name: worker for worker in workers}

    def __getitem__(self, name: str) -> Worker:
        return self._workers[name]

    def __iter__(self) -> Any:
        return iter(self._workers.values())

    async def start(self) -> None:
        """Start all; when one cannot start, those that did are stopped again and the error is raised."""
        started: list[Worker] = []
        try:
            for worker in self:
                await worker.start()
                started.append(worker)
        except BaseException:
            for worker in started:
                await worker.stop(0)
            raise

    async def stop(self, drain: float | None = None) -> bool:
        return all(await asyncio.gather(*(worker.stop(drain) for worker in self)))

    async def __aenter__(self) -> Workers:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    def stats(self) -> WorkerStats:
        """The sum over all workers; ``uptime`` is the longest."""
        each = [worker.stats() for worker in self]
        processed = sum(stats.processed for stats in each)
        return WorkerStats(
            name="all",
            is_running=any(stats.is_running for stats in each),
            running=sum(stats.running for stats in each),
            processed=processed,
            succeeded=sum(stats.succeeded for stats in each),
            failed=sum(stats.failed for stats in each),
            average=sum(stats.average * stats.processed for stats in each) / processed if processed else 0.0,
            uptime=max((stats.uptime for stats in each), default=0.0),
        )
