"""What stands in for sockets and processes: links in memory, and a spawn that starts a simulated process."""

from __future__ import annotations

import asyncio
import signal
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from tests.simulation.loop import Proc, current

Main = Callable[["End"], Coroutine[Any, Any, int | None]]
_PATIENCE = 5.0


class End:
    """One end of a socket pair: bytes come in order after a moment, then the other end's close."""

    def __init__(self, proc: Proc, latency: Callable[[], float]) -> None:
        self.proc = proc
        self.peer: End
        self._latency = latency
        self._protocol: Any = None
        self._inbox: deque[bytes | None] = deque()
        self._buffer: deque[bytes | None] = deque()
        self._arrives = 0.0
        self._closed = False
        self._paused = False
        self._came = asyncio.Event()
        proc.on_exit.append(self._hang_up)

    def setblocking(self, flag: bool) -> None: ...

    def attach(self, protocol: Any) -> End:
        self._protocol = protocol
        protocol.connection_made(self)
        self._hand_over_what_came()
        return self

    def pause_reading(self) -> None:
        self._paused = True

    def resume_reading(self) -> None:
        self._paused = False
        self._hand_over_what_came()

    def _hand_over_what_came(self) -> None:
        """What came together is read at once, as from a socket."""
        while self._buffer and not self._paused:
            data = self._buffer.popleft()
            while data is not None and self._buffer and (more := self._buffer[0]) is not None:
                data += more
                self._buffer.popleft()
            self._hand_over(data)

    async def readable(self) -> None:
        while not self._buffer:
            self._came.clear()
            await self._came.wait()

    def recv(self, size: int) -> bytes:
        return self._buffer.popleft() or b""

    def write(self, data: bytes) -> None:
        if not self._closed and self.peer is not None:
            self.peer._send(bytes(data))

    sendall = write

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self.peer._send(None)
            if self._protocol is not None:
                self.proc.soon(self._protocol.connection_lost, None)

    def is_closing(self) -> bool:
        return self._closed

    def _hang_up(self) -> None:
        """Its process is gone: what it had written still arrives."""
        if not self._closed:
            self._closed = True
            self.peer._send(None)

    def _send(self, data: bytes | None) -> None:
        if self.proc.alive:
            loop = self.proc.loop
            self._inbox.append(data)
            self._arrives = max(self._arrives, loop.time() + self._latency())
            loop.call_at(self._arrives, self._arrive, context=self.proc.context)

    def _arrive(self) -> None:
        data = self._inbox.popleft()
        if self._protocol is None or self._paused:
            self._buffer.append(data)
            self._came.set()
        else:
            self._hand_over(data)

    def _hand_over(self, data: bytes | None) -> None:
        if data is not None:
            self._protocol.data_received(data)
        elif not self._closed:
            self._closed = True
            self._protocol.connection_lost(None)


def pair(one: Proc, other: Proc, latency: Callable[[], float]) -> tuple[End, End]:
    ours, theirs = End(one, latency), End(other, latency)
    ours.peer, theirs.peer = theirs, ours
    return ours, theirs


class Kept:
    """A started process, with the face of ``abaca.worker.spawn.Kept``."""

    def __init__(self, proc: Proc) -> None:
        self._proc = proc
        self.pid = proc.pid

    @property
    def returncode(self) -> int | None:
        return self._proc.exit

    def poll(self) -> int | None:
        return self._proc.exit

    def is_alive(self) -> bool:
        return self._proc.alive

    def tell(self, number: int) -> None:
        send_signal(self._proc, number)

    def kill(self) -> None:
        self._proc.loop.root.soon(self._proc.die, -signal.SIGKILL, delay=0.002)

    async def wait(self, seconds: float = 0.0) -> int:
        if not await self._gone(seconds):
            self.kill()
            await self._gone(_PATIENCE)
        assert self._proc.exit is not None
        return self._proc.exit

    async def _gone(self, seconds: float) -> bool:
        if self._proc.exit is None:
            gone = asyncio.Event()
            waiter = current()
            self._proc.on_exit.append(lambda: waiter.soon(gone.set))
            try:
                await asyncio.wait_for(gone.wait(), seconds)
            except TimeoutError:
                return False
        return True


def send_signal(proc: Proc, number: int) -> None:
    """A signal; one without a handler ends the process."""
    handler = proc.signals.get(number)
    if handler is not None:
        handler()
    elif proc.alive:
        proc.die(-number)
