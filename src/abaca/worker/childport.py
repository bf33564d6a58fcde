"""A child process's way to its job's log: it asks its runner over the link."""

from __future__ import annotations

import asyncio
import concurrent.futures
import itertools
import threading
import time
from collections.abc import Callable
from typing import Any

from abaca.errors import CancelledByRequest
from abaca.model import Job
from abaca.port import Await, Call, Keep, Look, Pause, Recall, Request, Stored
from abaca.sync import refuse_running_loop
from abaca.worker.asking import pack_request, unpack_answer
from abaca.worker.calling import called, reached
from abaca.worker.link import Answer, Ask

_numbers = itertools.count(1)


class ChildPort:
    """The port of one run in a child. Answers come from the thread that reads the link, through ``answered``."""

    def __init__(self, job: Job, limit: int, send: Callable[[Ask], None], stopping: threading.Event) -> None:
        self._job = job
        self._limit = limit
        self._send = send
        self._stopping = stopping
        self._began = time.monotonic()
        self._waiting: dict[int, concurrent.futures.Future[Any]] = {}

    @property
    def job_id(self) -> str:
        return self._job.id

    @property
    def epoch(self) -> int:
        return self._job.epoch

    @property
    def limit(self) -> int:
        return self._limit

    def now(self) -> int:
        return max(self._job.seen_at, self._job.claimed_at or 0) + round((time.monotonic() - self._began) * 1e6)

    async def ask(self, request: Request) -> Any:
        match request:
            case Call():
                return await called(request, asyncio.to_thread)
            case Pause(seconds=seconds):
                return await asyncio.sleep(seconds)
            case Keep(waits=False):
                self._asked(request)
                return None
            case Await(future=future):
                return await reached(future)
        return await asyncio.wrap_future(self._asked(request))

    def ask_sync(self, request: Request) -> Any:
        refuse_running_loop("a step, sleep or event, *_sync")
        match request:
            case Call(fn=fn, args=args, kwargs=kwargs):
                return fn(*args, **kwargs), None
            case Pause(seconds=seconds):
                if self._stopping.wait(seconds):
                    raise CancelledByRequest(f"job {self.job_id} was told to stop")
                return None
            case Keep(waits=False):
                self._asked(request)
                return None
            case Await(future=future):
                return future.result()
        return self._asked(request).result()

    def send(self, entry: Keep, stored: Stored) -> None:
        self._asked(entry, stored)

    def answered(self, answer: Answer) -> None:
        """From the link. An answer that nobody waits for is dropped."""
        waiting = self._waiting.pop(answer.number, None)
        if waiting is None or not waiting.set_running_or_notify_cancel():
            return
        try:
            waiting.set_result(unpack_answer(answer, self.job_id))
        except BaseException as error:
            waiting.set_exception(error)

    def _asked(self, request: Keep | Look | Recall, stored: Stored | None = None) -> concurrent.futures.Future[Any]:
        """``stored`` is called by the thread that reads the link, never in here: the caller may hold a lock."""
        number = next(_numbers)
        future = self._waiting[number] = concurrent.futures.Future[Any]()
        if stored is not None:
            future.add_done_callback(lambda answer: stored(answer.exception()))
        self._send(Ask(number=number, what=pack_request(request)))
        return future
