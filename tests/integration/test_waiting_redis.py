"""Waits on a Redis that drops connections or is restarted. Polls are a minute apart, so subscribing anew must help."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from abaca import App, JobHandle, Update
from abaca.backends import open_backend
from tests.conftest import MakeRedis
from tests.integration.lander import Lander
from tests.servers import RedisServer

pytestmark = [pytest.mark.redis, pytest.mark.timeout(60)]
LATE = 5.0


@pytest.fixture
async def lander(redis_url: str) -> AsyncIterator[Lander]:
    """Ends jobs over connections of its own."""
    store = open_backend(redis_url)
    await store.open()
    yield Lander(store)
    await store.close()


async def waiting_for(app: App, count: int) -> tuple[list[JobHandle[int]], list[asyncio.Task[int]]]:
    """Jobs, and as many waits that have read once and now live on hints."""

    @app.task
    def nothing(n: int) -> int:
        return n

    jobs = await app.enqueue_many(nothing.call(n) for n in range(count))
    waits = [asyncio.create_task(job.result(timeout=50)) for job in jobs]
    await (await app.backend()).watch(["another"])  # what was subscribed to before it is confirmed too
    await jobs[0].status()
    return jobs, waits


async def test_waiters_get_their_results_though_their_subscription_is_killed_again_and_again(
    redis_server: RedisServer, lander: Lander
) -> None:
    async with App(redis_server.url, poll_interval=60) as app:
        # Given a thousand waiters and a reader of updates
        jobs, waits = await waiting_for(app, 1000)
        reading = asyncio.create_task(everything(jobs[-1]))
        await lander.claim(1000)
        # When their connection is killed before each hundred results land, so that those hints find nobody
        killed = []
        for _ in range(10):
            killed.append(redis_server.command("CLIENT", "KILL", "TYPE", "pubsub"))
            await lander.land(100)
        assert killed[0] == 1
        # Then each gets its result soon all the same
        assert await asyncio.gather(*waits) == [7] * 1000
        assert time.monotonic() - max(lander.landed.values()) < LATE
        assert [update.value for update in await reading] == ["queued", "running", "completed"]


async def test_waiters_live_through_a_restart_of_the_server(make_redis: MakeRedis) -> None:
    server = make_redis(appendonly=True, appendfsync="always")
    store = open_backend(server.url)
    await store.open()
    lander = Lander(store)
    async with App(server.url, poll_interval=60) as app:
        # Given waiters, half of whose results are there when the server is restarted
        jobs, waits = await waiting_for(app, 400)
        reading = asyncio.create_task(everything(jobs[-1]))
        await lander.claim(400)
        await lander.land(200)
        server.restart()
        # When the other half lands after it
        await lander.land(200)
        # Then all get theirs, and the reader of updates reads to the end
        assert await asyncio.gather(*waits) == [7] * 400
        assert time.monotonic() - max(lander.landed.values()) < LATE
        assert [update.value for update in await reading] == ["queued", "running", "completed"]
    await store.close()


async def test_a_wait_that_begins_while_the_server_is_away_goes_on_when_it_is_back(make_redis: MakeRedis) -> None:
    server = make_redis(appendonly=True, appendfsync="always")
    store = open_backend(server.url)
    await store.open()
    lander = Lander(store)
    async with App(server.url, poll_interval=60) as app:
        # Given a job, and a server that stops
        jobs, waits = await waiting_for(app, 1)
        server.stop()
        # When more waits begin in vain, and the server comes back
        waits += [asyncio.create_task(jobs[0].result(timeout=50)) for _ in range(50)]
        await asyncio.wait(waits, timeout=0.5)
        server.start()
        await lander.claim(1)
        await lander.land(1)
        # Then they all end
        assert await asyncio.gather(*waits) == [7] * 51
    await store.close()


async def everything(job: JobHandle[int]) -> list[Update]:
    return [update async for update in job.updates()]
