"""Runs one job at a time per slot and says how it ended. It has no store."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import Context, copy_context
from datetime import UTC, datetime
from typing import Any, Protocol

from abaca.carrying import inherit
from abaca.codec import is_reference
from abaca.context import Ctx
from abaca.current import CurrentRun, current_run
from abaca.logs import worker_log
from abaca.model import Job, Kind
from abaca.policy.decide import quarantined, unfit
from abaca.policy.outcome import Damaged, Outcome, Released, Snoozed, TaskMissing
from abaca.policy.retry import DEFAULT_RULE
from abaca.worker.batches import Batches, Member, Occupy, OnCall
from abaca.worker.builtin import BuiltIn
from abaca.worker.inputs import takes_results
from abaca.worker.journal import OpenJournal
from abaca.worker.judging import damage_of
from abaca.worker.middleware import Middleware, stack
from abaca.worker.outcomes import only, raised, returned, undecodable
from abaca.worker.processes import Processes
from abaca.worker.runs import Run, RunKey, StopReason
from abaca.worker.threads import Threads

_NOT_BEGUN_MS = 1_000

Finished = Callable[[Run, Outcome | None], None]
Report = Callable[[Run, Kind, bytes], None]
Inputs = Callable[[Job], Awaitable[Job | Outcome]]
"""Answers the job with its parents' results among its arguments, or how it ends instead."""
OnBegin = Callable[[Run], None]
"""Told of a run that took results of its parents, when its handler begins."""


class RunnableTask(Protocol):
    """What the worker needs of a task."""

    name: str
    fn: Callable[..., Any]
    takes_ctx: bool
    pool: str
    batch: int
    arguments: Any
    results: Any


