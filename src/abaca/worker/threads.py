"""The thread pool for sync handlers. Finished runs cross to the event loop in batches, not one wake-up each."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue

Work = Callable[[], None]


class Threads:
    """A bounded pool of daemon threads, grown on demand.

    A thread cannot be killed: whoever needs a stuck one gone has to end its process.
    """

    def __init__(self, size: int, name: str) -> None:
        self._size = size
        self._name = name
        self._loop = asyncio.get_running_loop()
        self._work: SimpleQueue[Work | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._busy = 0
        self._landed: deque[Callable[[], None]] = deque()
        self._waking = False

    def submit(self, work: Work) -> None:
        """Run ``work`` on a thread. It must not raise."""
        self._busy += 1
        if self._busy > len(self._threads) and len(self._threads) < self._size:
            thread = threading.Thread(target=self._serve, name=f"{self._name}-{len(self._threads) + 1}", daemon=True)
            self._threads.append(thread)
            thread.start()
        self._work.put(work)

    def land(self, callback: Callable[[], None]) -> None:
        """From a pool thread: run ``callback`` on the event loop soon."""
        self._landed.append(callback)
        if not self._waking:
            self._waking = True
            try:
                self._loop.call_soon_threadsafe(self._collect)
            except RuntimeError:  # the loop is closed: this process is ending, the lease brings the job back
                pass

    def _collect(self) -> None:
        self._waking = False
        while self._landed:
            self._landed.popleft()()

    def done(self) -> None:
        """On the event loop: one piece of work is over."""
        self._busy -= 1

    def close(self) -> None:
        for _ in self._threads:
            self._work.put(None)

    def _serve(self) -> None:
        while (work := self._work.get()) is not None:
            work()
