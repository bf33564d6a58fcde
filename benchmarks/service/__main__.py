"""``python -m benchmarks.service``: what a request costs the service, beside a bare route of the same framework.

64 requests are in flight, each on a connection of its own, from a client in a process of its own. ``hello`` is a route
of Litestar that answers a small struct; ``submit``, ``get`` and ``list`` (a page of 50) are the service's, whose
callers show a key. All of them are measured in turn, in every round. CPU is the server process's by the kernel's
clock, the store's threads included where it is SQLite; a figure is the median of the rounds, and ``x`` the median of
what it is of the hello of its own round.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from benchmarks.meter import cpu_seconds
from benchmarks.report import machine
from benchmarks.server import running_redis
from benchmarks.service.load import Load, Order
from benchmarks.service.places import Place, hello, served

IN_FLIGHT = 64
SUBMITTED = b'{"task":"resize","args":{"path":"cat.png","width":640}}'
SLICE_SECONDS = 120


@dataclass(frozen=True)
class Round:
    rate: float
    cpu: float
    """CPU seconds of the server for 10,000 requests."""
    store_cpu: float
    p50: float
    p99: float


@dataclass
class Row:
    name: str
    place: Place
    requests: list[bytes]
    store: int | None = None
    """The process of the store, where it is another."""
    rounds: list[Round] = field(default_factory=list)


def load(place: Place, requests: list[bytes], count: int) -> Load:
    order = Order(place.port, requests, count, IN_FLIGHT)
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.service.load"],
        input=msgspec.msgpack.encode(order),
        stdout=subprocess.PIPE,
        check=True,
        timeout=SLICE_SECONDS,
    )
    return msgspec.msgpack.decode(done.stdout, type=Load)


def measured(row: Row, count: int) -> Round:
    before = cpu_seconds(row.place.pid), cpu_seconds(row.store) if row.store else 0.0
    loaded = load(row.place, row.requests, count)
    used = cpu_seconds(row.place.pid) - before[0]
    store = cpu_seconds(row.store) - before[1] if row.store else 0.0
    percentiles = statistics.quantiles(loaded.latencies, n=100)
    share = 10_000 / count
    return Round(count / loaded.seconds, used * share, store * share, percentiles[49], percentiles[98])


def rows_of(store: str, place: Place, server: int | None) -> Iterator[Row]:
    submit = place.request("POST", "/api/v1/jobs", SUBMITTED)
    ids = [msgspec.json.decode(load(place, [submit], IN_FLIGHT).body)["id"] for _ in range(4)]
    yield Row(f"submit, {store}", place, [submit], server)
    yield Row(f"get, {store}", place, [place.request("GET", f"/api/v1/jobs/{id}") for id in ids], server)
    yield Row(f"list, {store}", place, [place.request("GET", "/api/v1/jobs?limit=50")], server)


def table(rows: list[Row]) -> Iterator[str]:
    yield "| | requests/s | CPU s per 10,000 | x hello | of the store's own process | p50 ms | p99 ms |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    bare = rows[0].rounds
    for row in rows:

        def median(name: str, rounds: list[Round] = row.rounds) -> float:
            return float(statistics.median(getattr(one, name) for one in rounds))

        ratios = [one.cpu / beside.cpu for one, beside in zip(row.rounds, bare, strict=True)]
        times = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        store = f"{median('store_cpu'):.2f}" if row.store else ""
        yield (
            f"| {row.name} | {median('rate'):,.0f} | {median('cpu'):.2f} | {times} | {store} "
            f"| {median('p50'):.1f} | {median('p99'):.1f} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.service")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--requests", type=int, default=3_000, help="of each kind in each round; of lists a tenth")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        redis = stack.enter_context(running_redis(folder, "aof"))
        on_redis = stack.enter_context(served(redis.url, folder))
        on_sqlite = stack.enter_context(served(f"sqlite:///{folder / 'jobs.db'}", folder))
        bare = stack.enter_context(hello(folder))
        rows = [Row("hello", bare, [bare.request("GET", "/hello")])]
        rows += [*rows_of("Redis", on_redis, redis.pid), *rows_of("SQLite", on_sqlite, None)]
        for number in range(asked.rounds + 1):
            for row in rows:
                found = measured(row, asked.requests // (10 if row.name.startswith("list") else 1))
                if number:  # the first round warms up
                    row.rounds.append(found)
    print(*(f"{name}: {value}" for name, value in machine().items()), sep="; ")
    print(f"{asked.rounds} rounds of {asked.requests:,} requests of each kind, {IN_FLIGHT} in flight\n")
    print("\n".join(table(rows)))


if __name__ == "__main__":
    main()
