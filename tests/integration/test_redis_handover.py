"""Jobs handed straight to held claims."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from abaca.backends.redis import RedisBackend, from_url
from abaca.codec.ids import new_id
from abaca.model import Exchanged, Lease, NewJob, State, Want
from tests.servers import RedisServer

WAITERS = "abaca:{00}:h:default"


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[RedisBackend]:
    backend = from_url(redis_url, None)
    await backend.open()
    yield backend
    await backend.close()


def new_job(**options: object) -> NewJob:
    return NewJob(id=new_id(), task="t", **options)  # type: ignore[arg-type]


def hold(store: RedisBackend, worker: str, slots: int = 1, ms: int = 20_000) -> asyncio.Task[Exchanged]:
    want = Want(queues=("default",), slots={"": slots}, hold_ms=ms)
    return asyncio.create_task(store.exchange([], want, Lease(worker=worker, ms=15_000)))


async def registered(store: RedisBackend, server: RedisServer, count: int) -> None:
    """Until the server knows of `count` held claims."""
    async with asyncio.timeout(10):
        while server.command("ZCARD", WAITERS) != count:
            await store.get([])


async def test_one_job_goes_to_exactly_one_of_many_waiters(store: RedisBackend, redis_server: RedisServer) -> None:
    # Given ten held claims
    held = [hold(store, f"w{number}") for number in range(10)]
    await registered(store, redis_server, 10)
    # When one job comes, and then the rest are let go
    job = new_job()
    await store.insert([job])
    done, _ = await asyncio.wait(held, return_when=asyncio.FIRST_COMPLETED)
    store.unhold()
    answers = await asyncio.gather(*held)
    # Then one claim has it, leased, and nobody else has anything
    found = [found for answer in answers for found in answer.jobs]
    assert len(done) == 1
    assert [(found.id, found.state, found.epoch) for found in found] == [(job.id, State.RUNNING, 1)]
    assert (await store.get([job.id]))[0] is not None
    assert redis_server.command("EXISTS", WAITERS) == 0


async def test_the_insert_itself_hands_the_job_over(store: RedisBackend, redis_server: RedisServer) -> None:
    # Given a held claim
    held = hold(store, "w")
    await registered(store, redis_server, 1)
    redis_server.command("CONFIG", "RESETSTAT")
    # When a job is inserted
    await store.insert([new_job()])
    assert len((await held).jobs) == 1
    # Then the server ran one script only
    stats = redis_server.command("INFO", "commandstats")
    assert stats["cmdstat_fcall"]["calls"] == 1


async def test_the_next_in_order_is_handed_over_not_the_newest(store: RedisBackend, redis_server: RedisServer) -> None:
    # Given a held claim of two slots
    held = hold(store, "w", slots=2)
    await registered(store, redis_server, 1)
    # When jobs of several priorities and due times come at once
    low, late, early, high = new_job(priority=10), new_job(), new_job(run_at=5), new_job(priority=90)
    await store.insert([low, late, early, high])
    # Then it gets the highest priority first, then the one due longest
    assert [job.id for job in (await held).jobs] == [high.id, early.id]


async def test_jobs_are_spread_over_waiters_by_who_waits_longest(
    store: RedisBackend, redis_server: RedisServer
) -> None:
    # Given three held claims, registered one after the other
    held = []
    for number in range(3):
        held.append(hold(store, f"w{number}"))
        await registered(store, redis_server, number + 1)
    # When jobs come one by one
    jobs = [new_job() for _ in held]
    for job in jobs:
        await store.insert([job])
    # Then the first job went to the first, and so on
    answers = await asyncio.gather(*held)
    assert [(answer.jobs[0].id, answer.jobs[0].worker) for answer in answers] == [
        (job.id, f"w{number}") for number, job in enumerate(jobs)
    ]


async def test_a_waiter_of_a_dead_process_is_passed_over(store: RedisBackend, redis_server: RedisServer) -> None:
    # Given a held claim whose process vanished, and one that lives
    gone = from_url(redis_server.url, None)
    lost = hold(gone, "gone")
    await registered(store, redis_server, 1)
    lost.cancel()
    await gone.close()
    held = hold(store, "alive")
    while not (names := redis_server.command("ZRANGE", WAITERS, 0, -1)) or len(names) < 1:
        await store.get([])
    # When a job comes, then the living one gets it
    job = new_job()
    await store.insert([job])
    async with asyncio.timeout(10):
        assert [found.worker for found in (await held).jobs] == ["alive"]


async def test_a_cancelled_call_takes_its_note_back(store: RedisBackend, redis_server: RedisServer) -> None:
    # Given a held claim
    held = hold(store, "w")
    await registered(store, redis_server, 1)
    # When its caller is cancelled
    held.cancel()
    with pytest.raises(asyncio.CancelledError):
        await held
    # Then the server knows of no waiter, and a job that comes stays in line
    await registered(store, redis_server, 0)
    job = new_job()
    await store.insert([job])
    found = (await store.get([job.id]))[0]
    assert found is not None
    assert found.state is State.WAITING


async def test_a_waiter_never_gets_more_than_its_slots(store: RedisBackend, redis_server: RedisServer) -> None:
    # Given a held claim of three slots that asks again and again while jobs pour in
    held = hold(store, "w", slots=3)
    await registered(store, redis_server, 1)
    await asyncio.gather(*(store.insert([new_job() for _ in range(5)]) for _ in range(20)))
    # Then it was handed three
    assert len((await held).jobs) == 3
    assert (await store.stats()).running == 3
