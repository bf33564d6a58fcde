"""A thread that owns a connection, and the queue of calls in front of it.

apsw blocks, so no connection is ever touched on an event loop. Answers go back with one wake-up per event loop and
batch, whatever number of calls the batch had.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from abaca.backends.sqlite.tx import Tx
from abaca.errors import BackendUnavailable


@dataclass(slots=True, eq=False)
class Call:
    """One verb waiting for its transaction. ``run`` may be run again after a rollback."""

    run: Callable[[Tx], Any]
    answer: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop
    value: Any = None
    error: BaseException | None = None


Next = Callable[[], Call | None]
"""Takes the next call that waits, if there is one."""


class Serve(Protocol):
    """What a thread does with its calls. ``open`` and ``close`` run on the thread too."""

    def open(self) -> None: ...

    def serve(self, calls: list[Call], more: Next) -> None:
        """Run the one call given and as many more as fit, which join the list; each gets its value or its error."""
        ...

    def close(self) -> None: ...


@dataclass(eq=False)
class StoreThread:
    """Runs a ``Serve`` until closed. A daemon, so that a program which forgets to close still ends."""

    name: str
    work: Serve
    _calls: SimpleQueue[Call | None] = field(default_factory=SimpleQueue)
    _opened: Future[None] = field(default_factory=Future)
    _closed: Future[None] = field(default_factory=Future)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _ending: bool = False
    _thread: threading.Thread | None = None

    @property
    def started(self) -> bool:
        return self._thread is not None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()

    async def opened(self) -> None:
        """Returns once the connection is open, or raises why it is not."""
        await asyncio.shield(asyncio.wrap_future(self._opened))

    def wait_opened(self) -> None:
        """The same for another thread."""
        self._opened.result()

    async def call(self, run: Callable[[Tx], Any]) -> Any:
        """To be called once ``opened`` has returned.

        Raises ``BackendUnavailable`` once the thread is closing, and what ``run`` raises.
        """
        loop = asyncio.get_running_loop()
        answer = loop.create_future()
        with self._lock:  # nothing is queued behind the end
            if self._ending:
                raise BackendUnavailable("the SQLite store was closed; the call was not stored")
            self._calls.put(Call(run, answer, loop))
        return await answer

    async def close(self) -> None:
        """Serve what was queued before, then end the thread."""
        with self._lock:
            self._ending = True
            self._calls.put(None)
        if self._thread is not None:
            await asyncio.shield(asyncio.wrap_future(self._closed))
            self._thread.join()

    def _run(self) -> None:
        try:
            self.work.open()
        except BaseException as error:
            self._opened.set_exception(error)
            self._closed.set_result(None)
            return
        self._opened.set_result(None)
        while (call := self._calls.get()) is not None:
            self._serve([call])
        self.work.close()
        self._closed.set_result(None)

    def _serve(self, calls: list[Call]) -> None:
        try:
            self.work.serve(calls, self._next)
        except Exception as error:  # a bug here must not leave callers waiting for ever
            for call in calls:
                call.error = call.error or error
        answer_all(calls)

    def _next(self) -> Call | None:
        try:
            call = self._calls.get_nowait()
        except Empty:
            return None
        if call is None:  # the end comes after this batch
            self._calls.put(None)
        return call


def answer_all(calls: list[Call]) -> None:
    """Resolve the calls, with one wake-up for each event loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Call]] = {}
    for call in calls:
        by_loop.setdefault(call.loop, []).append(call)
    for loop, theirs in by_loop.items():
        try:
            loop.call_soon_threadsafe(_resolve, theirs)
        except RuntimeError:  # that loop is closed: nobody waits there any more
            continue


def _resolve(calls: list[Call]) -> None:
    for call in calls:
        if call.answer.done():
            continue
        if call.error is not None:
            call.answer.set_exception(call.error)
        else:
            call.answer.set_result(call.value)
