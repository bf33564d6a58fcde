"""Gathers the jobs of batch tasks, and calls the handler once for many."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from abaca.batch_context import BatchCtx
from abaca.context import Ctx
from abaca.logs import worker_log
from abaca.policy.outcome import Outcome, Released, Snoozed, TimedOut, WasCancelled
from abaca.worker.outcomes import of_each, raised
from abaca.worker.runs import Run, RunKey, StopReason
from abaca.worker.threads import Threads

_NOT_BEGUN_MS = 1_000
_SAME_ORDER = 0.5
"""Of a grace time: orders to stop that come within it interrupt a handler's clean-up only once."""

Done = Callable[[Outcome | None], None]
Occupy = Callable[[str, int], None]
"""Takes slots of a lane that no job fills; a negative number gives them back."""
OnCall = Callable[[list[RunKey]], None]
"""Told of the runs that a call begins with, before it begins."""


def lanes_of(tasks: Mapping[str, Any]) -> dict[str, int]:
    """The slots that a worker has for batch tasks, by lane: as many jobs as its calls can take at once."""
    return {task.options.lane: task.batch * task.options.parallel for task in tasks.values() if task.batch}


def threads_of(tasks: Mapping[str, Any]) -> int:
    """Threads for calls of batch tasks, beside those for single jobs."""
    return sum(task.options.parallel for task in tasks.values() if task.batch and task.pool == "thread")


@dataclass(slots=True)
class Member:
    """One job on its way into a call. ``done`` is called once with its outcome."""

    run: Run
    value: Any
    done: Done


@dataclass(slots=True, eq=False)
class _Line:
    """The jobs of one task that wait for their call. ``due``: the first has waited long enough."""

    task: Any
    waiting: dict[RunKey, Member] = field(default_factory=dict)
    timer: asyncio.TimerHandle | None = None
    calls: int = 0
    due: bool = False


@dataclass(slots=True, eq=False)
class _Call:
    line: _Line
    members: Sequence[Member]
    empty: int
    timeout_ms: int | None
    halt: Callable[[], object] | None = None
    timer: asyncio.TimerHandle | None = None
    halted_at: float = 0.0

    def is_wanted(self) -> bool:
        """Whether the result of any of its jobs still is."""
        return any(member.run.stop_reason is None for member in self.members)


