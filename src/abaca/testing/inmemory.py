"""An app whose jobs live in memory, for the tests of its owner: real serialisation, leases and retries, no server."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from abaca.app import App
from abaca.durations import Duration, parse_duration
from abaca.errors import JobFailed, UnknownTask
from abaca.jobresult import why_no_value
from abaca.model import Job, State, Want
from abaca.policy.builtin import WEBHOOK
from abaca.policy.decide import memo_of
from abaca.sync import background_loop, twin
from abaca.tasks import Task
from abaca.testing.bench import BenchClock, BenchStore
from abaca.testing.calls import EnqueuedCall, call_of
from abaca.worker.options import WorkerOptions
from abaca.worker.service import Worker
from abaca.worker.ticker import Ticker

R = TypeVar("R")

_LOOK_AGAIN = 0.002
_PATIENCE = 10.0


@dataclass(frozen=True, slots=True)
class Drained:
    """The jobs that ended during a drain, in the order in which they were stored."""

    ended: tuple[Job, ...] = ()

    def __len__(self) -> int:
        return len(self.ended)

    @property
    def completed(self) -> tuple[Job, ...]:
        return self._of(State.COMPLETED)

    @property
    def failed(self) -> tuple[Job, ...]:
        return self._of(State.FAILED)

    @property
    def cancelled(self) -> tuple[Job, ...]:
        return self._of(State.CANCELLED)

    def _of(self, state: State) -> tuple[Job, ...]:
        return tuple(job for job in self.ended if job.state is state)


class Harness:
    """What the fixture ``abaca`` gives. ``harness(app)`` makes one without pytest."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.clock = BenchClock()
        """The store's clock. It stands still but for ``advance()`` and what a drain moves it over."""
        self.store = BenchStore(self.clock)

    def enqueued(self, task: Task[..., R] | None = None) -> list[EnqueuedCall[R]]:
        """The jobs of a task, or all of this app's tasks, in the order in which they were stored, whatever became of
        them since.

        Raises ``ArgumentError`` for stored arguments that the task cannot read.
        """
        tasks = self.app.tasks if task is None else {task.name: task}
        return [call_of(tasks[job.spec.task], job) for job in self.store.jobs() if job.spec.task in tasks]

    async def drain(
        self, *, delays: bool = False, check: bool = True, concurrency: int = 10, timeout: Duration = 60
    ) -> Drained:
        """Run what is due, and what that enqueues, in this process and to the end; answers the jobs that ended.

        The clock is moved over pauses between the runs of a job that has begun (retries, sleeps) and over rate limits,
        and with ``delays`` also to jobs that are due later. Ticks of schedules that are due are fired. Jobs of pool
        ``process`` run in threads. A job that waits for an event stays.
        With ``check`` it raises ``JobFailed`` for the first job that ended as failed, ``UnknownTask`` for one whose
        task nobody has. Raises ``TimeoutError`` after ``timeout`` of real time.
        """
        before = {job.id for job in self.store.jobs() if job.state.ended}
        try:
            async with asyncio.timeout(parse_duration(timeout, "drain(timeout=)") / 1000):
                await self._run_all(delays, concurrency)
        except TimeoutError:
            raise TimeoutError(f"drain: not quiet after {timeout} s: {self._busy()}") from None
        jobs = self.store.jobs()
        if check:
            self._check(jobs, before)
        return Drained(tuple(job for job in jobs if job.state.ended and job.id not in before))

    drain_sync = twin(drain)

    async def purge(self) -> int:
        """Remove ended jobs that are past their keep by the clock; answers how many. Nothing else does it here."""
        return await self.store.purge_now(1000)

    purge_sync = twin(purge)

    async def _run_all(self, delays: bool, concurrency: int) -> None:
        while True:
            queues = tuple(sorted({task.options.queue for task in self.app.tasks.values()} | self.store.queues()))
            worker = self._worker(queues, concurrency)
            async with worker:
                await self._run_on(Want(queues=queues, slots=worker.card().slots), delays)
            if not self.store.queues() - set(queues):
                return

    async def _run_on(self, want: Want, delays: bool) -> None:
        while True:
            await Ticker(self.store, lambda: self.app.declared_schedules).fire()
            while not self.store.is_quiet(want):  # noqa: ASYNC110 - a store says that work came, not that none is left
                await asyncio.sleep(_LOOK_AGAIN)
            at = self.store.next_start(want, delays=delays)
            if at is None:
                return
            self.clock.advance(max(at - self.clock.now(), 1) / 1e6)

    def _worker(self, queues: Sequence[str], concurrency: int) -> Worker:
        options = WorkerOptions(queues=tuple(queues), concurrency=concurrency, process_slots=concurrency, drain=0.0)
        return Worker(
            _InThreads(self.app.tasks),
            self.app.connect,
            options,
            middleware=self.app.middleware,
            schedules=lambda: self.app.declared_schedules,
            blobs=self.app.blobs,
        )

    def _check(self, jobs: Sequence[Job], before: set[str]) -> None:
        for job in jobs:
            if job.state is State.FAILED and job.id not in before:
                raise _failure(job)
            if job.state is State.WAITING and memo_of(job).missing_ms:
                raise UnknownTask(
                    f"job {job.id} is of task {job.spec.task!r}, which {self.app!r} does not have: import the module "
                    "that declares it, or drain(check=False)"
                )

    def _busy(self) -> str:
        running = [job.spec.task for job in self.store.jobs() if job.state is State.RUNNING]
        return f"running are {', '.join(running[:5])}" if running else "jobs are due and none of them runs"


class _InThreads(Mapping[str, Any]):
    """Tasks as they are, but those that would run in processes of their own, where no test's patch reaches."""

    def __init__(self, tasks: Mapping[str, Task[..., Any]]) -> None:
        self._tasks = tasks
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        task = self._tasks[name]
        if task.pool != "process":
            return task
        if name not in self._made:
            self._made[name] = copy.copy(task)
            self._made[name].pool = "thread"
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tasks)

    def __len__(self) -> int:
        return len(self._tasks)


def _failure(job: Job) -> Exception:
    error = why_no_value(job)
    if isinstance(error, JobFailed) and job.error is not None and job.error.traceback:
        error.add_note(f"task {job.spec.task!r}, attempt {job.error.attempt}:\n{job.error.traceback}")
    return error


@contextmanager
def harness(app: App) -> Iterator[Harness]:
    """As long as the block lasts, the app's jobs live in memory, and its store and large results are left alone."""
    bench = Harness(app)
    loop = background_loop()
    with app.bound_to(bench.store) as stores:
        asyncio.run_coroutine_threadsafe(_prepare(app), loop).result(_PATIENCE)
        try:
            yield bench
        finally:
            bench.store.unhold()
            asyncio.run_coroutine_threadsafe(stores.close(), loop).result(_PATIENCE)


async def _prepare(app: App) -> None:
    """Schedules count from now on, not from the first drain. No test sends webhooks to the world by mistake."""
    async with app.connect():
        await app.task_control.pause(WEBHOOK)
