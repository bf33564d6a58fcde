"""What one run stores of its steps and items: the runner's end of a ``Port``."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from abaca.backend import Backend
from abaca.codec import describe_error
from abaca.errors import CancelledByRequest
from abaca.model import EVENT, Kind, event_id
from abaca.policy.outcome import Outcome, Raised, Returned
from abaca.port import Await, Call, Keep, Look, Pause, Recall, Request, Stored
from abaca.sync import refuse_running_loop
from abaca.worker.calling import called, reached
from abaca.worker.patience import patiently
from abaca.worker.recalling import recall
from abaca.worker.reporter import Reporter
from abaca.worker.runs import Run, StopReason
from abaca.worker.threads import Threads

T = TypeVar("T")

OpenJournal = Callable[[Run], "Journal"]
"""The run's own journal, made when it is first asked for. From any thread."""


class Journal:
    """One run's way to its log. It lives on the runner's event loop and may be asked from any thread."""

    def __init__(self, run: Run, backend: Backend, reporter: Reporter, threads: Callable[[], Threads]) -> None:
        self.run = run
        self._backend = backend
        self._reporter = reporter
        self._threads = threads
        self._loop = reporter.loop
        self._asked: set[concurrent.futures.Future[Any]] = set()
        self._lock = threading.Lock()
        self._sent: list[tuple[Keep, Stored]] = []
        self.refused: Exception | None = None
        """Why the store would not take an entry. Nothing that came after it is stored: no offset is left out."""

    @classmethod
    def opener(cls, backend: Backend, reporter: Reporter, threads: Callable[[], Threads]) -> OpenJournal:
        def opened(run: Run) -> Journal:
            if run.journal is None:
                run.journal = cls(run, backend, reporter, threads)
                if run.halt is None:  # a thread, which only notices what it waits for
                    run.halt = run.journal.interrupt
            journal: Journal = run.journal
            return journal

        return opened

    @property
    def job_id(self) -> str:
        return self.run.job.spec.id

    @property
    def epoch(self) -> int:
        return self.run.job.epoch

    @property
    def limit(self) -> int:
        limit: int = self.run.task.results.limit
        return limit

    def now(self) -> int:
        job = self.run.job
        return max(job.seen_at, job.claimed_at or 0) + round((time.monotonic() - self.run.started) * 1e6)

    async def ask(self, request: Request) -> Any:
        if asyncio.get_running_loop() is self._loop:
            return await self._perform(request)
        if isinstance(request, Call):
            return await called(request, asyncio.to_thread)
        return await asyncio.wrap_future(self._hand_over(request))

    def ask_sync(self, request: Request) -> Any:
        refuse_running_loop("a step, sleep or event, *_sync")
        if isinstance(request, Call):
            return request.fn(*request.args, **request.kwargs), None
        future = self._hand_over(request)
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise self._interruption() from None

    def keep(self, kind: Kind, data: bytes, stored: Stored) -> None:
        """Store an entry soon, in the order of the calls. On the event loop."""
        if self.run.stop_reason is StopReason.LOST:
            stored(self.run.lose())
        else:
            self._reporter.store(self.run, kind, data, stored)

    def send(self, entry: Keep, stored: Stored) -> None:
        with self._lock:
            first = not self._sent
            self._sent.append((entry, stored))
        if first:
            with contextlib.suppress(RuntimeError):  # the loop is closed: this process is ending
                self._loop.call_soon_threadsafe(self.pass_on)

    def pass_on(self) -> None:
        """What was sent goes to the reporter now. On the event loop."""
        with self._lock:
            sent, self._sent = self._sent, []
        for entry, stored in sent:
            self.keep(entry.kind, entry.data, stored)

    def judged(self, outcome: Outcome) -> Outcome:
        """What the end of the run means when not all that it sent was stored."""
        if self.refused is not None and isinstance(outcome, Returned):
            return Raised(error=describe_error(self.refused))
        return outcome

    def interrupt(self) -> None:
        """End what threads of this run wait for. What they wanted to store is stored all the same."""
        for future in tuple(self._asked):
            future.cancel()

    def _hand_over(self, request: Request) -> concurrent.futures.Future[Any]:
        future = asyncio.run_coroutine_threadsafe(self._perform(request), self._loop)
        self._asked.add(future)
        future.add_done_callback(self._asked.discard)
        return future

    def _interruption(self) -> BaseException:
        if self.run.stop_reason is StopReason.LOST:
            return self.run.lose()
        return CancelledByRequest(f"job {self.job_id} was told to stop")

    async def _perform(self, request: Request) -> Any:
        self._stop_if_lost()
        match request:
            case Recall(steps=steps):
                return await self._patiently("steps", lambda: recall(self._backend, self.run, steps=steps))
            case Keep(data=data, kind=kind, waits=waits):
                self.pass_on()  # an item that was emitted before a step is stored before it
                stored = self._loop.create_future()
                self.keep(kind, data, lambda error: _tell(stored, error))
                return await stored if waits else None
            case Look(event=event):
                return await self._patiently("an event", lambda: self._look(event))
            case Pause(seconds=seconds):
                return await asyncio.sleep(seconds)
            case Call():
                return await called(request, self._in_thread)
            case Await(future=future):
                return await reached(future)

    async def _look(self, event: str) -> bytes | None:
        record = (await self._backend.read(EVENT, [event_id(self.job_id, event)]))[0]
        return record.data if record is not None else None

    async def _patiently(self, what: str, read: Callable[[], Awaitable[T]]) -> T:
        """While the store is away a handler waits for it, as it does for its reports."""
        return await patiently(what, read, self._stop_if_lost)

    def _stop_if_lost(self) -> None:
        if self.run.stop_reason is StopReason.LOST:
            raise self.run.lose()

    async def _in_thread(self, call: Callable[[], T]) -> T:
        answer: asyncio.Future[T] = self._loop.create_future()
        threads = self._threads()

        def work() -> None:
            try:
                value = call()
            except BaseException as error:  # it belongs to whoever waits
                failure = error
                threads.land(lambda: self._landed(threads, answer, failure=failure))
            else:
                threads.land(lambda: self._landed(threads, answer, value=value))

        threads.submit(work)
        return await answer

    def _landed(
        self, threads: Threads, answer: asyncio.Future[Any], *, value: Any = None, failure: BaseException | None = None
    ) -> None:
        threads.done()
        if answer.done():
            return
        if failure is None:
            answer.set_result(value)
        elif isinstance(failure, StopIteration):
            answer.set_exception(RuntimeError("a step raised StopIteration"))
        else:
            answer.set_exception(failure)


def _tell(stored: asyncio.Future[None], error: BaseException | None) -> None:
    if stored.done():
        return
    if error is None:
        stored.set_result(None)
    else:
        stored.set_exception(error)
        stored.exception()  # whoever does not wait hears it from the store at the end of the run
