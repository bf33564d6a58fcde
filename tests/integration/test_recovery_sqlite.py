"""Several workers and several clients on one SQLite file, each a process of its own."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from abaca import App
from tests.integration import shop
from tests.integration.crew import ROOT, WorkerProcess, crew, stored

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(90)]
JOBS = 400

CLIENT = """
import asyncio, sys
from abaca import App
from tests.integration import shop

async def main(url, first, count):
    async with App(url, poll_interval=30) as app:
        square = app.task(shop.square)
        values = await asyncio.gather(*(square.opts(wait=60).run(n, ms=n % 10) for n in range(first, first + count)))
        assert values == [n * n for n in range(first, first + count)]
        print("right", flush=True)

asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
"""


async def client(url: str, first: int) -> bytes:
    """Enqueues jobs and waits for their results, in a process of its own; what it says at the end."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", CLIENT, url, str(first), str(JOBS)), stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    said, _ = await process.communicate()
    return said


async def test_two_workers_and_two_clients_share_one_file(sqlite_url: str) -> None:
    with crew(sqlite_url, 2, concurrency="20") as workers:
        # When two client processes enqueue and wait at once, with a minute for a hint that is lost
        said = await asyncio.gather(client(sqlite_url, 0), client(sqlite_url, 1_000_000))
        # Then each got all its results
        assert list(said) == [b"right\n"] * 2
        async with App(sqlite_url) as app:
            stats = await (await app.backend()).stats()
            assert (stats.totals["completed"], sum(stats.totals.values())) == (2 * JOBS, 2 * JOBS)
        # And both workers took part, and end cleanly
        assert [worker.stop() for worker in workers] == [0, 0]


async def test_workers_carry_on_when_others_die_at_the_same_file(sqlite_url: str, tmp_path: Path) -> None:
    """A process that is killed in mid-write leaves a log and locks; the others must not trip over them."""
    async with App(sqlite_url) as app:
        square = app.task(shop.square)
        with crew(sqlite_url, 1, concurrency="20") as (survivor,):
            jobs = await app.enqueue_many(square.call(n, ms=5) for n in range(JOBS * 3))
            waits = [asyncio.create_task(job.result(timeout=60)) for job in jobs]
            # When one worker after another joins, and is killed while it works
            for share in (JOBS, JOBS * 2):
                with crew(sqlite_url, 1, concurrency="20") as (victim,):
                    await asyncio.gather(*waits[:share])
                    victim.kill()
            # Then the one that stays sees all to their end, each once, and none charged for what it could not help
            assert await asyncio.gather(*waits) == [n * n for n in range(JOBS * 3)]
            assert {job.attempts for job in await stored(app, jobs)} == {1}
            totals = (await (await app.backend()).stats()).totals
            assert (totals["completed"], sum(totals.values())) == (JOBS * 3, JOBS * 3)
            assert isinstance(survivor, WorkerProcess)
            assert survivor.stop() == 0
