"""A client that keeps so many requests in flight, each on a connection of its own, and times every answer.

``python -m benchmarks.service.load``: reads an ``Order`` from standard input, writes a ``Load`` to standard output.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import deque
from typing import cast

import msgspec

from abaca.cli.loops import run_fast


class Order(msgspec.Struct, frozen=True):
    """Send ``requests`` in turn, ``count`` in all; each must be answered with a status below 300."""

    port: int
    requests: list[bytes]
    count: int
    in_flight: int


class Load(msgspec.Struct, frozen=True):
    """``latencies`` are milliseconds from a request to the last byte of its answer. ``body`` is the last answer's."""

    seconds: float
    latencies: list[float]
    body: bytes


class _Plan:
    def __init__(self, order: Order) -> None:
        self.requests = deque(order.requests)
        self.left = order.count
        self.open = 0
        self.latencies: list[float] = []
        self.body = b""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def next(self) -> bytes | None:
        if not self.left:
            return None
        self.left -= 1
        self.requests.rotate(-1)
        return self.requests[0]

    def failed(self, why: str) -> None:
        if not self.done.done():
            self.done.set_exception(RuntimeError(why))


class _Connection(asyncio.Protocol):
    """One request after the other. It reads as much HTTP as the services that it asks write: no chunks."""

    def __init__(self, plan: _Plan) -> None:
        self._plan = plan
        self._read = b""
        self._whole = 0
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._plan.open += 1

    def send(self) -> None:
        request = self._plan.next()
        if request is None:
            self._plan.open -= 1
            self._transport.close()
            if not self._plan.open and not self._plan.done.done():
                self._plan.done.set_result(None)
            return
        self._read, self._whole = b"", 0
        self._sent = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._read += data
        if not self._whole:
            head, end, _ = self._read.partition(b"\r\n\r\n")
            if not end:
                return
            if not head.startswith(b"HTTP/1.1 2"):
                self._plan.failed(f"answered {self._read[:500]!r}")
                return
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
            self._whole = len(head) + len(end) + length
        if len(self._read) >= self._whole:
            self._plan.latencies.append((time.perf_counter() - self._sent) * 1000)
            self._plan.body = self._read[self._read.index(b"\r\n\r\n") + 4 :]
            self.send()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._plan.left:
            self._plan.failed(f"a connection was closed: {exc}")


async def _run(order: Order) -> Load:
    plan = _Plan(order)
    loop = asyncio.get_running_loop()
    made = [
        await loop.create_connection(lambda: _Connection(plan), "127.0.0.1", order.port) for _ in range(order.in_flight)
    ]
    began = time.perf_counter()
    for _, connection in made:
        connection.send()
    await plan.done
    return Load(time.perf_counter() - began, plan.latencies, plan.body)


def main() -> None:
    order = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Order)
    sys.stdout.buffer.write(msgspec.msgpack.encode(run_fast(_run(order))))


if __name__ == "__main__":
    main()
