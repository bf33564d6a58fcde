"""Hints for the watches of this process: a hub per event loop, so that one wake-up serves all its watches."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

from abaca.backends.hub import HintHub, HubWatch
from abaca.model import Hint


class _LoopHub(HintHub):
    """The watches of one event loop."""

    def wants(self, topic: str) -> bool:
        return topic in self._watches


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

    def wanted(self, topic: str) -> bool:
        """Whether somebody here watches the topic."""
        return any(hub.wants(topic) for hub in list(self._hubs.values()))

    def anybody(self) -> bool:
        return any(hub.topics() for hub in list(self._hubs.values()))

    def publish(self, hints: Sequence[Hint]) -> None:
        """Give hints to those who watch their topics. A topic twice in one call is given once, as it was said last."""
        by_topic = {hint.topic: hint for hint in hints}
        for loop, hub in list(self._hubs.items()):
            theirs = [hint for topic, hint in by_topic.items() if hub.wants(topic)]
            if theirs:
                _post(loop, hub, theirs)

    def publish_all(self) -> None:
        """Something changed and nobody can say what: every watch gets a hint for its topics."""
        for loop, hub in list(self._hubs.items()):
            _post(loop, hub, [Hint(topic=topic) for topic in hub.topics()])


def _post(loop: asyncio.AbstractEventLoop, hub: HintHub, hints: Sequence[Hint]) -> None:
    try:
        loop.call_soon_threadsafe(_publish, hub, hints)
    except RuntimeError:  # that loop is closed: nobody waits there any more
        pass


def _publish(hub: HintHub, hints: Sequence[Hint]) -> None:
    for hint in hints:
        hub.publish(hint.topic, hint.job)
