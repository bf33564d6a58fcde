"""``python -m benchmarks.latency``: how long one call of a store takes, alone and beside others.

Rounds of 100 calls go over 20 connections: once a connection carries one at a time, once all 100 leave together. All
callers are coroutines of one process, whose own work for a call is in the figure.

The server is a private redis-server on loopback with an append-only file; SQLite is a file with ``synchronous=FULL``.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

from abaca.backend import Backend
from abaca.backends import open_backend
from abaca.codec import new_id
from abaca.model import NewJob, Record
from benchmarks.server import running_redis

CONNECTIONS = 20
CALLS = 100
ROUNDS = 50
Call = Callable[[Backend], Awaitable[object]]


async def insert(store: Backend) -> object:
    return await store.insert([NewJob(id=new_id(), task="t", args=b'{"n":1}', lane="async")])


async def put(store: Backend) -> object:
    return await store.put([Record(kind="bench", id=new_id(), data=b"x" * 100)])


async def get(store: Backend) -> object:
    return await store.get([_KNOWN])


_KNOWN = new_id()
VERBS: dict[str, Call] = {"insert": insert, "get": get, "put a record": put}


async def timed(call: Call, stores: list[Backend], in_flight: int, rounds: int = ROUNDS) -> list[float]:
    """Milliseconds of each call; in each round ``in_flight`` callers share the stores and 100 calls evenly."""
    took: list[float] = []

    async def caller(store: Backend) -> None:
        for _ in range(CALLS // in_flight):
            began = time.perf_counter()
            await call(store)
            took.append((time.perf_counter() - began) * 1000)

    for _ in range(rounds):
        await asyncio.gather(*(caller(stores[number % len(stores)]) for number in range(in_flight)))
    return took


async def measure(url: str, connections: int) -> list[str]:
    """One row for each verb."""
    async with AsyncExitStack() as stack:
        stores = [open_backend(url) for _ in range(connections)]
        for store in stores:
            await store.open()
            stack.push_async_callback(store.close)
        await stores[0].insert([NewJob(id=_KNOWN, task="t", lane="async")])
        rows = []
        for name, call in VERBS.items():
            await timed(call, stores, CALLS, rounds=10)  # connections and scripts are warm
            measured = [await timed(call, stores, in_flight) for in_flight in (1, CONNECTIONS, CALLS)]
            rows.append(f"| {name} | {' | '.join(map(_figures, measured))} |")
        return rows


def _figures(took: list[float]) -> str:
    percentiles = statistics.quantiles(took, n=100)
    return f"{percentiles[49]:.2f} | {percentiles[98]:.2f}"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, running_redis(Path(folder), "aof") as server:
        sqlite = f"sqlite:///{Path(folder) / 'jobs.db'}"
        for url, connections in ((server.url, CONNECTIONS), (sqlite, 1)):
            print(f"\n{url.partition(':')[0]}, {connections} connection{'s' * (connections > 1)}, milliseconds\n")
            print("| call | alone, p50 | p99 | 20 in flight, p50 | p99 | 100 in flight, p50 | p99 |")
            print("|---|---:|---:|---:|---:|---:|---:|")
            print("\n".join(asyncio.run(measure(url, connections))))


if __name__ == "__main__":
    main()
