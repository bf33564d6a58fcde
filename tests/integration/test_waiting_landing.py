"""Results that land just after a wait began. Polling is a minute apart, so a lost hint would show."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from abaca import App, JobHandle
from tests.integration.lander import Lander
from tests.servers import RedisServer

ROOT = Path(__file__).parents[2]
WAITS = 10_000
IN_FLIGHT = 100
POLL = 60.0
LATE = 5.0

pytestmark = pytest.mark.no_cover

Landed = Callable[[], "dict[str, float]"]


def nothing(n: int) -> int:
    return n


@pytest.fixture
async def app(store_url: str) -> AsyncIterator[App]:
    async with App(store_url, poll_interval=POLL) as app:
        app.task(nothing)
        yield app


async def enqueued(app: App, count: int) -> list[JobHandle[int]]:
    task = app.tasks["nothing"]
    return await app.enqueue_many(task.call(n) for n in range(count))


@asynccontextmanager
async def landing_here(app: App) -> AsyncIterator[tuple[Callable[[str], None], Landed]]:
    lander = Lander(await app.backend())
    await lander.claim(WAITS)
    yield lander.land_soon, lambda: lander.landed


@asynccontextmanager
async def landing_elsewhere(url: str) -> AsyncIterator[tuple[Callable[[str], None], asyncio.StreamReader]]:
    """A lander in another process: how to tell it of a job, and what it says."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.integration.lander", url, str(WAITS)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
        limit=1 << 20,
    )
    orders, answers = process.stdin, process.stdout
    assert orders is not None
    assert answers is not None
    try:
        assert await answers.readline() == b"ready\n"
        yield lambda id: orders.write(f"{id}\n".encode()), answers
        assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def wait_for_each(jobs: list[JobHandle[int]], land: Callable[[str], None]) -> dict[str, float]:
    """Wait for each job, a hundred at a time; each is told to land when its wait begins. When each wait ended."""
    ended: dict[str, float] = {}
    rest = iter(jobs)

    async def one_after_another() -> None:
        for job in rest:
            land(job.id)
            assert await job.result(timeout=30) == 7
            ended[job.id] = time.monotonic()

    await asyncio.gather(*(one_after_another() for _ in range(IN_FLIGHT)))
    return ended


def latest(ended: dict[str, float], landed: dict[str, float]) -> float:
    return max(at - landed[id] for id, at in ended.items())


@pytest.mark.timeout(120)
async def test_no_result_is_missed_that_lands_just_after_the_wait_began(app: App, store_url: str) -> None:
    # Given ten thousand claimed jobs, held by another process where the store can be shared
    jobs = await enqueued(app, WAITS)
    # When each result lands 0 to 10 ms after its wait began, with a hundred waits at a time
    if store_url.startswith("memory:"):
        async with landing_here(app) as (land, here):
            ended = await wait_for_each(jobs, land)
            landed = here()
    else:
        async with landing_elsewhere(store_url) as (land, answers):
            ended = await wait_for_each(jobs, land)
            lines = (await answers.read()).decode().splitlines()
            landed = {id: float(at) for id, at in (line.split() for line in lines)}
    # Then every wait got its result, and none long after it was there
    assert len(ended) == len(landed) == WAITS
    assert latest(ended, landed) < LATE


@pytest.mark.timeout(90)
async def test_ten_thousand_waiters_at_once_all_end(app: App) -> None:
    # Given ten thousand claimed jobs, and as many waiters in this process
    jobs = await enqueued(app, WAITS)
    lander = Lander(await app.backend())
    await lander.claim(WAITS)
    before = open_files()
    waits = [asyncio.create_task(job.result(timeout=60)) for job in jobs]
    await asyncio.gather(*(job.status() for job in jobs[:100]))
    during = open_files()
    # When their jobs end
    await lander.land(WAITS)
    # Then all get their results, and however many waited, it took a handful of descriptors
    assert await asyncio.gather(*waits) == [7] * WAITS
    assert during - before <= 4
    assert time.monotonic() - max(lander.landed.values()) < LATE


@pytest.mark.redis
async def test_ten_thousand_waiters_use_one_more_connection(redis_server: RedisServer) -> None:
    async with App(redis_server.url, poll_interval=POLL) as app:
        # Given a process that enqueued and claimed ten thousand jobs
        app.task(nothing)
        jobs = await enqueued(app, WAITS)
        lander = Lander(await app.backend())
        await lander.claim(WAITS)
        before = connections(redis_server)
        # When it waits for all of them
        waits = [asyncio.create_task(job.result(timeout=50)) for job in jobs]
        await asyncio.gather(*(job.status() for job in jobs[:100]))
        # Then it has one connection more, and each waiter gets its result
        assert connections(redis_server) - before <= 1
        await lander.land(WAITS)
        assert await asyncio.gather(*waits) == [7] * WAITS


def open_files() -> int:
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else len(os.listdir("/dev/fd"))


def connections(server: RedisServer) -> int:
    return len(str(server.command("CLIENT", "LIST")).splitlines())
