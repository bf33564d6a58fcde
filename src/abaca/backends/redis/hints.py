"""The one subscribed connection of a backend: all its watches, and what is handed to its held claims."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from abaca.backends.hub import HintHub, HubWatch, Listener
from abaca.backends.redis.address import Address
from abaca.backends.redis.keys import channel, watchers
from abaca.backends.redis.link import Link
from abaca.backends.redis.packing import unpack_job
from abaca.backends.redis.server import Server
from abaca.errors import BackendError, BackendUnavailable, ConfigError
from abaca.model import Hint, Job

_PING_EVERY = 5.0
_ID_BYTES = 16
_TURNED_AWAY_PAUSE = 1.0
_PART_AFTER = 0.05
"""Seconds until a channel that nobody here uses any more is left: with others, or with the next subscription."""


@dataclass(slots=True, eq=False)
class _Channel:
    """One subscription and who uses it. ``ready`` is done once the server confirmed it."""

    topic: str
    ready: asyncio.Future[None]
    users: int = 0


@dataclass(slots=True)
class _Sent:
    """What was said on the present connection: channels subscribed to, and confirmations still to come.

    ``watching``: also to the channel that says that somebody watches any job.
    """

    names: set[bytes] = field(default_factory=set)
    watching: bool = False
    awaited: dict[bytes, int] = field(default_factory=dict)


class Hints:
    """Subscriptions are counted, sent together once a tick, and made anew after a lost connection.

    ``inbox`` gets what arrives on the channel given to ``open_inbox``; ``on_renewed`` is called once the
    subscriptions stand again after a loss.
    """

    def __init__(
        self, address: Address, base: bytes, inbox: Callable[[bytes], None], on_renewed: Callable[[], None]
    ) -> None:
        self.server = Server(address, self._pushed, self._up, self._lost)
        self._address = address
        self._base = base
        self._inbox = inbox
        self._on_renewed = on_renewed
        self._hub = HintHub()
        self._channels: dict[bytes, _Channel] = {}
        self._touched: set[bytes] = set()
        self._sent = _Sent()
        self._flushing = False
        self._renewed = False
        self._closed = False
        self._reviving: asyncio.Task[None] | None = None
        self._pinging: asyncio.TimerHandle | None = None
        self._parting: asyncio.TimerHandle | None = None

    async def watch(self, topics: Sequence[str]) -> RedisWatch:
        names = [channel(self._base, topic) for topic in topics]
        watch = RedisWatch(self, self._hub.watch(topics), names)
        try:
            await self.hold(dict(zip(names, topics, strict=True)))
        except BaseException:
            await watch.close()
            raise
        return watch

    async def hold(self, names: dict[bytes, str]) -> None:
        """Subscribe to channels (name to topic) and wait until the server has confirmed all. ``release`` undoes it."""
        loop = asyncio.get_running_loop()
        waiting = []
        for name, topic in names.items():
            entry = self._channels.get(name)
            if entry is None:
                entry = self._channels[name] = _Channel(topic, loop.create_future())
                self._touch(name, loop)
            entry.users += 1
            if not entry.ready.done():
                waiting.append(asyncio.shield(entry.ready))
        if not waiting:
            return
        await self.server.link()
        try:
            async with asyncio.timeout(self._address.timeout):
                for ready in waiting:
                    await ready
        except TimeoutError:
            message = f"{self._address}: a subscription was not confirmed within {self._address.timeout:g} s; try again"
            raise BackendUnavailable(message) from None

    def attend(self, topic: str, told: Callable[[Hint], None]) -> Attention:
        """Have ``told`` called for each hint on a topic. The subscription is one of the next ``changes``."""
        name = channel(self._base, topic)
        entry = self._channels.get(name)
        if entry is None:
            entry = self._channels[name] = _Channel(topic, asyncio.get_running_loop().create_future())
            self._touched.add(name)
        entry.users += 1
        return Attention(self, name, self._hub.listen(topic, told))

    def release(self, names: Sequence[bytes]) -> None:
        for name in names:
            entry = self._channels.get(name)
            if entry is None:
                continue
            entry.users -= 1
            if entry.users <= 0:
                del self._channels[name]
                self._touched.add(name)
        if self._touched and not self._flushing and self._parting is None:
            self._parting = asyncio.get_running_loop().call_later(_PART_AFTER, self._part)

    def forget(self, name: bytes, listener: Listener) -> None:
        self._hub.forget(listener)
        self.release((name,))

    def close(self) -> None:
        self._closed = True
        for task in (self._reviving, self._pinging, self._parting):
            if task is not None:
                task.cancel()
        self.server.close()

    def _touch(self, name: bytes, loop: asyncio.AbstractEventLoop) -> None:
        self._touched.add(name)
        if not self._flushing:
            self._flushing = True
            loop.call_soon(self.flush)

    def flush(self) -> None:
        """Say what changed since the last time. Without a connection nothing is said: the next one says it all."""
        self._flushing = False
        link = self.server.present()
        if link is None:
            self._touched.clear()
        elif commands := self.changes():
            link.tell(*commands)

    def _part(self) -> None:
        self._parting = None
        self.flush()

    def changes(self) -> list[tuple[bytes, ...]]:
        """The commands that say what changed, for whoever sends them now over the connection, which is there."""
        touched, self._touched = self._touched, set()
        sent = self._sent
        wanted = [name for name in touched if name in self._channels and name not in sent.names]
        unwanted = [name for name in touched if name not in self._channels and name in sent.names]
        for name in touched & sent.names & self._channels.keys() - sent.awaited.keys():
            self._ready(name)  # released and wanted again within one tick: the subscription still stands
        commands: list[tuple[bytes, ...]] = []
        if wanted:
            commands.append(self._subscription(wanted))
        if unwanted:
            commands.append((b"UNSUBSCRIBE", *unwanted))
            sent.names.difference_update(unwanted)
        return commands

    def _subscription(self, names: list[bytes]) -> tuple[bytes, ...]:
        """The command for these channels, and for the one that says that somebody watches any job."""
        sent = self._sent
        sent.names.update(names)
        for name in names:
            sent.awaited[name] = sent.awaited.get(name, 0) + 1
        if not sent.watching and any(map(self._is_job, names)):
            sent.watching = True
            return (b"SUBSCRIBE", watchers(self._base), *names)
        return (b"SUBSCRIBE", *names)

    def _is_job(self, name: bytes) -> bool:
        return name.startswith(b"J:", len(self._base))

    def _up(self, link: Link) -> None:
        self._sent = _Sent()
        if self._channels:
            link.tell(self._subscription(list(self._channels)))
        if self._pinging is not None:
            self._pinging.cancel()
        self._pinging = asyncio.get_running_loop().call_later(_PING_EVERY, self._ping)

    def _ping(self) -> None:
        """A connection on which nothing comes may be dead: the link's own timeout finds out."""
        link = self.server.present()
        if link is not None:
            if self._sent.watching and not any(map(self._is_job, self._sent.names)):
                self._sent.watching = False
                link.tell((b"UNSUBSCRIBE", watchers(self._base)))
            link.send(b"PING").add_done_callback(_look_at)
            self._pinging = asyncio.get_running_loop().call_later(_PING_EVERY, self._ping)

    def _lost(self) -> None:
        self._renewed = True
        if not self._closed and self._channels and (self._reviving is None or self._reviving.done()):
            self._reviving = asyncio.create_task(self._revive())

    async def _revive(self) -> None:
        """Until the connection stands again. A server that lets nobody in may do so once its settings are mended."""
        while self._channels and not self.server.up:
            try:
                await self.server.link()
            except BackendUnavailable:
                continue  # the server object has made its pause
            except (BackendError, ConfigError):
                await asyncio.sleep(_TURNED_AWAY_PAUSE)

    def _pushed(self, message: list[Any]) -> None:
        kind, name = message[0], message[1]
        if kind == b"message":
            self._deliver(name, message[2])
        elif kind == b"subscribe":
            self._confirmed(name)

    def _deliver(self, name: bytes, data: bytes) -> None:
        entry = self._channels.get(name)
        if entry is None:
            return
        kind = name[len(self._base) : len(self._base) + 2]
        if kind == b"I:":
            self._inbox(data)
        else:
            self._hub.publish(entry.topic, self._job(name, data) if data and kind == b"J:" else None)

    def _job(self, name: bytes, data: bytes) -> Job:
        job = unpack_job(name[-_ID_BYTES:], data, 0)
        return msgspec.structs.replace(job, seen_at=job.ended_at or 0)

    def _confirmed(self, name: bytes) -> None:
        left = self._sent.awaited.pop(name, 1) - 1
        if left > 0:
            self._sent.awaited[name] = left
            return
        self._ready(name)
        if self._renewed and not self._sent.awaited:
            self._renewed = False
            for topic in self._hub.topics():
                self._hub.publish(topic)
            self._on_renewed()

    def _ready(self, name: bytes) -> None:
        entry = self._channels.get(name)
        if entry is not None and not entry.ready.done():
            entry.ready.set_result(None)


class RedisWatch:
    """A watch whose channels are released with it."""

    def __init__(self, hints: Hints, inner: HubWatch, names: Sequence[bytes]) -> None:
        self._hints = hints
        self._inner = inner
        self._names = names

    async def next(self, timeout: float) -> Hint | None:
        return await self._inner.next(timeout)

    async def close(self) -> None:
        names, self._names = self._names, ()
        self._hints.release(names)
        await self._inner.close()


class Attention:
    """A function that is told of one topic."""

    __slots__ = ("_hints", "_listener", "_name")

    def __init__(self, hints: Hints, name: bytes, listener: Listener) -> None:
        self._hints = hints
        self._name = name
        self._listener = listener

    def close(self) -> None:
        self._hints.forget(self._name, self._listener)


def _look_at(reply: asyncio.Future[Any]) -> None:
    if not reply.cancelled():
        reply.exception()
