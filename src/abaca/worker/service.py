"""A worker inside somebody's program: an ASGI lifespan, a notebook, a test.

Its heart is a thread with a connection of its own. That thread stops while C code holds the interpreter's lock, and
nothing here can kill a thread: a handler that does such things belongs into ``pool="process"`` or under
``abaca worker``, whose supervisor beats from another process.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

from abaca.backend import Backend
from abaca.codec import new_id
from abaca.logs import worker_log
from abaca.model import Card, Lease, Value
from abaca.places import Blobs
from abaca.policy.builtin import BUILT_IN
from abaca.worker.batches import lanes_of
from abaca.worker.beside import Beside, Check, checked
from abaca.worker.engine import Engine
from abaca.worker.heart_thread import Connect, HeartThread
from abaca.worker.held import HeldRuns
from abaca.worker.loop import LoopOptions, StoreGone
from abaca.worker.middleware import Middleware
from abaca.worker.options import WorkerOptions
from abaca.worker.runs import StopReason

_LAST_ANSWER = 5.0


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


@dataclass(slots=True)
class _Life:
    """What lasts from one start to its stop."""

    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    running: asyncio.Task[None] | None = None
    stopping: asyncio.Future[bool] | None = None


class Worker:
    """Claims and runs jobs in the running event loop until it is stopped. Also an async context manager."""

    def __init__(
        self,
        tasks: Mapping[str, Any],
        connect: Connect,
        options: WorkerOptions | None = None,
        *,
        middleware: Sequence[Middleware] = (),
        schedules: Callable[[], Collection[str]] = tuple,
        blobs: Blobs | None = None,
        beside: Sequence[Beside] = (),
        checks: Sequence[Check] = (),
    ) -> None:
        self._schedules = schedules
        self._beside = beside
        self._checks = checks
        self._blobs = blobs or Blobs()
        self.options = options or WorkerOptions()
        self.id = f"{socket.gethostname()}-{os.getpid()}-{new_id()[-14:-2]}"
        self.name = self.options.name or self.id
        self._tasks = tasks
        self._connect = connect
        self._middleware = tuple(middleware)
        self._lease = Lease(worker=self.id, ms=round(self.options.lease * 1000))
        self._held = HeldRuns(self._lease.ms)
        self._engine: Engine | None = None
        self._life: _Life | None = None
        self._started_at = 0.0
        self._draining = False

    async def start(self) -> None:
        """Connect, begin to beat, then begin to claim. Raises what the store or a check of the app raises, and then
        nothing runs."""
        if self._life is not None:
            raise RuntimeError(f"worker {self.name} is running already")
        self._life = life = _Life()
        try:
            backend = await life.stack.enter_async_context(self._connect())
            await checked(self._checks, self.options.queues)
            engine = self._make_engine(backend)
            heart = HeartThread(
                self._connect,
                self._lease,
                held=self._held.snapshot,
                stop_run=engine.stop,
                card=self.card,
                beat=self.options.beat,
                name=self.name,
                suspend=engine.loop.suspend,
                drain=self._drain_soon,
                schedules=self._schedules,
                counted=engine.measures.copy,
                blobs=self._blobs,
            )
            life.stack.push_async_callback(heart.stop)
            self._engine = engine
            self._started_at = time.monotonic()
            self._draining = False
            await heart.start()
        except BaseException:
            self._engine = self._life = None
            await life.stack.aclose()
            raise
        life.running = asyncio.create_task(self._run(engine, heart), name=f"abaca worker {self.name}")

    def _make_engine(self, backend: Backend) -> Engine:
        loop_options = LoopOptions(
            queues=self.options.queues,
            slots=self._slots(),
            lease=self._lease,
            weights=self.options.weights,
            give_up_after=self.options.give_up_after,
        )
        return Engine(
            self._tasks,
            backend,
            loop_options,
            self.options,
            self._held,
            middleware=self._middleware,
            blobs=self._blobs,
            beside=self._beside,
        )

    def _slots(self) -> dict[str, int]:
        return {**self.options.slots(), **lanes_of(self._tasks)}

    async def _run(self, engine: Engine, heart: HeartThread) -> None:
        """Until drained. A loop that ends by itself takes the heart with it, so that other workers get the jobs."""
        try:
            await engine.run()
        except* StoreGone as gone:
            worker_log().error("worker stopped", worker=self.name, reason=str(gone.exceptions[0]))
        except* Exception as bugs:
            worker_log().error("worker stopped by a bug", worker=self.name, exc_info=bugs)
        if not self._draining:
            self._draining = True
            for key in list(engine.runner.runs):
                engine.stop(key, StopReason.LOST)
            await heart.stop()

    def _drain_soon(self) -> None:
        if self._life is not None and self._life.stopping is None:
            self._life.stopping = asyncio.ensure_future(self._stop(self._life, self.options.drain))

    async def stop(self, drain: float | None = None) -> bool:
        """Claim no more, let runs finish for ``drain`` seconds (default: the option), give back the rest uncharged.

        Answers whether every run ended; a thread that would not keeps its lease until this process ends. A second
        call waits for the first.
        """
        life = self._life
        if life is None or life.running is None:
            return True
        if life.stopping is None:
            life.stopping = asyncio.ensure_future(self._stop(life, self.options.drain if drain is None else drain))
        return await asyncio.shield(life.stopping)

    async def _stop(self, life: _Life, drain: float) -> bool:
        engine, running = self._engine, life.running
        if engine is None or running is None:
            return True
        self._draining = True
        try:
            over = await engine.drain(drain)
            await asyncio.wait((running,), timeout=_LAST_ANSWER)
            running.cancel()
        finally:
            self._engine = self._life = None
            await life.stack.aclose()
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
            tasks=tuple(sorted({*self._tasks, *BUILT_IN})),
            slots=self._slots(),
            running=tuple(id for (id, _), _ in self._held.snapshot()[:100]),
            processed=stats.processed,
            succeeded=stats.succeeded,
            failed=stats.failed,
            busy_ms=round(stats.average * stats.processed * 1000),
            draining=self._draining,
        )


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

    def __iter__(self) -> Iterator[Worker]:
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
