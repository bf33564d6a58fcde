"""A process that runs one job at a time for a runner, so that it can be killed and blamed alone."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import threading
import time
from contextvars import copy_context
from datetime import UTC, datetime
from queue import SimpleQueue
from types import FrameType
from typing import Any

from abaca.batch_context import BatchCtx
from abaca.buggify import arm_from_environment, buggify
from abaca.carrying import inherit
from abaca.codec import describe_error
from abaca.context import Ctx
from abaca.current import CurrentRun, current_run
from abaca.errors import CancelledByRequest
from abaca.model import Kind
from abaca.policy.outcome import Aborted, Outcome, Raised, WasCancelled
from abaca.policy.retry import DEFAULT_RULE
from abaca.worker.childport import ChildPort
from abaca.worker.keeper import die_with_parent
from abaca.worker.link import Answer, Begun, Ended, FrameReader, Message, Report, Work, frame, pack_outcome
from abaca.worker.loading import TaskLoader
from abaca.worker.outcomes import of_each, only, raised, returned, undecodable
from abaca.worker.signals import let_pass, take_back_signals

_PROGRESS_INTERVAL = 0.05


class Child:
    """Reads work from the socket, runs it in the main thread, and writes back reports and the outcome."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._send_lock = threading.Lock()
        self._loader = TaskLoader()
        self._inbox: SimpleQueue[Message | None] = SimpleQueue()
        self._reader = FrameReader(self._received)
        self._listening = False
        self._port: ChildPort | None = None
        self._stopping = threading.Event()
        self._in_handler = False
        self._held_progress: bytes | None = None
        self._progress_at = 0.0

    def serve(self) -> None:
        signal.signal(signal.SIGINT, let_pass)
        os.register_at_fork(after_in_child=self._sock.close)  # or the link would stay open after our death
        while (work := self._next()) is not None:
            if isinstance(work, Work):
                signal.signal(signal.SIGTERM, self._on_sigterm)  # each time: the last handler may have changed it
                self._send(Begun())
                outcome = self._run(work)
                buggify("child.before_ended")
                self._flush_progress()
                self._send(Ended(outcome=pack_outcome(outcome), rss=_resident_bytes()))

    def _next(self) -> Message | None:
        """The next message; ``None`` when the runner is gone."""
        while self._inbox.empty() and not self._listening:
            self._receive()
        return self._inbox.get()

    def _receive(self) -> bool:
        try:
            data = self._sock.recv(1 << 20)
        except OSError:
            data = b""
        if not data:
            self._inbox.put(None)
            return False
        self._reader.feed(data)
        return True

    def _received(self, message: Message) -> None:
        if isinstance(message, Answer):
            if self._port is not None:
                self._port.answered(message)
        else:
            self._inbox.put(message)

    def _listen(self) -> None:
        """From the first question on a thread reads the link: no signal breaks in on it, and any thread may ask."""
        if not self._listening:
            self._listening = True

            def listen() -> None:
                while self._receive():
                    pass

            threading.Thread(target=listen, name="abaca-link", daemon=True).start()

    def _on_sigterm(self, signum: int, frame: FrameType | None) -> None:
        self._stopping.set()
        if self._in_handler:
            raise CancelledByRequest("the job was told to stop")
        os._exit(0)

    def _run(self, work: Work) -> Outcome:
        try:
            task = self._loader.task(work)
        except BaseException as error:
            return Aborted(error=describe_error(error))
        try:
            args, kwargs = task.arguments.decode(work.job.spec.args)
        except Exception as error:
            return undecodable(error)
        if task.batch:
            args, kwargs = ([only(args, kwargs)],), {}
        if task.takes_ctx:
            ctx = self._context(work, task.results.limit, is_durable=not task.batch)
            args = (BatchCtx((ctx,), ctx.deadline) if task.batch else ctx, *args)
        return copy_context().run(self._call, work, task, args, kwargs)

    def _call(self, work: Work, task: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Outcome:
        """In a context of its own: what surrounds one run is gone with it."""
        inherit(work.job.spec.carrier)
        current = CurrentRun(work.job, self._report)
        current_run.set(current)
        try:
            self._in_handler = True
            try:
                value = asyncio.run(_awaited(task, args, kwargs)) if task.pool == "async" else task.fn(*args, **kwargs)
            finally:
                self._in_handler = False
                current.close()
            return of_each(task, value, 1)[0] if task.batch else returned(task, value)
        except BaseException as error:
            return raised(error, WasCancelled(), was_stopped=self._stopping.is_set()) or Raised(
                error=describe_error(error)
            )

    def _context(self, work: Work, limit: int, *, is_durable: bool) -> Ctx:
        spec = work.job.spec

        def port() -> ChildPort:
            self._listen()
            self._port = ChildPort(work.job, limit, self._send, self._stopping)
            return self._port

        deadline = None
        if spec.timeout_ms is not None:
            deadline = datetime.fromtimestamp(time.time() + spec.timeout_ms / 1000, UTC)
        attempts = (spec.retry or DEFAULT_RULE).max_attempts
        return Ctx(
            work.job,
            task_max_attempts=attempts,
            report=self._report,
            cancel=self._stopping,
            deadline=deadline,
            port=port if is_durable else None,
        )

    def _report(self, kind: Kind, data: bytes) -> None:
        if kind is Kind.PROGRESS:
            now = time.monotonic()
            if now - self._progress_at < _PROGRESS_INTERVAL:
                self._held_progress = data
                return
            self._progress_at, self._held_progress = now, None
        else:
            self._flush_progress()
        self._send(Report(kind=kind, data=data))

    def _flush_progress(self) -> None:
        held, self._held_progress = self._held_progress, None
        if held is not None:
            self._send(Report(kind=Kind.PROGRESS, data=held))

    def _send(self, message: Message) -> None:
        with self._send_lock:
            self._sock.sendall(frame(message))


async def _awaited(task: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return await task.fn(*args, **kwargs)


def _resident_bytes() -> int:
    try:
        with open("/proc/self/statm", "rb") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def main() -> None:
    """With the arguments FD and PARENT_PID."""
    descriptor, parent = int(sys.argv[1]), int(sys.argv[2])
    die_with_parent(parent)
    take_back_signals()
    arm_from_environment(os.environ)
    Child(socket.socket(fileno=descriptor)).serve()


if __name__ == "__main__":
    main()
