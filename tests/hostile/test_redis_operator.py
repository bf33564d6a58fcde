"""What an operator does to a Redis in mid-run: flushed functions, killed connections, flushed keys, a long pause."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from abaca import App, JobNotFound
from abaca.backends import open_backend
from abaca.codec.ids import new_id
from abaca.model import Beat, Lease, NewJob, Want
from abaca.testing import ManualClock
from tests.conftest import MakeRedis
from tests.integration import shop
from tests.integration.crew import crew, stored, touch
from tests.servers import RedisServer

pytestmark = [pytest.mark.redis, pytest.mark.chaos]
JOBS = 1500
ACTS: tuple[tuple[str, ...], ...] = (
    ("FUNCTION", "FLUSH"),
    ("CLIENT", "KILL", "TYPE", "pubsub"),
    ("SCRIPT", "FLUSH"),
    ("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"),
)
STUCK = 500_000
"""Microseconds in one script, many times what any may take."""


async def test_functions_flushed_and_connections_killed_in_mid_run_cost_nothing(make_redis: MakeRedis) -> None:
    server = make_redis()
    async with App(server.url) as app:
        square = app.task(shop.square)
        with crew(server.url, 2, concurrency="20") as workers:
            # Given two workers in the middle of many jobs, and somebody who waits for all
            jobs = await app.enqueue_many(square.call(n, ms=n % 20) for n in range(JOBS))
            waits = [asyncio.create_task(job.result(timeout=50)) for job in jobs]
            # When an operator flushes the functions and kills connections, again and again
            for tenth in range(1, 10):
                await asyncio.gather(*waits[: JOBS * tenth // 10])
                server.command(*ACTS[tenth % len(ACTS)])
            # Then every job has its result, uncharged, and the store agrees with its records
            assert await asyncio.gather(*waits) == [n * n for n in range(JOBS)]
            assert {job.attempts for job in await stored(app, jobs)} == {1}
            assert await (await app.backend()).audit() == []
            assert [worker.stop() for worker in workers] == [0, 0]


async def test_after_all_keys_were_flushed_waiters_are_told_and_workers_go_on(
    make_redis: MakeRedis, tmp_path: Path
) -> None:
    server = make_redis()
    started, go_on = str(tmp_path / "started"), str(tmp_path / "go-on")
    async with App(server.url) as app:
        square, patient = app.task(shop.square), app.task(shop.patient)
        with crew(server.url, 1) as (worker,):
            # Given a job that runs, one that waits, and somebody who waits for both
            jobs = [await patient.enqueue(started, go_on), await square.opts(delay=60).enqueue(2)]
            waits = [asyncio.create_task(job.result(timeout=30)) for job in jobs]
            async for update in jobs[0].updates():
                if update.value == "running":
                    break
            # When somebody flushes all keys
            server.command("FLUSHALL")
            # Then the waiters are told that there is no such job, and nothing hangs
            for wait in waits:
                with pytest.raises(JobNotFound):
                    await wait
            # And the worker drops what it ran and goes on; its late words leave nothing in the store
            touch(go_on)
            assert await (await square.enqueue(3)).result(timeout=30) == 9
            assert await (await app.backend()).audit() == []
            assert worker.stop() == 0


async def test_a_server_that_stands_still_for_a_while_costs_no_lease(make_redis: MakeRedis, tmp_path: Path) -> None:
    server = make_redis(enable_debug_command="yes")
    started, go_on = str(tmp_path / "started"), str(tmp_path / "go-on")
    async with App(server.url) as app:
        patient = app.task(shop.patient)
        with crew(server.url, 1, lease="12s", beat="1s") as (worker,):
            # Given a job that runs
            job = await patient.enqueue(started, go_on)
            async for update in job.updates():
                if update.value == "running":
                    break
            # When the server does nothing for some beats
            await asyncio.to_thread(server.command, "DEBUG", "SLEEP", 2)
            touch(go_on)
            # Then the run went on and its end is stored, at the first attempt
            assert await job.result(timeout=30) == "done"
            (record,) = await stored(app, [job])
            assert (record.epoch, record.attempts, record.losses) == (1, 1, 0)
            assert worker.stop() == 0


async def test_a_hundred_thousand_jobs_due_at_once_hold_up_nobody(redis_server: RedisServer) -> None:
    # Given a hundred thousand jobs that come due at one instant, and one that runs
    clock = ManualClock()
    store = open_backend(redis_server.url, clock)
    await store.open()
    lease = Lease(worker="w", ms=3_600_000)
    await store.insert([NewJob(id=new_id(), task="t", queue="other")])
    (running,) = (await store.exchange([], Want(queues=("other",), slots={"": 1}), lease)).jobs
    for _ in range(100):
        await store.insert([NewJob(id=new_id(), task="t", delay_ms=5_000) for _ in range(1000)])
    redis_server.command("CONFIG", "SET", "slowlog-log-slower-than", STUCK)
    redis_server.command("SLOWLOG", "RESET")
    # When they are claimed in batches while the running one beats
    clock.advance(5)
    sizes: list[int] = []
    alive: list[bool] = []
    while not sizes or sizes[-1]:
        claim = store.exchange([], Want(queues=("default",), slots={"": 1000}), lease)
        answer, (pulse,) = await asyncio.gather(claim, store.beat(None, [Beat(id=running.id, epoch=1)], lease))
        sizes.append(len(answer.jobs))
        alive.append(pulse.alive)
    # Then each batch is bounded, all are claimed, every beat was answered, and no script stood in the way
    assert (max(sizes), sum(sizes)) == (1000, 100_000)
    assert all(alive)
    assert redis_server.command("SLOWLOG", "LEN") == 0
    await store.close()
