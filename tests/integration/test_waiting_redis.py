"""Waits on a Redis that drops connections or is restarted. Polls are a minute apart, so subscribing anew must help."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from abaca import App, JobHandle, Update
from abaca.backends import open_backend
from abaca.model import Kind, NewUpdate, Settle, State, Transition, Verdict, Want
from tests.conftest import MakeRedis
from tests.integration.lander import LEASE, Lander
from tests.servers import RedisServer

pytestmark = [pytest.mark.redis, pytest.mark.timeout(60)]
LATE = 25.0
"""Far below the minute between polls, far above what a busy machine needs."""


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


async def test_updates_are_read_without_a_gap_though_the_subscription_is_killed_again_and_again(
    redis_server: RedisServer,
) -> None:
    """RELIABILITY E2, resumed from every place as well: 3,000 lines, the reader's connection killed every 250."""
    lines, batch = 3_000, 250
    store = open_backend(redis_server.url)
    await store.open()
    async with App(redis_server.url, poll_interval=60) as app:
        # Given a running job and a reader, close enough behind that nothing it needs is trimmed
        @app.task
        def talk() -> int:
            return 0

        job = await talk.enqueue()
        want = Want(queues=("default",), slots={"thread": 1})
        (claimed,) = (await store.exchange([], want, LEASE)).jobs
        seen: asyncio.Queue[Update] = asyncio.Queue()
        reading = asyncio.create_task(read_into(seen, job))
        got = [await seen.get(), await seen.get()]
        for start in range(0, lines, batch):
            # When its connection is killed before the lines come, so that their hints find nobody
            redis_server.command("CLIENT", "KILL", "TYPE", "pubsub")
            new = [
                NewUpdate(id=job.id, epoch=claimed.epoch, seq=n + 1, kind=Kind.LOG, data=b'{"n":%d}' % n)
                for n in range(start, start + batch)
            ]
            assert set(await store.append(new)) == {Verdict.APPLIED}
            # Then it reads all of them, in order
            got += [await seen.get() for _ in range(batch)]
        to = Transition(target=State.COMPLETED, attempts=1, result=b"0", keep_ms=60_000)
        await store.exchange([Settle(id=job.id, epoch=claimed.epoch, to=to)], None, LEASE)
        await reading
        got.append(seen.get_nowait())
        assert [update.id for update in got] == list(range(1, lines + 4))
        assert [update.value["n"] for update in got if update.kind is Kind.LOG] == list(range(lines))
        # And from any cursor whose lines are kept, the rest is the same
        for after in range(lines - 900, lines + 4, 53):
            assert [update async for update in job.updates(after)] == got[after:]
    await store.close()


async def read_into(seen: asyncio.Queue[Update], job: JobHandle[int]) -> None:
    async for update in job.updates():
        seen.put_nowait(update)


async def everything(job: JobHandle[int]) -> list[Update]:
    return [update async for update in job.updates()]
