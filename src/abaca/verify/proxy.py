"""A TCP proxy that breaks connections on purpose: slow, in slices, silent, cut, refused, or without the reply."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

_CHUNK = 1 << 16
_MOST_SLICES = 2048
"""Bytes of one chunk that are sent one by one; the rest follows whole, or a large reply would take minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """What the connections meet. The default is a good line.

    ``latency`` is seconds in each direction; ``slices`` sends single bytes; ``silent`` passes nothing on and closes
    nothing; ``refuse`` closes new connections at once; ``cut`` is the share of answers that are thrown away, with the
    connection, after the server made them. ``share`` is the part of the connections that meet any of it.
    """

    latency: float = 0.0
    slices: bool = False
    silent: bool = False
    refuse: bool = False
    cut: float = 0.0
    share: float = 1.0


FINE = Weather()


@dataclass(slots=True)
class Tally:
    """What the proxy did. ``cut`` counts answers thrown away that a request was waiting for."""

    connections: int = 0
    refused: int = 0
    reset: int = 0
    cut: int = 0
    bytes: int = 0


class FaultProxy:
    """Listens on a free loopback port and passes bytes on to ``host:port``.

    What arrives while the line is silent is held and passed on afterwards, also when the sender has gone: a request
    may be executed long after its client gave up.
    """

    def __init__(self, host: str, port: int, *, seed: int = 0) -> None:
        self.port = 0
        self.tally = Tally()
        self._target = (host, port)
        self._rng = random.Random(seed)
        self._weather = FINE
        self._changed = asyncio.Event()
        self._pairs: set[_Pair] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._on_connect, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        self.reset_all()
        for task in list(self._serving):
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()
            self._server = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def weather(self) -> Weather:
        return self._weather

    def set(self, weather: Weather) -> None:
        """Change the weather of all connections, those that are open included. Which of them meet it is drawn anew."""
        self._weather = weather
        for pair in self._pairs:
            pair.is_hit = self._draw(weather.share)
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def reset_all(self, share: float = 1.0) -> int:
        """Close open connections with a reset; answers how many."""
        hit = [pair for pair in self._pairs if self._draw(share)]
        for pair in hit:
            pair.reset()
        self.tally.reset += len(hit)
        return len(hit)

    def _draw(self, share: float) -> bool:
        return share >= 1 or self._rng.random() < share

    async def _on_connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            await self._serve(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # a connection that breaks is this module's trade; a task of a server is cancelled only by `stop`
        finally:
            self._serving.discard(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.tally.connections += 1
        is_hit = self._draw(self._weather.share)
        if self._weather.refuse and is_hit:
            self.tally.refused += 1
            _reset(writer)
            return
        try:
            there, back = await asyncio.open_connection(*self._target)
        except OSError:
            _reset(writer)
            return
        pair = _Pair(writer, back, is_hit)
        self._pairs.add(pair)
        ways = [asyncio.create_task(self._pass_on(pair, reader, back, asked=True))]
        ways.append(asyncio.create_task(self._pass_on(pair, there, writer, asked=False)))
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            self._pairs.discard(pair)
            pair.close()

    async def _pass_on(
        self, pair: _Pair, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, asked: bool
    ) -> None:
        while data := await reader.read(_CHUNK):
            weather = self._weather
            if pair.is_hit and weather is not FINE:
                if weather.silent:
                    await self._until(lambda: not (self._weather.silent and pair.is_hit))
                elif not asked and pair.waits and weather.cut and self._draw(weather.cut):
                    self.tally.cut += 1
                    pair.reset()
                    return
                if weather.latency:
                    await asyncio.sleep(weather.latency)
            pair.waits = asked
            self.tally.bytes += len(data)
            await _write(writer, data, in_slices=pair.is_hit and self._weather.slices)

    async def _until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            await self._changed.wait()


class _Pair:
    """The two sides of one connection. ``waits``: the client sent something that was not answered yet."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter, is_hit: bool) -> None:
        self._client = client
        self._server = server
        self.is_hit = is_hit
        self.waits = False

    def reset(self) -> None:
        _reset(self._client)
        self._server.close()

    def close(self) -> None:
        self._client.close()
        self._server.close()


async def _write(writer: asyncio.StreamWriter, data: bytes, *, in_slices: bool) -> None:
    if in_slices:
        for at in range(min(len(data), _MOST_SLICES)):
            writer.write(data[at : at + 1])
            await writer.drain()
            await asyncio.sleep(0)
        data = data[_MOST_SLICES:]
    writer.write(data)
    await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST: the other side's pending reads fail at once."""
    own: socket.socket | None = writer.get_extra_info("socket")
    if own is not None:
        try:
            own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            pass  # closed already
    writer.transport.abort()
