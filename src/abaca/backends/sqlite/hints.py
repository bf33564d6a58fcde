"""Hints for the watches of this process: a hub per event loop, so that one wake-up serves all its watches."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Sequence

from abaca.backends.hub import HintHub, HubWatch
from abaca.backends.sqlite.tx import Told


class _LoopHub(HintHub):
    """The watches of one event loop."""

    def wanted(self, topics: Iterable[str]) -> list[str]:
        return list(filter(self._watches.__contains__, topics)) if self._watches else []


class Hints:
    """``watch`` on an event loop; ``publish`` and the rest from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hubs: dict[asyncio.AbstractEventLoop, _LoopHub] = {}

    def watch(self, topics: Sequence[str]) -> HubWatch:
        loop = asyncio.get_running_loop()
        with self._lock:
            for gone in [loop for loop in self._hubs if loop.is_closed()]:
                del self._hubs[gone]
            hub = self._hubs.setdefault(loop, _LoopHub())
            return hub.watch(topics)

    def wanted(self, topics: Iterable[str]) -> list[str]:
        """Those of the topics that somebody here watches."""
        topics = list(topics)
        found = [topic for hub in list(self._hubs.values()) for topic in hub.wanted(topics)]
        return found if len(self._hubs) < 2 else list(dict.fromkeys(found))

    def anybody(self) -> bool:
        return any(hub.topics() for hub in list(self._hubs.values()))

    def publish(self, told: Iterable[Told]) -> None:
        """Give hints to those who watch their topics. A topic twice in one call is given once, as it was said last."""
        by_topic = dict(told)
        for loop, hub in list(self._hubs.items()):
            theirs = [(topic, by_topic[topic]) for topic in hub.wanted(by_topic)]
            if theirs:
                _post(loop, hub, theirs)

    def publish_all(self) -> None:
        """Something changed and nobody can say what: every watch gets a hint for its topics."""
        for loop, hub in list(self._hubs.items()):
            _post(loop, hub, [(topic, None) for topic in hub.topics()])


def _post(loop: asyncio.AbstractEventLoop, hub: HintHub, told: Sequence[Told]) -> None:
    try:
        loop.call_soon_threadsafe(_publish, hub, told)
    except RuntimeError:  # that loop is closed: nobody waits there any more
        pass


def _publish(hub: HintHub, told: Sequence[Told]) -> None:
    for topic, job in told:
        hub.publish(topic, job)
