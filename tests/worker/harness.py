"""A memory store, tasks made on the spot, and workers over them. Waits are for the store's own hints."""

from __future__ import annotations

import asyncio
import time
from collections import ChainMap
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from abaca.app import App
from abaca.backend import Backend
from abaca.backends.memory import MemoryBackend
from abaca.codec import new_id
from abaca.model import Delays, Job, Lease, NewJob, RetryRule, Settle, State, Transition, Want, job_topic, queue_topic
from abaca.places import Blobs
from abaca.tasks import Task
from abaca.worker.middleware import Middleware
from abaca.worker.options import WorkerOptions
from abaca.worker.service import Worker
from tests.worker import handlers

PATIENCE = 20.0
AT_ONCE = Delays()
TWICE = RetryRule(max_attempts=2, backoff=AT_ONCE)
ONCE = RetryRule(max_attempts=1)
QUICK: dict[str, Any] = {"lease": 3.0, "beat": 0.05}
SMALL = {"concurrency": 10, "process_slots": 2, "lease": 15.0, "beat": 5.0, "grace": 0.3, "drain": 5.0}


class Stage:
    """One store, the app of one test, and its workers, which know the tasks of ``tests.worker.handlers`` too."""

    def __init__(self, backend: Backend | None = None, blobs: Blobs | None = None) -> None:
        self.backend: Backend = backend or MemoryBackend()
        self.blobs = blobs
        self.app = App(backend=self.backend)
        self.task = self.app.task

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Backend]:
        yield self.backend

    def worker(self, *, middleware: Sequence[Middleware] = (), **options: Any) -> Worker:
        tasks = ChainMap(self.app.tasks, handlers.app.tasks)
        options = {**SMALL, **options}
        return Worker(tasks, self.connect, WorkerOptions(**options), middleware=middleware, blobs=self.blobs)

    async def submit(self, task: Task[..., Any] | str, *args: Any, **fields: Any) -> str:
        """Insert one job; ``fields`` are those of ``NewJob``. Answers its id."""
        job = self.job(task, *args, **fields)
        await self.backend.insert([job])
        return job.id

    def job(self, task: Task[..., Any] | str, *args: Any, **fields: Any) -> NewJob:
        if isinstance(task, str):
            return NewJob(**{"id": new_id(), "task": task, "lane": "async", **fields})
        data = task.arguments.encode(args, {})
        return NewJob(
            **{"id": new_id(), "task": task.name, "lane": task.pool, "args": data, **task.options.job_fields, **fields}
        )

    async def get(self, id: str) -> Job:
        job = (await self.backend.get([id]))[0]
        assert job is not None
        return job

    async def until(self, id: str, holds: Callable[[Job], bool], timeout: float = PATIENCE) -> Job:
        """The job once ``holds`` is true of it; an assertion fails after ``timeout`` seconds."""
        job = await self.get(id)
        watch = await self.backend.watch([job_topic(id), queue_topic(job.spec.queue)])
        ends = time.monotonic() + timeout
        try:
            while not holds(job := await self.get(id)):
                left = ends - time.monotonic()
                assert left > 0, f"after {timeout} s the job is still {job}"
                await watch.next(min(left, 1.0))
            return job
        finally:
            await watch.close()

    async def ended(self, id: str, timeout: float = PATIENCE) -> Job:
        return await self.until(id, lambda job: job.state.ended, timeout)

    async def all_ended(self, ids: Sequence[str], timeout: float = PATIENCE) -> list[Job]:
        return list(await asyncio.gather(*(self.ended(id, timeout) for id in ids)))

    async def take(self, worker: str = "elsewhere", lane: str = "async", ms: int = 60_000) -> Job:
        """Claim one job as another worker would, and do nothing with it."""
        want = Want(queues=("default",), slots={lane: 1})
        return (await self.backend.exchange([], want, Lease(worker=worker, ms=ms))).jobs[0]

    async def complete(self, job: Job, result: bytes) -> Any:
        """Settle a taken job as completed; answers the store's verdict."""
        to = Transition(target=State.COMPLETED, attempts=job.attempts + 1, result=result, keep_ms=60_000)
        settle = Settle(id=job.id, epoch=job.epoch, to=to)
        return (await self.backend.exchange([settle], None, Lease(worker="elsewhere", ms=60_000))).verdicts[0]

    async def fail(self, job: Job) -> None:
        """Settle a taken job as failed for good."""
        await self._settle(job, Transition(target=State.FAILED, attempts=job.attempts + 1, keep_ms=60_000))

    async def release(self, job: Job) -> None:
        """Give a taken job back uncharged."""
        await self._settle(job, Transition(target=State.WAITING, attempts=job.attempts))

    async def _settle(self, job: Job, to: Transition) -> None:
        settle = Settle(id=job.id, epoch=job.epoch, to=to)
        await self.backend.exchange([settle], None, Lease(worker="elsewhere", ms=60_000))


async def soon(event: asyncio.Event, timeout: float = PATIENCE) -> None:
    """Until the event, which the test knows must come."""
    await asyncio.wait_for(event.wait(), timeout)


async def until(holds: Callable[[], bool | Awaitable[bool]], what: str, timeout: float = PATIENCE) -> None:
    """For what gives no signal: another process, a private count. An assertion fails after ``timeout`` seconds."""
    ends = time.monotonic() + timeout
    while not (await answer if isinstance(answer := holds(), Awaitable) else answer):
        assert time.monotonic() < ends, f"after {timeout} s still not: {what}"
        await asyncio.sleep(0.01)  # sleeps: what is awaited gives no signal


async def file_comes(path: Path) -> list[str]:
    """The words that a handler in another process wrote, once they are there."""
    await until(lambda: bool(handlers.lines(path)), f"{path} is written")
    return handlers.lines(path)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def is_gone(pid: int) -> None:
    await until(lambda: not is_alive(pid), f"process {pid} is gone")
