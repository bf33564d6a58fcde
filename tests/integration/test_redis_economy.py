"""What the Redis store costs: round trips, connections and memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from abaca import App
from abaca.backends.redis import RedisBackend, from_url
from abaca.codec.ids import new_id
from abaca.model import Inserted, Lease, NewJob, Settle, State, Transition, Want, job_topic
from tests.integration import shop
from tests.servers import RedisServer

LEASE = Lease(worker="w", ms=15_000)
POOL = 20
DONE = Transition(target=State.COMPLETED, attempts=1, result=b"1", keep_ms=60_000)


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[RedisBackend]:
    backend = from_url(redis_url, None)
    await backend.open()
    yield backend
    await backend.close()


def commands(server: RedisServer) -> dict[str, int]:
    """How often clients sent each command; what scripts call or the tests ask is not in it."""
    stats = server.command("INFO", "commandstats")
    sent = {"fcall", "evalsha", "eval", "function|load", "subscribe", "unsubscribe"}
    names = {name.removeprefix("cmdstat_"): values["calls"] for name, values in stats.items()}
    return {name: calls for name, calls in names.items() if name in sent}


def connections(server: RedisServer) -> int:
    return int(server.command("INFO", "clients")["connected_clients"])


def new_job() -> NewJob:
    return NewJob(id=new_id(), task="t")


async def test_an_exchange_is_one_round_trip(store: RedisBackend, redis_server: RedisServer) -> None:
    # Given fifty running jobs and fifty waiting ones, and a server that knows the scripts
    await store.insert([new_job() for _ in range(100)])
    want = Want(queues=("default",), slots={"": 50})
    running = (await store.exchange([], want, LEASE)).jobs
    redis_server.command("CONFIG", "RESETSTAT")
    # When all are settled and as many claimed
    done = [Settle(id=job.id, epoch=job.epoch, to=DONE) for job in running]
    answer = await store.exchange(done, want, LEASE)
    # Then one command was sent
    assert (len(answer.verdicts), len(answer.jobs)) == (50, 50)
    assert commands(redis_server) == {"fcall": 1}


async def test_inserts_of_one_moment_travel_together(store: RedisBackend, redis_server: RedisServer) -> None:
    # Given a server that knows the script
    await store.insert([new_job()])
    redis_server.command("CONFIG", "RESETSTAT")
    # When a hundred inserts are made at once, one of them a repeat
    jobs = [new_job() for _ in range(100)]
    receipts = await asyncio.gather(*(store.insert([job]) for job in [*jobs, jobs[0]]))
    # Then each caller has its own receipt, and one command was sent
    assert [receipt.id for (receipt,) in receipts] == [job.id for job in [*jobs, jobs[0]]]
    assert [receipt.outcome for (receipt,) in receipts] == [Inserted.INSERTED] * 100 + [Inserted.KNOWN]
    assert commands(redis_server) == {"fcall": 1}


async def test_a_hundred_requests_at_once_add_few_connections(redis_url: str, redis_server: RedisServer) -> None:
    # Given an app, its worker and the connections that they hold
    async with App(redis_url) as app:
        square = app.task(shop.square)
        async with app.worker(concurrency=100):
            assert await square.run(1) == 1
            before = connections(redis_server)

            async def request(n: int) -> int:
                job = await square.enqueue(n)
                await job.status()
                return await job.result(timeout=20)

            # When a hundred callers enqueue, ask for the state and wait for the result, all at once
            answers = await asyncio.gather(*map(request, range(100)))
            # Then each has its own answer, and they needed no connection each
            assert answers == [n * n for n in range(100)]
            assert connections(redis_server) - before <= POOL


async def test_a_caller_that_goes_away_takes_no_other_insert_with_it(store: RedisBackend) -> None:
    # Given two inserts of the same moment
    first, second = new_job(), new_job()
    leaving = asyncio.create_task(store.insert([first]))
    staying = asyncio.create_task(store.insert([second]))
    await asyncio.sleep(0)
    # When one caller is cancelled, then the other has its receipt
    leaving.cancel()
    assert (await staying)[0].outcome is Inserted.INSERTED


@pytest.mark.slow
@pytest.mark.no_cover
async def test_ten_thousand_watches_use_one_connection(store: RedisBackend, redis_server: RedisServer) -> None:
    # Given ten thousand watches
    jobs = [new_job() for _ in range(10_000)]
    before = connections(redis_server)
    watches = await asyncio.gather(*(store.watch([job_topic(job.id)]) for job in jobs))
    # Then they added one connection
    assert connections(redis_server) - before == 1
    # And every one hears of its job
    for first in range(0, len(jobs), 1000):
        await store.insert(jobs[first : first + 1000])
        await store.cancel([job.id for job in jobs[first : first + 1000]])
    hints = await asyncio.gather(*(watch.next(20) for watch in watches))
    assert [hint.job.id if hint and hint.job else None for hint in hints] == [job.id for job in jobs]
    # And nothing is left of them once they are closed
    await asyncio.gather(*(watch.close() for watch in watches))
    async with asyncio.timeout(10):
        while redis_server.command("PUBSUB", "CHANNELS", "abaca:*"):
            await store.get([])


async def test_a_queued_job_costs_at_most_400_bytes(store: RedisBackend, redis_server: RedisServer) -> None:
    # Given an empty store
    def used() -> int:
        return int(redis_server.command("INFO", "memory")["used_memory"])

    await store.insert([new_job()])
    before = used()
    # When ten thousand jobs with arguments of 100 bytes are queued
    args = b'{"data":"' + b"x" * 89 + b'"}'
    assert len(args) == 100
    for _ in range(10):
        await store.insert([NewJob(id=new_id(), task="noop", lane="async", args=args) for _ in range(1000)])
    # Then each takes at most 400 bytes, indexes included
    assert (used() - before) / 10_000 <= 400


@pytest.mark.slow
@pytest.mark.no_cover
async def test_a_job_costs_the_server_the_same_in_a_long_line_and_in_a_short_one(
    store: RedisBackend, redis_server: RedisServer
) -> None:
    # Given how many set members the server looks at is bounded, its time for a claim from a short line is taken
    async def claim_us() -> float:
        redis_server.command("CONFIG", "RESETSTAT")
        running = (await store.exchange([], Want(queues=("default",), slots={"": 500}), LEASE)).jobs
        assert len(running) == 500
        await store.exchange([Settle(id=job.id, epoch=job.epoch, to=DONE) for job in running], None, LEASE)
        return float(redis_server.command("INFO", "commandstats")["cmdstat_fcall"]["usec"])

    await store.insert([new_job() for _ in range(1000)])
    await claim_us()
    short = await claim_us()
    # When the line holds a hundred times as many
    for _ in range(100):
        await store.insert([new_job() for _ in range(1000)])
    costs = sorted([await claim_us() for _ in range(5)])
    # Then a claim does not grow with it; the bound is wide because the machine is shared
    assert costs[0] < 4 * short
