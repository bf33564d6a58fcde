"""The parts that claim and run jobs, put together: the same in a runner process and in somebody's program."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from abaca.backend import Backend
from abaca.measures import Measures
from abaca.model import Job, Transition
from abaca.places import Blobs
from abaca.policies import PolicyReader
from abaca.policy.outcome import Outcome
from abaca.worker.away import Outbox
from abaca.worker.batches import OnCall, threads_of
from abaca.worker.beside import Beside, running
from abaca.worker.builtin import built_in_tasks
from abaca.worker.counting import Counting
from abaca.worker.inputs import Inputs
from abaca.worker.journal import Journal
from abaca.worker.judging import judge
from abaca.worker.loop import ExchangeLoop, Holder, LoopOptions, StoreGone
from abaca.worker.middleware import Middleware
from abaca.worker.options import WorkerOptions
from abaca.worker.processes import OnChild, Processes
from abaca.worker.reporter import Reporter
from abaca.worker.runner import OnBegin, Runner
from abaca.worker.runs import RunKey, StopReason
from abaca.worker.threads import Threads
from abaca.worker.timed import timed

_LAST_WORDS = 2.0
_LAST_SETTLES = 5.0
_LAST_PUTS = 1.0


class Engine:
    """Loop, runner, pools and reporter over one backend, in the running event loop."""

    def __init__(
        self,
        tasks: Mapping[str, Any],
        backend: Backend,
        loop_options: LoopOptions,
        options: WorkerOptions,
        holder: Holder,
        *,
        middleware: Sequence[Middleware] = (),
        app: str | None = None,
        on_child: OnChild = lambda pid, run: None,
        on_begin: OnBegin = lambda run: None,
        on_call: OnCall = lambda keys: None,
        blobs: Blobs | None = None,
        beside: Sequence[Beside] = (),
    ) -> None:
        self.measures = Measures()
        backend = timed(backend, self.measures)
        self._policies = PolicyReader(backend, options.beat)
        self._give_up_after = loop_options.give_up_after
        self._draining = asyncio.Event()
        self._reporter = Reporter(backend)
        self._threads = Threads(options.concurrency + threads_of(tasks), name="abaca")
        self._step_threads: Threads | None = None
        self._concurrency = options.concurrency
        self._beside = beside
        journal = Journal.opener(backend, self._reporter, self._threads_of_steps)
        self._processes = Processes(
            report=self._reporter.report,
            journal=journal,
            app=app,
            grace=options.grace,
            max_jobs=options.max_jobs_per_child,
            max_rss=options.max_child_rss,
            on_child=on_child,
        )
        counting = Counting(self.measures, loop_options.queues[0] if len(loop_options.queues) == 1 else None)
        self.loop = ExchangeLoop(backend, loop_options, holder, self._start, self._reporter, counting, self._decide)
        blobs = blobs or Blobs()
        self._outbox = Outbox(blobs, backend, self.loop.finished)
        self.runner = Runner(
            tasks,
            threads=self._threads,
            processes=self._processes,
            finished=self._outbox.finished if blobs.elsewhere else self.loop.finished,
            report=self._reporter.report,
            inputs=Inputs(backend, blobs).of,
            on_begin=on_begin,
            journal=journal,
            middleware=middleware,
            grace=options.grace,
            occupy=self.loop.occupy,
            on_call=on_call,
            built_in=built_in_tasks(options, backend),
        )
        self.loop.start = self.runner.start  # without a step between: every job passes here

    def _start(self, job: Any, started: float) -> None:
        self.runner.start(job, started)

    def _threads_of_steps(self) -> Threads:
        """For plain functions that coroutines call as steps: apart from the threads that slots stand for."""
        if self._step_threads is None:
            self._step_threads = Threads(self._concurrency, name="abaca-step")
        return self._step_threads

    def _decide(self, job: Job, outcome: Outcome) -> Transition:
        return judge(job, outcome, self._policies.current)

    async def run(self) -> None:
        """Claim and run until ``drain`` has ended the loop. Raises ``StoreGone`` when the store stays away."""
        reading = asyncio.create_task(self._policies.run())
        try:
            async with running(self._beside):
                await self._policies_known()
                await self.loop.run()
        finally:
            reading.cancel()
            self._reporter.close()

    async def _policies_known(self) -> None:
        """No job is claimed before it is known who is to be told of its end."""
        either = [asyncio.ensure_future(event.wait()) for event in (self._policies.known, self._draining)]
        done, _ = await asyncio.wait(either, timeout=self._give_up_after, return_when=asyncio.FIRST_COMPLETED)
        for waiting in either:
            waiting.cancel()
        if not done:
            raise StoreGone(f"no answer from the store for {self._give_up_after:.0f} s")

    def stop(self, key: RunKey, reason: StopReason) -> None:
        self.runner.stop(key, reason)

    async def drain(self, seconds: float) -> bool:
        """Claim no more, let runs finish for ``seconds``, interrupt and give back the rest.

        Answers whether every run is over; one that is not (a thread that will not end) keeps its lease until the
        process is gone.
        """
        self._draining.set()
        self.loop.stop_claiming()
        ends = asyncio.get_running_loop().time() + seconds
        self.runner.flush()
        if not await self._quiet(seconds):
            for key in list(self.runner.runs):
                self.runner.stop(key, StopReason.RELEASED)
            await self._quiet(_LAST_WORDS)
        over = not self.runner.runs
        await self._outbox.empty(max(ends - asyncio.get_running_loop().time(), _LAST_PUTS))
        await self._processes.close()
        await self.loop.settled(_LAST_SETTLES)
        self.loop.close()
        self._threads.close()
        if self._step_threads is not None:
            self._step_threads.close()
        return over

    async def _quiet(self, seconds: float) -> bool:
        """Wait until nothing runs, at most so long."""
        ends = asyncio.get_running_loop().time() + seconds
        while self.runner.runs:
            left = ends - asyncio.get_running_loop().time()
            if left <= 0:
                return False
            await self.runner.changed(left)
        return True
