"""``abaca bench``"""

from __future__ import annotations

import asyncio
import itertools
import math
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Annotated

import msgspec
from cyclopts import Parameter

from abaca.app import App
from abaca.cli.loops import run_fast
from abaca.cli.output import note, print_json, print_table
from abaca.cli.session import Given
from abaca.config import hide_passwords
from abaca.errors import ConfigError
from abaca.verify.space import make_space

AT_ONCE = 64
"""Callers that enqueue one job each at a time."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One measurement. Latencies are those of a caller, in milliseconds, where a caller waits for each job."""

    what: str
    jobs: int
    seconds: float
    per_second: float
    p50_ms: float | None = None
    p99_ms: float | None = None


class Result(msgspec.Struct, frozen=True, kw_only=True):
    url: str
    durability: str
    lines: list[Line]


def bench(
    store: Annotated[str | None, Parameter(name="URL", help="The store; else as for every command.")] = None,
    /,
    *,
    jobs: Annotated[int, Parameter(help="Jobs that are enqueued and drained.")] = 5_000,
    waits: Annotated[int, Parameter(help="Jobs that are submitted and waited for, one after the other.")] = 300,
    concurrency: Annotated[int, Parameter(help="Slots of the worker.")] = 50,
    session: Given,
) -> None:
    """Measure a store from this machine: enqueue, drain, submit and wait, with jobs that do nothing.

    Callers and one worker are this process, so it shows what one core can do here. The run has a part of the store for
    itself, touches nothing else, and removes it at the end.
    """
    for name, value in (("--jobs", jobs), ("--waits", waits), ("--concurrency", concurrency)):
        if value < 1:
            raise ConfigError(f"{name}: {value} is not usable; give a number above zero")
    url = store or session.settings().url
    result = run_fast(_measure(url, jobs, waits, concurrency))
    if session.json:
        print_json(result)
        return
    note(f"{result.url}, {result.durability}")
    heads = ("what", "jobs", "seconds", "jobs/s", "p50 ms", "p99 ms")
    print_table(heads, [_row(line) for line in result.lines], "nothing was measured")


async def _measure(url: str, jobs: int, waits: int, concurrency: int) -> Result:
    async with _own_part(url) as own, App(own) as app:
        backend = await app.backend()
        singly = max(1, jobs // 5)
        waiting, drained = 1 + jobs + singly, asyncio.Event()
        ran = itertools.count(1)

        @app.task
        async def nothing(n: int) -> int:
            if next(ran) == waiting:
                drained.set()
            return n

        await nothing.enqueue(0)  # what only the first call costs is not measured
        lines = [await _bulk(lambda n: app.enqueue_many(nothing.call(i) for i in range(n)), jobs)]
        lines.append(await _one_by_one(nothing.enqueue, singly))
        start = time.perf_counter()
        async with app.worker(concurrency=concurrency):
            await drained.wait()
            while (await backend.stats()).running:  # noqa: ASYNC110 - until the last settle
                await asyncio.sleep(0.005)
            lines.append(_line("drain by one worker", waiting, time.perf_counter() - start))
            lines.append(await _submit_and_wait(nothing.run, waits))
        return Result(url=hide_passwords(url), durability=backend.durability, lines=lines)


@asynccontextmanager
async def _own_part(url: str) -> AsyncIterator[str]:
    """The URL of a part of the store that is removed afterwards, also when the run is cut off."""
    if url.startswith("memory:"):
        yield url
        return
    space = make_space(url, secrets.token_hex(4), "bench")
    await space.open()
    try:
        yield space.url
    finally:
        await space.clean()


async def _bulk(enqueue: Callable[[int], Awaitable[object]], jobs: int) -> Line:
    start = time.perf_counter()
    await enqueue(jobs)
    return _line("enqueue, many in a call", jobs, time.perf_counter() - start)


async def _one_by_one(enqueue: Callable[[int], Awaitable[object]], jobs: int) -> Line:
    took: list[float] = []
    numbers = iter(range(jobs))

    async def caller() -> None:
        for n in numbers:
            start = time.perf_counter()
            await enqueue(n)
            took.append(time.perf_counter() - start)

    start = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(min(AT_ONCE, jobs)):
            group.create_task(caller())
    return _line(f"enqueue, {AT_ONCE} callers", jobs, time.perf_counter() - start, took)


async def _submit_and_wait(run: Callable[[int], Awaitable[object]], jobs: int) -> Line:
    took = []
    for n in range(jobs):
        start = time.perf_counter()
        await run(n)
        took.append(time.perf_counter() - start)
    return _line("submit and wait for the result", jobs, sum(took), took)


def _line(what: str, jobs: int, seconds: float, took: list[float] | None = None) -> Line:
    return Line(
        what=what,
        jobs=jobs,
        seconds=round(seconds, 3),
        per_second=round(jobs / seconds, 1),
        p50_ms=_percentile(took, 0.50) if took else None,
        p99_ms=_percentile(took, 0.99) if took else None,
    )


def _percentile(took: list[float], share: float) -> float:
    """Nearest rank."""
    return round(sorted(took)[math.ceil(share * len(took)) - 1] * 1000, 3)


def _row(line: Line) -> tuple[object, ...]:
    latencies = (f"{ms:.2f}" if ms is not None else None for ms in (line.p50_ms, line.p99_ms))
    return line.what, f"{line.jobs:,}", f"{line.seconds:.2f}", f"{line.per_second:,.0f}", *latencies
