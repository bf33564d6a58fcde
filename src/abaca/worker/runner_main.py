"""A runner process: loads the application, claims and runs jobs, and tells its supervisor what it holds."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import sys
import traceback
from collections.abc import Sequence
from typing import Any

from abaca.buggify import arm_from_environment
from abaca.errors import AbacaError, ConfigError
from abaca.logs import adopt_standard_logs, configure_logs
from abaca.model import Job, Lease
from abaca.policy.builtin import BUILT_IN
from abaca.policy.decide import quarantined
from abaca.worker.batches import lanes_of
from abaca.worker.beside import checked
from abaca.worker.engine import Engine
from abaca.worker.guard import Guard
from abaca.worker.judging import damage_of
from abaca.worker.keeper import die_with_parent
from abaca.worker.link import (
    Announced,
    Apart,
    Beaten,
    Begins,
    Called,
    ChildEnded,
    ChildStarted,
    Configure,
    Counters,
    Drain,
    Drained,
    FrameReader,
    Go,
    Hopeless,
    Message,
    Over,
    Ready,
    StopRun,
    frame,
    frame_gone,
    frame_taken,
)
from abaca.worker.loading import load_app
from abaca.worker.loop import LoopOptions, StoreGone
from abaca.worker.runs import Run, RunKey, StopReason

EXIT_CONFIG = 78
EXIT_STORE_GONE = 75
_IN_RUNNER = frozenset({"async", "thread"})
_COUNTERS_INTERVAL = 1.0
_LOOK_AGAIN = 0.05
_TELL_AFTER = 0.02
_YOUNG_OBJECTS = 10_000
"""A batch of jobs makes some thousand short-lived objects: Python's 700 would collect several times in each."""


class RunnerProcess(asyncio.Protocol):
    """The runner's end of the link, and the life of its engine."""

    def __init__(self, configure: Configure, app: Any) -> None:
        self._configure = configure
        self._app = app
        self._reader = FrameReader(self._on_message)
        self._go = asyncio.Event()
        self._drain: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._engine: Engine | None = None
        self._guard: Guard | None = None
        self._gone = b""
        self._telling: asyncio.TimerHandle | None = None
        self._transport: asyncio.WriteTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        tasks, schedules = tuple(sorted({*self._app.tasks, *BUILT_IN})), self._app.declared_schedules
        lanes, results = lanes_of(self._app.tasks), self._app.blobs.url
        self.send(Ready(url=self._app.url, tasks=tasks, schedules=schedules, lanes=lanes, results=results))

    def connection_lost(self, exc: Exception | None) -> None:
        os._exit(1)  # the supervisor is gone and with it the heart; the leases bring the jobs back

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)

    def send(self, message: Message) -> None:
        self._transport.write(frame(message))

    def _on_message(self, message: Message) -> None:
        match message:
            case Go():
                self._go.set()
            case StopRun(id=id, epoch=epoch, reason=reason) if self._engine is not None:
                self._engine.stop((id, epoch), StopReason(reason))
                self._tell_when_over(self._engine, (id, epoch))
            case Beaten(sent_at=sent_at) if self._guard is not None:
                self._guard.beaten(sent_at)
            case Drain(grace=grace) if not self._drain.done():
                self._go.set()
                self._drain.set_result(grace)
            case _:
                pass

    def _tell_when_over(self, engine: Engine, key: RunKey) -> None:
        """The supervisor kills what does not end, and cannot see a handler's end before the store has judged it. A job
        of a batch that others still want is over for it too: the batch goes on."""
        if key in engine.runner.runs and not engine.runner.shares(key):
            asyncio.get_running_loop().call_later(_LOOK_AGAIN, self._tell_when_over, engine, key)
        else:
            self.send(Over(id=key[0], epoch=key[1]))

    def taken(self, jobs: Sequence[Job], sent_at: float) -> None:
        """Which of them this process will not run itself goes along: who is blamed for its death depends on it."""
        untouched = not self._app.middleware
        apart = [
            frame(Apart(id=job.spec.id, epoch=job.epoch, untouched=untouched))
            for job in jobs
            if (job.memo or job.spec.lane not in _IN_RUNNER) and self._is_apart(job)
        ]
        self._say_gone(frame_taken(jobs, sent_at) + b"".join(apart))

    def _is_apart(self, job: Job) -> bool:
        task = self._app.tasks.get(job.spec.task)
        if task is None or damage_of(job) is not None:
            return False
        return bool(task.pool == "process" or task.batch or quarantined(job))

    def gone(self, keys: Sequence[RunKey]) -> None:
        """What is gone may be told a moment later, together with what is taken next. Until then the supervisor believes
        that it runs: it asks the store before it judges a run, and blames nobody alone."""
        if self._telling is None:
            self._telling = asyncio.get_running_loop().call_later(_TELL_AFTER, self._tell)
        self._gone += frame_gone(keys)

    def _tell(self) -> None:
        self._telling = None
        self._say_gone()

    def _say_gone(self, more: bytes = b"") -> None:
        if self._gone or more:
            self._transport.write(self._gone + more)
            self._gone = b""

    def _on_child(self, pid: int, run: Run | None) -> None:
        if run is None:
            self.send(ChildEnded(pid=pid))
        else:
            self.send(ChildStarted(pid=pid, id=run.job.id, epoch=run.job.epoch))

    def _on_begin(self, run: Run) -> None:
        if run.job.spec.timeout_ms is not None:
            self.send(Begins(id=run.job.id, epoch=run.job.epoch))

    def _on_call(self, runs: list[RunKey]) -> None:
        self.send(Called(runs=tuple(runs)))

    async def live(self) -> int:
        """Claim and run until told to drain; answers the exit status."""
        await self._go.wait()
        options = self._configure.options
        lease = Lease(worker=self._configure.worker, ms=round(options.lease * 1000))
        async with self._app.connect() as backend:
            try:
                await checked(self._app.checks, options.queues)
            except ConfigError as error:
                self.send(Hopeless(reason=str(error)))
                return EXIT_CONFIG
            self.send(Announced())
            loop_options = LoopOptions(
                queues=options.queues,
                slots={**options.slots(), **lanes_of(self._app.tasks)},
                lease=lease,
                weights=options.weights,
                give_up_after=options.give_up_after,
            )
            engine = self._engine = Engine(
                self._app.tasks,
                backend,
                loop_options,
                options,
                self,
                middleware=self._app.middleware,
                beside=self._app.beside,
                app=self._configure.app,
                on_child=self._on_child,
                on_begin=self._on_begin,
                blobs=self._app.blobs,
                on_call=self._on_call,
            )
            guard = self._guard = Guard(
                lease.ms, runs=engine.runner.runs, stop=engine.stop, suspend=engine.loop.suspend
            )
            guarding = asyncio.create_task(guard.run())
            counters = asyncio.create_task(self._count(engine))
            draining = asyncio.create_task(self._drain_when_told(engine))
            reason = await _run_to_end(engine)
            counters.cancel()
            guarding.cancel()
            if reason is not None:
                draining.cancel()
                self.send(Hopeless(reason=reason))
                return EXIT_STORE_GONE
            over = await draining
            self._say_gone()
            self._report_counters(engine)
            self.send(Drained())
        return 0 if over else 1

    async def _drain_when_told(self, engine: Engine) -> bool:
        return await engine.drain(await self._drain)

    async def _count(self, engine: Engine) -> None:
        while True:
            await asyncio.sleep(_COUNTERS_INTERVAL)
            self._report_counters(engine)

    def _report_counters(self, engine: Engine) -> None:
        totals = engine.loop.totals
        self.send(
            Counters(
                processed=totals.processed,
                succeeded=totals.succeeded,
                failed=totals.failed,
                busy_ms=totals.busy_ms,
                measures=engine.measures.pack(),
            )
        )


