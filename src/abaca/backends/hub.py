"""Hints inside one process: many watchers, any thread, any event loop."""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Sequence

from abaca.backends.signal import Signal
from abaca.model import Hint, Job


class HintHub:
    """Delivers hints to the watches of this process. Safe to call from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watches: dict[str, set[HubWatch | Listener]] = defaultdict(set)

    def watch(self, topics: Sequence[str]) -> HubWatch:
        watch = HubWatch(self, tuple(topics), asyncio.get_running_loop())
        with self._lock:
            for topic in watch.topics:
                self._watches[topic].add(watch)
        return watch

    def listen(self, topic: str, told: Callable[[Hint], None]) -> Listener:
        """``told`` is called by whoever publishes, in its thread. ``forget`` ends it."""
        listener = Listener((topic,), told)
        with self._lock:
            self._watches[topic].add(listener)
        return listener

    def publish(self, topic: str, job: Job | None = None) -> None:
        if topic not in self._watches:
            return
        with self._lock:
            targets = list(self._watches.get(topic, ()))
        for watch in targets:
            watch.push(Hint(topic=topic, job=job))

    def topics(self) -> list[str]:
        with self._lock:
            return list(self._watches)

    def forget(self, watch: HubWatch | Listener) -> None:
        with self._lock:
            for topic in watch.topics:
                members = self._watches.get(topic)
                if members is not None:
                    members.discard(watch)
                    if not members:
                        del self._watches[topic]


class Listener:
    """A function in a watch's place."""

    __slots__ = ("push", "topics")

    def __init__(self, topics: tuple[str, ...], told: Callable[[Hint], None]) -> None:
        self.topics = topics
        self.push = told


class HubWatch:
    """One reader's queue of hints. It belongs to the event loop that made it."""

    def __init__(self, hub: HintHub, topics: tuple[str, ...], loop: asyncio.AbstractEventLoop) -> None:
        self.topics = topics
        self._hub = hub
        self._loop = loop
        self._thread = threading.get_ident()
        self._hints: deque[Hint] = deque(maxlen=1000)
        self._woken = Signal()

    def push(self, hint: Hint) -> None:
        self._hints.append(hint)
        if threading.get_ident() == self._thread:
            self._woken.set()
        else:
            try:
                self._loop.call_soon_threadsafe(self._woken.set)
            except RuntimeError:  # the watcher's loop is closed: nobody waits there any more
                self._hub.forget(self)

    async def next(self, timeout: float) -> Hint | None:
        ends = self._loop.time() + timeout
        while not self._hints:  # a wake-up may belong to a hint that was taken already
            left = ends - self._loop.time()
            if left <= 0:
                return None
            await self._woken.wait(left)
        return self._hints.popleft()

    async def close(self) -> None:
        self._hub.forget(self)