class Runner:
    """Starts runs in the right pool, interrupts them, and calls ``finished`` exactly once for each.

    ``inputs`` is asked for jobs that take results of their parents; such a run is there, and can be stopped, meanwhile.
    """

    def __init__(
        self,
        tasks: Mapping[str, Any],
        *,
        threads: Threads,
        processes: Processes,
        finished: Finished,
        report: Report,
        journal: OpenJournal,
        inputs: Inputs,
        on_begin: OnBegin = lambda run: None,
        middleware: Sequence[Middleware] = (),
        grace: float = 5.0,
        occupy: Occupy = lambda lane, count: None,
        on_call: OnCall = lambda keys: None,
        built_in: Mapping[str, BuiltIn] | None = None,
    ) -> None:
        self._tasks = tasks
        self._built_in = built_in or {}
        self._grace = grace
        self._threads = threads
        self._processes = processes
        self._finished = finished
        self._report = report
        self._inputs = inputs
        self._on_begin = on_begin
        self._journal = journal
        self._middleware = tuple(middleware)
        self._loop = asyncio.get_running_loop()
        self._batches = Batches(
            threads=threads, context=self._context, stop=self._stop, occupy=occupy, on_call=on_call, grace=grace
        )
        self._strong: set[asyncio.Task[Any]] = set()
        self._on_change: asyncio.Future[None] | None = None
        self.runs: dict[RunKey, Run] = {}

    def start(self, job: Job, started: float) -> None:
        """Begin a run. Its end, however soon, comes through ``finished``. ``started``: the monotonic clock now."""
        run = Run(job, started)
        self.runs[run.key] = run
        if job.damage is not None or job.memo:
            damage = damage_of(job)
            if damage is not None:
                self._finish(run, Damaged(reason=damage))
                return
        spec = job.spec
        if spec.after or spec.expires_ms is not None:
            why_not = unfit(job)
            if why_not is not None:
                self._finish(run, why_not)
                return
        task = run.task = self._tasks.get(spec.task)
        if task is None:
            task = run.task = self._built_in.get(spec.task)
        if task is None:
            self._finish(run, TaskMissing())
        elif spec.after and takes_results(job):
            self._fetch(run)
        else:
            self._call(run)

    def _fetch(self, run: Run) -> None:
        """Ask for what is not in the record: large arguments, results of parents; ``_fetched`` goes on."""

        async def ask() -> Job | Outcome:
            return await self._inputs(run.job)

        handle = self._loop.create_task(ask())
        run.halt = handle.cancel
        self._strong.add(handle)
        handle.add_done_callback(lambda done: self._fetched(run, done))

    def _fetched(self, run: Run, handle: asyncio.Task[Job | Outcome]) -> None:
        self._strong.discard(handle)
        error = None if handle.cancelled() else handle.exception()
        if run.key not in self.runs:
            return
        run.halt = None
        if handle.cancelled() or run.is_set():
            self._finish(run, run.never_begun_outcome() or Released())
        elif error is not None:
            self._could_not_begin(run, error)
        elif isinstance(answer := handle.result(), Job):
            run.job = answer
            self._on_begin(run)
            self._call(run)
        else:
            self._finish(run, answer)

    def _call(self, run: Run) -> None:
        """Begin with the handler itself."""
        spec, task = run.job.spec, run.task
        try:
            args, kwargs = task.arguments.decode(spec.args)
        except Exception as error:
            if is_reference(spec.args):
                self._fetch(run)
            else:
                self._finish(run, undecodable(error))
            return
        if task.batch:
            self._start_member(run, args, kwargs)
            return
        if spec.timeout_ms is not None:
            self._set_timer(run)
        try:
            self._dispatch(run, args, kwargs)
        except Exception as error:  # no thread to be had, for instance
            self._could_not_begin(run, error)

    def _start_member(self, run: Run, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """A job of a batch task. Its time begins with its call; under quarantine it is a batch of one."""
        suspect = bool(run.job.memo) and quarantined(run.job)
        alone = suspect and self._processes.can_run(run.task)
        if alone:
            self._set_timer(run)
        if self._middleware:
            self._spawn(run, self._run_wrapped(run, args, kwargs, alone))
        elif alone:
            self._spawn(run, self._run_in_process(run))
        else:
            value = only(args, kwargs)
            self._batches.add(Member(run, value, lambda outcome: self._finish(run, outcome)), alone=suspect)

    def flush(self) -> None:
        """Wait for no more jobs to fill batches."""
        self._batches.flush()

    def shares(self, key: RunKey) -> bool:
        """Whether ending this run by force would hit others that are to go on."""
        return self._batches.shares(key)

    def _set_timer(self, run: Run) -> None:
        """The job's own time begins now; a second call begins it anew, for what waited for its process."""
        if run.job.spec.timeout_ms is None or run.stop_reason is not None:
            return
        if run.timer is not None:
            run.timer.cancel()
        run.timer = self._loop.call_later(run.job.spec.timeout_ms / 1000, self._stop, run, StopReason.TIMED_OUT)

    def _could_not_begin(self, run: Run, error: BaseException) -> None:
        worker_log().error(
            "cannot start a run, trying later", job_id=run.job.id, task=run.job.spec.task, error=repr(error)
        )
        self._finish(run, Snoozed(delay_ms=_NOT_BEGUN_MS))

    def _dispatch(self, run: Run, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        alone = bool(run.job.memo) and quarantined(run.job) and self._processes.can_run(run.task)
        if self._middleware or run.job.spec.carrier:
            self._spawn(run, self._run_wrapped(run, args, kwargs, alone))
        elif run.task.pool == "process" or alone:
            self._spawn(run, self._run_in_process(run))
        elif run.task.pool == "async":
            run.begun = False
            run.halt = self._loop.create_task(self._run_coroutine(run, args, kwargs)).cancel
        else:
            self._run_in_thread(run, args, kwargs, lambda outcome: self._finish(run, outcome))

    def _spawn(self, run: Run, body: Any) -> None:
        handle = self._loop.create_task(body)
        run.halt = handle.cancel
        self._strong.add(handle)
        handle.add_done_callback(lambda done: self._left(run, done))

    def _left(self, run: Run, handle: asyncio.Task[None]) -> None:
        """Also where a run ends whose task was cancelled before its first step."""
        self._strong.discard(handle)
        if run.key not in self.runs:
            return
        error = None if handle.cancelled() else handle.exception()
        if error is not None:
            self._could_not_begin(run, error)
        else:
            self._finish(run, run.stopped_outcome() or Released())

    def stop(self, key: RunKey, reason: StopReason) -> None:
        """Interrupt a run. Harmless when it is over or already stopping."""
        run = self.runs.get(key)
        if run is not None:
            self._stop(run, reason)

    def _stop(self, run: Run, reason: StopReason) -> None:
        if run.stop_reason is reason or run.stop_reason is StopReason.LOST:
            return  # told already: a handler's own clean-up is not interrupted by every beat
        if run.stop_reason is None or reason is StopReason.LOST:
            run.stop_reason = reason
        self._halt(run)

    def _halt(self, run: Run) -> None:
        """Interrupt, and again after each grace time: a coroutine may have swallowed it."""
        if run.key not in self.runs:
            return
        if run.timer is not None:
            run.timer.cancel()
        run.timer = self._loop.call_later(self._grace, self._halt, run)
        if run.halt is not None:
            run.halt()
        if not run.begun:
            self._loop.call_soon(self._never_began, run)

    def _never_began(self, run: Run) -> None:
        """A coroutine that is cancelled before its first step never gets to say how its run ended."""
        if run.key in self.runs and not run.begun:
            self._finish(run, run.stopped_outcome() or Released())

    def _finish(self, run: Run, outcome: Outcome | None) -> None:
        if self.runs.pop(run.key, None) is None:
            return
        if run.timer is not None:
            run.timer.cancel()
        run.halt = None
        self._finished(run, None if run.stop_reason is StopReason.LOST else outcome)
        if self._on_change is not None and not self._on_change.done():
            self._on_change.set_result(None)

    async def changed(self, timeout: float) -> None:
        """Until a run ends, at most ``timeout`` seconds."""
        self._on_change = self._loop.create_future()
        await asyncio.wait((self._on_change,), timeout=timeout)
        self._on_change = None

    def _arguments(self, run: Run, args: tuple[Any, ...]) -> tuple[Any, ...]:
        return (self._context(run), *args) if run.task.takes_ctx else args

    def _context(self, run: Run) -> Ctx:
        spec = run.job.spec
        deadline = None
        if spec.timeout_ms is not None:
            deadline = datetime.fromtimestamp(time.time() + spec.timeout_ms / 1000, UTC)
        return Ctx(
            run.job,
            task_max_attempts=(spec.retry or DEFAULT_RULE).max_attempts,
            report=lambda kind, data: self._report(run, kind, data),
            cancel=run,
            deadline=deadline,
            port=None if run.task.batch else lambda: self._journal(run),
        )

    async def _run_coroutine(self, run: Run, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """The hot path: no callback on the task, which ``run.halt`` keeps alive, and no coroutine between."""
        run.begun = True
        task = run.task
        outcome: Outcome | None
        try:
            value = await task.fn(*(self._arguments(run, args) if task.takes_ctx else args), **kwargs)
            outcome = returned(task, value)
        except BaseException as error:
            outcome = raised(error, run.stopped_outcome(), was_stopped=run.stop_reason is not None)
        self._finish(run, outcome)

    async def _await_handler(self, run: Run, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Outcome | None:
        try:
            value = await run.task.fn(*self._arguments(run, args), **kwargs)
            return returned(run.task, value)
        except BaseException as error:
            return raised(error, run.stopped_outcome(), was_stopped=run.stop_reason is not None)

    def _run_in_thread(
        self,
        run: Run,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        then: Callable[[Outcome | None], None],
        around: Context | None = None,
    ) -> None:
        def work() -> None:
            if around is None:
                outcome = self._call_handler(run, args, kwargs)
            else:
                outcome = around.run(self._call_handler, run, args, kwargs)
            self._threads.land(lambda: self._landed(outcome, then))

        self._threads.submit(work)

    def _call_handler(self, run: Run, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Outcome | None:
        if run.stop_reason is not None:  # it never began
            return run.stopped_outcome() or Released()
        try:
            return returned(run.task, run.task.fn(*self._arguments(run, args), **kwargs))
        except BaseException as error:
            return raised(error, run.stopped_outcome(), was_stopped=run.stop_reason is not None)

    def _landed(self, outcome: Outcome | None, then: Callable[[Outcome | None], None]) -> None:
        self._threads.done()
        then(outcome)

    async def _run_in_process(self, run: Run) -> None:
        self._finish(run, await self._processes.run(run, self._set_timer))

    async def _run_wrapped(self, run: Run, args: tuple[Any, ...], kwargs: dict[str, Any], alone: bool) -> None:
        async def innermost(job: Job) -> Outcome | None:
            if run.task.pool == "process" or alone:
                return await self._processes.run(run, self._set_timer)
            if run.task.batch:
                return await self._in_batch(run, args, kwargs)
            if run.task.pool == "async":
                return await self._await_handler(run, args, kwargs)
            landed: asyncio.Future[Outcome | None] = self._loop.create_future()
            run.halt = None  # a thread gets the flag; cancelling this task would only lose sight of it
            self._run_in_thread(run, args, kwargs, landed.set_result, copy_context())
            return await landed

        inherit(run.job.spec.carrier)
        current = CurrentRun(run.job, lambda kind, data: self._report(run, kind, data))
        current_run.set(current)
        try:
            outcome = await stack(self._middleware, innermost)(run.job)
        except BaseException as error:
            outcome = raised(error, run.stopped_outcome(), was_stopped=run.stop_reason is not None)
        current.close()
        self._finish(run, outcome)

    async def _in_batch(self, run: Run, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Outcome | None:
        answer: asyncio.Future[Outcome | None] = self._loop.create_future()
        suspect = bool(run.job.memo) and quarantined(run.job)

        def done(outcome: Outcome | None) -> None:
            if not answer.done():
                answer.set_result(outcome)

        self._batches.add(Member(run, only(args, kwargs), done), alone=suspect)
        try:
            return await answer
        except asyncio.CancelledError:  # by a middleware
            self._batches.drop(run)
            raise
