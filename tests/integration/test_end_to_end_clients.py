"""Clients that die or lose replies, through the public face."""

from __future__ import annotations

import asyncio
import sys

import pytest

from abaca import App, Status
from abaca.backends.memory import MemoryBackend
from abaca.model import Job, Query
from abaca.testing import FailingBackend
from tests.integration import shop
from tests.integration.crew import ROOT, eventually, stored

pytestmark = pytest.mark.timeout(60)
CALLERS = 8

ENQUEUE_FOR_EVER = """
import asyncio, itertools, sys
from abaca import App
from tests.integration import shop

async def main(url):
    app = App(url)
    square = app.task(shop.square)

    async def one_after_another():
        while True:
            job = await square.enqueue(3)
            print(job.id, flush=True)

    await asyncio.gather(*(one_after_another() for _ in range(int(sys.argv[2]))))

asyncio.run(main(sys.argv[1]))
"""


@pytest.mark.chaos
async def test_a_client_that_is_killed_loses_nothing_that_was_acknowledged(shared_url: str) -> None:
    async with App(shared_url) as app:
        square = app.task(shop.square)
        # Given a client that says which jobs it was told are stored
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", ENQUEUE_FOR_EVER, shared_url, str(CALLERS)),
            stdout=asyncio.subprocess.PIPE,
            cwd=ROOT,
        )
        assert process.stdout is not None
        told = [(await process.stdout.readline()).decode().strip() for _ in range(500)]
        # When it is killed in the middle
        process.kill()
        told += [line for line in (await process.stdout.read()).decode().split("\n")[:-1] if line]
        await process.wait()
        # Then every one of them is there, and what it was not told of is whole or not there at all
        jobs = [square.job(id) for id in told]
        assert {job.spec.args for job in await stored(app, jobs)} == {b'{"n":3}'}
        async with app.worker(concurrency=100):
            assert await asyncio.gather(*(job.result(timeout=40) for job in jobs)) == [9] * len(told)

            async def nothing_left() -> bool | None:
                stats = await app.stats()
                return True if (stats.queues, stats.running) == ([], 0) else None

            await eventually(nothing_left)
        # And of each of its eight callers at most the last job is there untold, whole like the others and run once
        found = await everything(app)
        assert len({job.id for job in found}) == len(found)
        assert set(told) <= {job.id for job in found}
        assert len(found) <= len(told) + CALLERS + 1  # and one line may be cut off
        assert {(job.spec.args, job.status, job.attempts, job.result) for job in found} == {
            (b'{"n":3}', Status.COMPLETED, 1, b"9")
        }


async def everything(app: App) -> list[Job]:
    found: list[Job] = []
    query = Query(limit=500)
    while True:
        page = await app.find(query)
        found += page.jobs
        if page.cursor is None:
            return found
        query = Query(limit=500, cursor=page.cursor)


async def test_an_enqueue_whose_reply_was_lost_is_repeated_and_stored_once() -> None:
    store = FailingBackend(MemoryBackend())
    async with App(backend=store) as app:
        square = app.task(shop.square)
        # Given a store that takes the job and loses its reply, twice
        store.lose("reply", "insert", 2)
        # When a job is enqueued
        job = await square.enqueue(3)
        # Then there is one, and its handle is good
        assert [found.id for found in (await store.find(Query())).jobs] == [job.id]


async def test_replies_that_are_lost_anywhere_cost_time_and_nothing_else() -> None:
    store = FailingBackend(MemoryBackend())
    async with App(backend=store, poll_interval=0.2) as app:
        square = app.task(shop.square)
        async with app.worker(concurrency=20, lease=1, beat=0.2):
            # Given a store whose answers are lost now and then, claims and settles, beats and reads
            for verb in ("insert", "exchange", "beat", "get", "watch", "reclaim"):
                store.lose("reply", verb, 3)
            # When jobs are enqueued, run and waited for
            jobs = await app.enqueue_many(square.call(n) for n in range(300))
            values = await asyncio.gather(*(job.result(timeout=40) for job in jobs))
        # Then all results are right, and each job ended once
        assert values == [n * n for n in range(300)]
        assert store.pending <= 3
        assert {job.attempts for job in await stored(app, jobs)} == {1}
        assert (await store.stats()).totals["completed"] == 300
