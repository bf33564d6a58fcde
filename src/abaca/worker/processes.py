"""Child processes for handlers that must be killable: ``pool="process"`` and quarantine."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Callable
from typing import Any

from abaca.buggify import buggify
from abaca.logs import worker_log
from abaca.model import Kind
from abaca.policy.outcome import Crashed, Outcome, Snoozed, WasCancelled
from abaca.worker.asking import serve
from abaca.worker.journal import OpenJournal
from abaca.worker.link import Ask, Begun, Ended, FrameReader, Message, Report, Work, frame, unpack_outcome
from abaca.worker.loading import main_path
from abaca.worker.runs import Run
from abaca.worker.spawn import Kept, spawn
from abaca.worker.turns import Turns, leave

_NOT_BEGUN_MS = 1_000
_MAX_GUESTS = 8
_GUEST_WAITS = 5.0
_GUEST_STAYS = 30.0
_PUT_OFF_MS = (1_000, 2_000)
_PATIENCE = 5.0
_LEAVES_BY_ITSELF = 1.0
"""A process whose link is closed is dead or on its way out, unless a handler closed the link under it."""

OnReport = Callable[[Run, Kind, bytes], None]
OnChild = Callable[[int, Run | None], None]
"""Called with the process group and the run it now works for, ``None`` when it has ended."""


class Processes:
    """Children on demand, reused while they are well: one job each at a time.

    A child is replaced after ``max_jobs`` jobs, above ``max_rss`` bytes, and after it was interrupted. Jobs under
    quarantine whose own pool is another are guests here: no slot was claimed for their process, so few run at once.
    """

    def __init__(
        self,
        *,
        report: OnReport,
        journal: OpenJournal,
        app: str | None = None,
        grace: float = 5.0,
        max_jobs: int = 1000,
        max_rss: int = 1 << 30,
        on_child: OnChild = lambda pid, run: None,
    ) -> None:
        self._report = report
        self._journal = journal
        self._app = app
        self._grace = grace
        self._max_jobs = max_jobs
        self._max_rss = max_rss
        self._on_child = on_child
        self._idle: list[_Child] = []
        self._all: set[_Child] = set()
        self._turns = Turns(_MAX_GUESTS)
        self._retiring: set[asyncio.Task[None]] = set()

    def can_run(self, task: Any) -> bool:
        """Whether another process can find the task: by the application's name, or at its module's top level."""
        return self._app is not None or "<locals>" not in task.qualname

    async def run(self, run: Run, begins: Callable[[Run], None] = lambda run: None) -> Outcome | None:
        """Run a job in a child to its end, whatever that is. ``begins`` is called when the child is there for it."""
        if run.task.pool == "process":
            return await self._run(run, begins)
        if not await self._turn(run):
            return run.never_begun_outcome() or Snoozed(delay_ms=random.randint(*_PUT_OFF_MS))
        try:
            return await self._run(run, begins)
        finally:
            self._turns.give_back()

    async def _turn(self, run: Run) -> bool:
        """Wait in line for a place, at most a while: then others shall have the slot."""
        answer = self._turns.ask()
        run.halt = lambda: leave(answer)
        if run.is_set():
            leave(answer)
        timer = asyncio.get_running_loop().call_later(_GUEST_WAITS, leave, answer)
        try:
            return await answer
        finally:
            timer.cancel()

    async def _run(self, run: Run, begins: Callable[[Run], None]) -> Outcome | None:
        run.halt = None  # a child half made must not be cancelled away
        if run.is_set():
            return run.never_begun_outcome()
        child = await self._idle_or_new()
        if run.is_set():  # the order to stop came while the child was being made
            self._idle.append(child)
            return run.never_begun_outcome()
        run.halt = child.interrupt
        self._on_child(child.pid, run)
        begins(run)
        buggify("processes.before_work")
        outcome = await child.work(run, self._work(run))
        run.halt = None  # the child may be another run's by the time anybody wants to stop this one
        if child.fit(self._max_jobs, self._max_rss):
            self._idle.append(child)
            if run.task.pool != "process":  # no slot stands for its process: it goes when nobody needs it for a while
                asyncio.get_running_loop().call_later(_GUEST_STAYS, self._retire, child, child.jobs)
        else:
            await self._end(child)
        if run.is_set() and isinstance(outcome, Crashed | Snoozed | WasCancelled):
            return run.stopped_outcome()
        if isinstance(outcome, WasCancelled):  # a SIGTERM that did not come from here
            return Crashed(signal=signal.SIGTERM, blameless=True)
        return outcome

    def _work(self, run: Run) -> Work:
        task = run.task
        return Work(job=run.job, module=task.module, qualname=task.qualname, app=self._app, main=main_path())

    async def _idle_or_new(self) -> _Child:
        while self._idle:
            child = self._idle.pop()
            if child.is_alive():
                return child
            await self._end(child)
        child = await _Child.start(self._report, self._journal, self._grace)
        self._all.add(child)
        return child

    def _retire(self, child: _Child, jobs: int) -> None:
        if child in self._idle and child.jobs == jobs:
            self._idle.remove(child)
            task = asyncio.get_running_loop().create_task(self._end(child))
            self._retiring.add(task)
            task.add_done_callback(self._retiring.discard)

    async def _end(self, child: _Child) -> None:
        await child.end()
        if child in self._all:
            self._all.discard(child)
            self._on_child(child.pid, None)

    async def close(self) -> None:
        """End every child now, those at work included."""
        for child in list(self._all):
            await self._end(child)
        self._idle.clear()


class _Child(asyncio.Protocol):
    """The runner's end of one child process."""

    def __init__(self, report: OnReport, journal: OpenJournal, grace: float) -> None:
        self._report = report
        self._journal = journal
        self._grace = grace
        self._reader = FrameReader(self._on_message)
        self._run: Run | None = None
        self._ended: asyncio.Future[Outcome] | None = None
        self._lost = asyncio.Event()
        self._begun = False
        self._interrupted = False
        self.jobs = 0
        self._rss = 0

    @classmethod
    async def start(cls, report: OnReport, journal: OpenJournal, grace: float) -> _Child:
        process, ours = spawn("abaca.worker.child")
        child = cls(report, journal, grace)
        child._process = process
        child._transport, _ = await asyncio.get_running_loop().create_connection(lambda: child, sock=ours)
        return child

    _process: Kept
    _transport: asyncio.WriteTransport

    @property
    def pid(self) -> int:
        return self._process.pid

    async def work(self, run: Run, work: Work) -> Outcome:
        self._run = run
        self._ended = asyncio.get_running_loop().create_future()
        self._begun = False
        self.jobs += 1
        if self._lost.is_set():
            return await self._crash()
        self._transport.write(frame(work))
        lost = asyncio.ensure_future(self._lost.wait())
        try:
            await asyncio.wait((self._ended, lost), return_when=asyncio.FIRST_COMPLETED)
        finally:
            lost.cancel()
            self._run = None
        return self._ended.result() if self._ended.done() else await self._crash()

    async def _crash(self) -> Outcome:
        """The child is gone, or has closed its end and must go. Before the run began that is nobody's fault."""
        status = await self.end()
        if not self._begun:
            worker_log().error("a child process died before it began its work; trying later", status=status)
            return Snoozed(delay_ms=_NOT_BEGUN_MS)
        if status < 0:
            return Crashed(signal=-status, alone=True)
        return Crashed(exit_code=status, alone=True)

    def is_alive(self) -> bool:
        return not self._lost.is_set() and self._process.is_alive()

    def fit(self, max_jobs: int, max_rss: int) -> bool:
        healthy = not self._interrupted and not self._lost.is_set()
        return healthy and self.jobs < max_jobs and self._rss <= max_rss

    def interrupt(self) -> None:
        """SIGTERM to the whole group, SIGKILL after the grace time."""
        if not self._interrupted:
            self._interrupted = True
            self._process.tell(signal.SIGTERM)
            asyncio.get_running_loop().call_later(self._grace, self._kill_if_busy)

    def _kill_if_busy(self) -> None:
        if self._run is not None:
            self._process.kill()

    async def end(self) -> int:
        """End it and everything below it; answers its status. One that is on its way out is let go by itself."""
        self._transport.close()
        if not self._lost.is_set():
            self._process.kill()
        return await self._process.wait(_LEAVES_BY_ITSELF if self._lost.is_set() else _PATIENCE)

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost.set()

    def _answer(self, message: Message) -> None:
        if not self._lost.is_set():
            self._transport.write(frame(message))

    def _on_message(self, message: Message) -> None:
        if isinstance(message, Begun):
            self._begun = True
        elif isinstance(message, Report) and self._run is not None:
            self._report(self._run, message.kind, message.data)
        elif isinstance(message, Ask) and self._run is not None:
            serve(self._journal(self._run), message, self._answer)
        elif isinstance(message, Ended) and self._ended is not None and not self._ended.done():
            self._rss = message.rss
            self._ended.set_result(unpack_outcome(message.outcome))