class Batches:
    """A call takes all slots of a batch, however few jobs it has: what comes later is for another worker meanwhile."""

    def __init__(
        self,
        *,
        threads: Threads,
        context: Callable[[Run], Ctx],
        stop: Callable[[Run, StopReason], None],
        occupy: Occupy,
        on_call: OnCall,
        grace: float,
    ) -> None:
        self._threads = threads
        self._context = context
        self._stop = stop
        self._occupy = occupy
        self._on_call = on_call
        self._grace = grace
        self._loop = asyncio.get_running_loop()
        self._lines: dict[str, _Line] = {}
        self._calls: dict[RunKey, _Call] = {}

    def add(self, member: Member, *, alone: bool = False) -> None:
        """Take one job in. It begins when the batch is full or the first of it has lingered; ``alone``, at once."""
        task = member.run.task
        line = self._lines.get(task.name)
        if line is None:
            line = self._lines[task.name] = _Line(task)
        if alone:
            self._begin(line, [member])
            return
        line.waiting[member.run.key] = member
        member.run.halt = lambda: self._leave(line, member)
        if member.run.is_set():
            self._leave(line, member)
        elif len(line.waiting) >= task.batch:
            self._look(line)
        elif line.timer is None:
            line.timer = self._loop.call_later(task.options.linger_ms / 1000, self._lingered, line)

    def drop(self, run: Run) -> None:
        """Call nobody for this run, if it still waits."""
        self._lines[run.task.name].waiting.pop(run.key, None)

    def flush(self) -> None:
        """Wait for no more jobs: begin with those that are here."""
        for line in self._lines.values():
            self._lingered(line)

    def shares(self, key: RunKey) -> bool:
        """Whether the run is in a call that others still want, so that nobody may end it for this run's sake."""
        call = self._calls.get(key)
        return call is not None and call.is_wanted()

    def _lingered(self, line: _Line) -> None:
        line.due = bool(line.waiting)
        self._look(line)

    def _look(self, line: _Line) -> None:
        """Begin what can begin."""
        while line.waiting and line.calls < line.task.options.parallel:
            if not line.due and len(line.waiting) < line.task.batch:
                return
            members = [line.waiting.pop(key) for key in list(line.waiting)[: line.task.batch]]
            if line.timer is not None:
                line.timer.cancel()
                line.timer = None
            line.due = False
            if line.waiting:
                line.timer = self._loop.call_later(line.task.options.linger_ms / 1000, self._lingered, line)
            self._begin(line, members)

    def _leave(self, line: _Line, member: Member) -> None:
        """One that is told to stop before its call began. Its time was not used up by its handler."""
        if line.waiting.pop(member.run.key, None) is None:
            return
        timed_out = member.run.stop_reason is StopReason.TIMED_OUT
        member.done(Snoozed(delay_ms=_NOT_BEGUN_MS) if timed_out else member.run.stopped_outcome() or Released())

    def _begin(self, line: _Line, members: Sequence[Member]) -> None:
        task = line.task
        times = [ms for member in members if (ms := member.run.job.spec.timeout_ms) is not None]
        call = _Call(line, members, max(0, task.batch - len(members)), min(times, default=None))
        line.calls += 1
        self._occupy(task.options.lane, call.empty)
        for member in members:
            self._calls[member.run.key] = call
            member.run.halt = lambda: self._told(call)
        self._on_call([member.run.key for member in members])
        if call.timeout_ms is not None:
            call.timer = self._loop.call_later(call.timeout_ms / 1000, self._time_is_over, call)
        try:
            self._dispatch(call)
        except Exception as error:  # no thread to be had, for instance
            worker_log().error(
                "cannot start a batch, trying later", task=task.name, jobs=len(members), error=repr(error)
            )
            self._over(call, [Snoozed(delay_ms=_NOT_BEGUN_MS)] * len(members))

    def _dispatch(self, call: _Call) -> None:
        task = call.line.task
        if task.pool == "async":
            handle = self._loop.create_task(self._await_handler(call))
            call.halt = handle.cancel
            handle.add_done_callback(lambda done: self._landed(call, done))
        else:
            self._threads.submit(lambda: self._in_thread(call))

    def _arguments(self, call: _Call) -> tuple[Any, ...]:
        values = [member.value for member in call.members]
        if not call.line.task.takes_ctx:
            return (values,)
        deadline = None
        if call.timeout_ms is not None:
            deadline = datetime.fromtimestamp(time.time() + call.timeout_ms / 1000, UTC)
        return BatchCtx([self._context(member.run) for member in call.members], deadline), values

    async def _await_handler(self, call: _Call) -> list[Outcome | None]:
        try:
            return _returned(call, await call.line.task.fn(*self._arguments(call)))
        except BaseException as error:
            return _raised(call, error)

    def _landed(self, call: _Call, handle: asyncio.Task[list[Outcome | None]]) -> None:
        """Also where a call ends whose coroutine was cancelled before its first step."""
        self._over(call, _raised(call, asyncio.CancelledError()) if handle.cancelled() else handle.result())

    def _in_thread(self, call: _Call) -> None:
        if not call.is_wanted():  # it never began
            outcomes = _raised(call, asyncio.CancelledError())
        else:
            try:
                outcomes = _returned(call, call.line.task.fn(*self._arguments(call)))
            except BaseException as error:
                outcomes = _raised(call, error)
        self._threads.land(lambda: self._left_thread(call, outcomes))

    def _left_thread(self, call: _Call, outcomes: list[Outcome | None]) -> None:
        self._threads.done()
        self._over(call, outcomes)

    def _over(self, call: _Call, outcomes: Iterable[Outcome | None]) -> None:
        if call.timer is not None:
            call.timer.cancel()
        for member in call.members:
            self._calls.pop(member.run.key, None)
        for member, outcome in zip(call.members, outcomes, strict=True):
            member.done(outcome)
        line = call.line
        line.calls -= 1
        self._occupy(line.task.options.lane, -call.empty)
        self._look(line)

    def _time_is_over(self, call: _Call) -> None:
        for member in call.members:
            if member.run.stop_reason is None:
                self._stop(member.run, StopReason.TIMED_OUT)

    def _told(self, call: _Call) -> None:
        """A run of the call is to stop. The call goes on for the others; once nobody wants it, it is interrupted."""
        if any(member.run.stop_reason is StopReason.TIMED_OUT for member in call.members):
            for member in call.members:  # a timeout is of the call
                member.run.stop_reason = member.run.stop_reason or StopReason.TIMED_OUT
        now = time.monotonic()
        if call.halt is not None and not call.is_wanted() and now >= call.halted_at + self._grace * _SAME_ORDER:
            call.halted_at = now
            call.halt()


def _returned(call: _Call, value: object) -> list[Outcome | None]:
    outcomes = of_each(call.line.task, value, len(call.members))
    return [_cancelled(member.run) or outcome for member, outcome in zip(call.members, outcomes, strict=True)]


def _raised(call: _Call, error: BaseException) -> list[Outcome | None]:
    return [
        _cancelled(member.run)
        or raised(error, _stopped(call, member.run), was_stopped=member.run.stop_reason is not None)
        for member in call.members
    ]


def _cancelled(run: Run) -> Outcome | None:
    """Who was told that its result is not wanted ends so, whatever the handler made of it."""
    return WasCancelled() if run.stop_reason is StopReason.CANCELLED else None


def _stopped(call: _Call, run: Run) -> Outcome | None:
    if run.stop_reason is StopReason.TIMED_OUT:
        return TimedOut(timeout_ms=call.timeout_ms or 0)
    return run.stopped_outcome()
