"""The main programs of simulated processes: the product's own, but for how a child runs its handler."""

from __future__ import annotations

import asyncio
import importlib
import signal
from datetime import UTC, datetime
from typing import Any

from abaca.codec import describe_error
from abaca.context import Ctx
from abaca.policy.outcome import Outcome, Raised, WasCancelled
from abaca.policy.retry import DEFAULT_RULE
from abaca.worker.link import Begun, Ended, FrameReader, Message, Report, Work, frame, pack_outcome
from abaca.worker.options import WorkerOptions
from abaca.worker.outcomes import raised, returned, undecodable
from abaca.worker.supervisor import Supervisor
from tests.simulation.links import End
from tests.simulation.loop import current
from tests.simulation.tasks import QUEUES, make_app

OPTIONS = WorkerOptions(
    queues=QUEUES, concurrency=4, process_slots=2, lease=6.0, beat=2.0, grace=1.0, drain=3.0, give_up_after=120.0
)


async def supervisor(seats: int) -> int:
    return await Supervisor("sim:app", seats, OPTIONS).run()


async def runner(world: Any, end: End) -> int:
    """``runner_main.main`` without the arguments, signals to the parent and garbage collection of a real process."""
    runner_main = importlib.import_module("abaca.worker.runner_main")
    await end.readable()
    configure = runner_main._receive_configure(end)
    status: int = await runner_main._main(end, configure, make_app(world))
    return status


async def child(world: Any, end: End) -> int:
    life = _Child(world)
    end.attach(life)
    await life.over.wait()
    return 0


class _Child(asyncio.Protocol):
    """A child process: one job at a time, told to stop by SIGTERM."""

    def __init__(self, world: Any) -> None:
        self._tasks = make_app(world).tasks
        self._reader = FrameReader(self._on_message)
        self._end: Any = None
        self._run: asyncio.Task[None] | None = None
        self._stopping = False
        self.over = asyncio.Event()
        current().signals[signal.SIGTERM] = self._on_sigterm
        self._proc = current()

    def connection_made(self, transport: Any) -> None:
        self._end = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.over.set()

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)

    def _on_message(self, message: Message) -> None:
        if isinstance(message, Work):
            self._run = asyncio.get_running_loop().create_task(self._work(message))

    def _on_sigterm(self) -> None:
        self._stopping = True
        if self._run is None or self._run.done():
            self._proc.die(0)
        else:
            self._proc.soon(self._run.cancel)

    async def _work(self, work: Work) -> None:
        self._stopping = False
        self._end.write(frame(Begun()))
        outcome = await self._outcome(work)
        self._end.write(frame(Ended(outcome=pack_outcome(outcome))))

    async def _outcome(self, work: Work) -> Outcome:
        task = self._tasks[work.job.spec.task]
        try:
            args, kwargs = task.arguments.decode(work.job.spec.args)
        except Exception as error:
            return undecodable(error)
        try:
            return returned(task, await task.fn(self._context(work), *args, **kwargs))
        except BaseException as error:
            return raised(error, WasCancelled(), was_stopped=self._stopping) or Raised(error=describe_error(error))

    def _context(self, work: Work) -> Ctx:
        attempts = (work.job.spec.retry or DEFAULT_RULE).max_attempts
        return Ctx(
            work.job,
            task_max_attempts=attempts,
            report=lambda kind, data: self._end.write(frame(Report(kind=kind, data=data))),
            cancel=self,
            deadline=datetime.fromtimestamp(0, UTC),
        )

    def is_set(self) -> bool:
        return self._stopping
