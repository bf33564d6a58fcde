"""The control plane: a small process that beats, enforces deadlines, reaps, and restarts runners.

It runs no user code and imports none, so nothing a handler does can stop it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections.abc import Callable
from functools import partial

from abaca.backend import Backend
from abaca.backends import open_backend
from abaca.buggify import arm_from_environment, buggify
from abaca.codec import new_id
from abaca.errors import AbacaError, BackendError, BackendUnavailable, ConfigError
from abaca.logs import LogSettings, worker_log
from abaca.measures import Measures
from abaca.model import Card, Lease
from abaca.places import Blobs
from abaca.policies import PolicyReader
from abaca.worker.aftermath import settle_dead
from abaca.worker.folder import Folder
from abaca.worker.heart import Heart
from abaca.worker.held import HeldRun
from abaca.worker.link import Beaten, Configure, Go, Ready, StopRun
from abaca.worker.options import WorkerOptions
from abaca.worker.orders import Orders
from abaca.worker.purger import Purger
from abaca.worker.reaper import Reaper
from abaca.worker.recorder import Recorder
from abaca.worker.runner_main import EXIT_CONFIG, EXIT_STORE_GONE
from abaca.worker.runner_proxy import RunnerProxy
from abaca.worker.runs import RunKey, StopReason
from abaca.worker.sweeper import Sweeper
from abaca.worker.ticker import Ticker
from abaca.worker.timed import timed

_ENFORCE_EVERY = 0.2
_ENFORCE_SLACK = 0.5
_HASTY = 5.0
_FIRST_OPEN_PAUSE = 0.2
_MAX_HASTY_DEATHS = 5
_LONGEST_RESTART_PAUSE = 10.0
EXIT_RUNNERS_DIE = 70


class Supervisor:
    """Runs ``processes`` runners of one application until a signal, and answers the exit status."""

    def __init__(self, app: str, processes: int, options: WorkerOptions, logs: LogSettings | None = None) -> None:
        self._app = app
        self._options = options
        self.id = f"{socket.gethostname()}-{os.getpid()}-{new_id()[-14:-2]}"
        self._lease = Lease(worker=self.id, ms=round(options.lease * 1000))
        self._configure = Configure(app=app, worker=self.id, options=options, logs=logs or LogSettings())
        self._seats = processes
        self._runners: set[RunnerProxy] = set()
        self._backend: Backend | None = None
        self._opening: asyncio.Lock = asyncio.Lock()
        self._stopping = asyncio.Event()
        self._announced = asyncio.Event()
        self._known = asyncio.Event()
        self._drains: set[asyncio.Task[None]] = set()
        self._exit = 0
        self._misconfigured = False
        self._hasty = 0
        self._tasks: tuple[str, ...] = ()
        self._schedules: tuple[str, ...] = ()
        self._blobs = Blobs()
        self._lanes: dict[str, int] = {}
        self._past = [0, 0, 0, 0]
        self._past_measures = Measures()
        self._own_measures = Measures()
        self._recorder: Recorder | None = None
        self._policies: PolicyReader | None = None
        self._started_at = time.time()
        self._on_opened: Callable[[str, str], None] | None = None

    async def run(
        self,
        on_opened: Callable[[str, str], None] | None = None,
        on_started: Callable[[], None] | None = None,
    ) -> int:
        """Until SIGTERM or SIGINT; a second signal ends it at once.

        Each is called once: ``on_opened(url, durability)`` before anything is told to the store, which it may refuse
        with ``ConfigError``, and ``on_started`` when the store knows the tasks and the worker.
        """
        arm_from_environment(os.environ)
        self._on_opened = on_opened
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_signal)
        seats = [asyncio.create_task(self._keep_seat(), name=f"seat {i}") for i in range(self._seats)]
        enforcing = asyncio.create_task(self._enforce())
        duties: list[asyncio.Task[None]] = []
        try:
            beating = asyncio.create_task(self._start_duties(duties, on_started))
            await asyncio.gather(*seats)
            beating.cancel()
        finally:
            for task in (enforcing, *duties):
                task.cancel()
            await self._leave()
        return self._exit

    def _on_signal(self) -> None:
        if self._stopping.is_set():
            worker_log().warning("second signal: ending now", worker=self.id)
            for runner in list(self._runners):
                runner.kill(released=True)
            return
        worker_log().info("draining", worker=self.id, seconds=self._options.drain)
        self._begin_stop(0)

    def _begin_stop(self, status: int) -> None:
        if not self._stopping.is_set():
            self._exit = status
            self._stopping.set()
            for runner in list(self._runners):
                self._drain_soon(runner)

    def _drain_soon(self, runner: RunnerProxy) -> None:
        task = asyncio.create_task(self._drain(runner))
        self._drains.add(task)
        task.add_done_callback(self._drains.discard)

    async def _drain(self, runner: RunnerProxy) -> None:
        runner.drain(self._options.drain)
        await runner.wait_gone(self._options.drain + self._options.grace + _ENFORCE_SLACK)
        runner.kill(released=True)

    async def _keep_seat(self) -> None:
        """One runner after another until the supervisor stops."""
        pause = 0.1
        while not self._stopping.is_set():
            born = time.monotonic()
            runner = await RunnerProxy.start(self._configure, self._lease.ms, self._on_ready, self._announced.set)
            self._runners.add(runner)
            if self._stopping.is_set():  # the signal came while it was being started
                self._drain_soon(runner)
            await runner.gone.wait()
            await runner.reap()
            await self._after_death(runner)
            self._runners.discard(runner)
            if self._stopping.is_set():
                return
            if runner.hopeless is not None and not self._is_passing(runner):
                self._give_up(runner)
                return
            hasty = not runner.ready or time.monotonic() - born < _HASTY
            self._hasty = self._hasty + 1 if not runner.ready and runner.hopeless is None else 0
            if self._hasty >= _MAX_HASTY_DEATHS:
                worker_log().error("runners die before they are ready; giving up", app=self._app, status=runner.status)
                self._begin_stop(EXIT_RUNNERS_DIE)
                return
            buggify("supervisor.before_restart")
            pause = min(pause * 2, _LONGEST_RESTART_PAUSE) if hasty else 0.1
            await self._sleep_unless_stopping(pause)

    def _is_passing(self, runner: RunnerProxy) -> bool:
        """Whether the application, which was there when this worker started, may be there again soon: a deployment is
        under way, or somebody is typing."""
        if runner.ready or not self._announced.is_set():
            return False
        worker_log().error("a new runner cannot start, trying again", app=self._app, reason=runner.hopeless)
        return True

    def _give_up(self, runner: RunnerProxy) -> None:
        worker_log().error("cannot work", app=self._app, reason=runner.hopeless)
        is_setting = self._misconfigured or runner.status == EXIT_CONFIG or not runner.ready
        self._begin_stop(EXIT_CONFIG if is_setting else EXIT_STORE_GONE)

    async def _sleep_unless_stopping(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            pass

    async def _on_ready(self, runner: RunnerProxy, ready: Ready) -> None:
        """Open the store that the application names, then let the runner claim."""
        try:
            async with self._opening:
                if self._backend is None:
                    self._blobs = Blobs(ready.results)
                    await self._open(ready.url)
        except AbacaError as error:
            runner.hopeless = str(error)
            self._misconfigured = isinstance(error, ConfigError)
            runner.kill(released=True)
            return
        self._tasks, self._schedules, self._lanes = ready.tasks, ready.schedules, ready.lanes
        runner.send(Go())

    async def _open(self, url: str) -> None:
        if url.startswith("memory:"):
            raise ConfigError("abaca worker needs a store that processes can share; use sqlite:// or redis://")
        backend = timed(open_backend(url), self._own_measures)
        await self._open_patiently(backend)
        self._backend, self._policies = backend, PolicyReader(backend, self._options.beat)
        if self._on_opened is not None:
            self._on_opened(url, backend.durability)
        for line in backend.weaknesses:
            worker_log().warning("weak setting", store=line)

    async def _open_patiently(self, backend: Backend) -> None:
        """A store that is away at start may be starting itself: wait for it as long as a worker waits for one later."""
        started, pause = time.monotonic(), _FIRST_OPEN_PAUSE
        while True:
            try:
                await backend.open()
                return
            except BackendUnavailable as error:
                if self._stopping.is_set() or time.monotonic() - started > self._options.give_up_after:
                    raise
                if pause == _FIRST_OPEN_PAUSE:
                    worker_log().warning("store unavailable at start, trying again", error=str(error))
            await self._sleep_unless_stopping(pause)
            pause = min(pause * 2, _LONGEST_RESTART_PAUSE)

    async def _start_duties(self, duties: list[asyncio.Task[None]], on_started: Callable[[], None] | None) -> None:
        """When the tasks are known: whoever sees this worker can enqueue for it.

        It has started when its first beat is in the store: whoever reads so can find it there and give it orders.
        """
        await self._announced.wait()
        if self._backend is None:
            return
        heart = Heart(
            self._backend,
            self._lease,
            held=self._held,
            stop=self._stop,
            card=self._card,
            beat=self._options.beat,
            beaten=self._beaten,
        )
        ticker = Ticker(self._backend, lambda: self._schedules)
        reaper = Reaper(self._backend, self._lease, measures=self._own_measures, policies=self._policies)
        recorder = self._recorder = Recorder(self._backend, self.id, self._counted, interval=self._options.beat)
        purger, sweeper, folder = Purger(self._backend), Sweeper(self._backend, self._blobs), Folder(self._backend)
        orders = Orders(self._backend, self.id, partial(self._begin_stop, 0), self._options.beat)
        all_duties = (heart, reaper, purger, ticker, sweeper, recorder, folder, orders)
        duties.extend(asyncio.create_task(duty.run(), name=type(duty).__name__) for duty in all_duties)
        await self._known.wait()
        if on_started is not None:
            on_started()

    def _counted(self) -> Measures:
        """Of this process, of its runners and of those that are gone. A killed one takes its last second along."""
        counted = self._own_measures.copy()
        for measures in (self._past_measures, *(runner.measures() for runner in self._runners)):
            counted.add(measures)
        return counted

    def _held(self) -> list[tuple[RunKey, HeldRun]]:
        return [item for runner in self._runners for item in runner.held_runs()]

    def _beaten(self, sent_at: float | None) -> None:
        if sent_at is not None:
            self._known.set()
        for runner in self._runners:
            runner.send(Beaten(sent_at=sent_at))

    def _stop(self, key: RunKey, reason: StopReason) -> None:
        """Tell the runner; what still runs after the grace time is killed from here."""
        for runner in self._runners:
            if runner.holds(key):
                if runner.order_stop(key, reason, time.monotonic() + self._options.grace + _ENFORCE_SLACK):
                    runner.send(StopRun(id=key[0], epoch=key[1], reason=reason.value))
                return

    async def _enforce(self) -> None:
        while True:
            await asyncio.sleep(_ENFORCE_EVERY)
            now = time.monotonic()
            for runner in list(self._runners):
                runner.enforce(now, self._options.grace + _ENFORCE_SLACK)

    async def _after_death(self, runner: RunnerProxy) -> None:
        """Settle what died with a runner; what cannot be settled now comes back with its lease."""
        for index, count in enumerate(runner.counts()):
            self._past[index] += count
        self._past_measures.add(runner.measures())
        if not runner.left_over():
            return
        if not self._stopping.is_set() or runner.crashed():
            worker_log().warning("runner died", status=runner.status, runs=len(runner.left_over()))
        if self._backend is None:
            return
        buggify("supervisor.before_aftermath")
        try:
            await settle_dead(self._backend, self._lease, runner.post_mortem(), self._own_measures, self._policies)
        except BackendError as error:
            worker_log().warning(
                "could not settle a dead runner's jobs; their leases bring them back", error=str(error)
            )

    def _card(self) -> Card:
        live = [runner.counts() for runner in self._runners]
        processed, succeeded, failed, busy_ms = (sum(column) for column in zip(self._past, *live, strict=True))
        return Card(
            id=self.id,
            name=self._options.name or self.id,
            host=socket.gethostname(),
            pid=os.getpid(),
            started_at=round(self._started_at * 1e6),
            queues=self._options.queues,
            tasks=self._tasks,
            slots={lane: count * self._seats for lane, count in {**self._options.slots(), **self._lanes}.items()},
            running=tuple(id for (id, _), _ in self._held()[:100]),
            processed=processed,
            succeeded=succeeded,
            failed=failed,
            busy_ms=busy_ms,
            draining=self._stopping.is_set(),
        )

    async def _leave(self) -> None:
        if self._backend is not None:
            if self._recorder is not None:
                await self._recorder.record(last=True)
            try:
                await self._backend.sign_off(self.id)
            except BackendError:
                pass  # the card leaves the registry by itself
            await self._backend.close()