async def _run_to_end(engine: Engine) -> str | None:
    """Why the engine stopped by itself, ``None`` when it was drained."""
    reason = None
    try:
        await engine.run()
    except* StoreGone as gone:
        reason = str(gone.exceptions[0])
    return reason


def _receive_configure(sock: socket.socket) -> Configure:
    received: list[Message] = []
    reader = FrameReader(received.append)
    while not received:
        data = sock.recv(65536)
        if not data:
            sys.exit(1)
        reader.feed(data)
    first = received[0]
    if not isinstance(first, Configure):
        raise TypeError(f"expected Configure first, got {type(first).__name__}")
    return first


async def _main(sock: socket.socket, configure: Configure, app: Any) -> int:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lambda: None)  # the supervisor decides when a runner ends
    process = RunnerProcess(configure, app)
    sock.setblocking(False)
    await loop.create_connection(lambda: process, sock=sock)
    return await process.live()


def _no_import(app: str, error: Exception) -> str:
    return f"application {app!r} cannot be imported: {type(error).__name__}: {error}"


def main() -> None:
    """With the arguments FD and PARENT_PID."""
    descriptor, parent = int(sys.argv[1]), int(sys.argv[2])
    die_with_parent(parent)
    sock = socket.socket(fileno=descriptor)
    configure = _receive_configure(sock)
    arm_from_environment(os.environ)
    configure_logs(configure.logs.format, configure.logs.level)
    gc.set_threshold(_YOUNG_OBJECTS)
    try:
        app = load_app(configure.app)
    except AbacaError as error:
        sock.sendall(frame(Hopeless(reason=str(error))))
        sys.exit(EXIT_CONFIG)
    except Exception as error:
        traceback.print_exc()
        sock.sendall(frame(Hopeless(reason=_no_import(configure.app, error))))
        sys.exit(EXIT_CONFIG)
    adopt_standard_logs(configure.logs.format, configure.logs.level)
    gc.freeze()  # the loaded application stays as long as the process: collections need not walk it
    try:
        import uvloop  # noqa: PLC0415  (absent on Windows)
    except ImportError:
        status = asyncio.run(_main(sock, configure, app))
    else:
        status = uvloop.run(_main(sock, configure, app))
    sys.stdout.flush()
    os._exit(status)  # a thread that will not end must not keep the process


if __name__ == "__main__":
    main()
