"""Redis restarted in mid-run, under real worker processes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from abaca import App, JobNotFound
from tests.conftest import MakeRedis
from tests.integration import shop
from tests.integration.crew import WorkerProcess, crew, stored, touch
from tests.servers import RedisServer

pytestmark = [pytest.mark.redis, pytest.mark.chaos, pytest.mark.timeout(120)]
JOBS = 2000
AWAY = ("store unavailable, trying again", "leases are not renewed")
BACK = ("store is back", "leases are renewed again")
"""The loop's words and the heart's: whichever calls first says it."""


def go_and_come_back(server: RedisServer, workers: list[WorkerProcess], *, outright: bool) -> None:
    """A call of each worker fails while the server is away, so each has to say that it is back.

    First all must be well: what fails anew in the middle of an earlier failure is not said again.
    """
    for worker in workers:
        for away_words, back_words in zip(AWAY, BACK, strict=True):
            worker.wait_says(back_words, times=worker.said(away_words))
    heard = [(worker, worker.said(*AWAY), worker.said(*BACK)) for worker in workers]
    server.kill() if outright else server.stop()
    for worker, away, _ in heard:
        worker.wait_says(*AWAY, times=away + 1)
    server.start()
    for worker, _, back in heard:
        worker.wait_says(*BACK, times=back + 1)


@pytest.mark.parametrize(
    ("fsync", "outright"),
    [
        pytest.param("everysec", False, id="everysec-terminated"),
        pytest.param("always", True, id="always-killed"),
    ],
)
async def test_workers_carry_on_by_themselves_after_a_restart(
    make_redis: MakeRedis, fsync: str, outright: bool
) -> None:
    server = make_redis(appendonly=True, appendfsync=fsync)
    async with App(server.url) as app:
        square = app.task(shop.square)
        with crew(server.url, 2, concurrency="20") as workers:
            # Given two worker processes in the middle of two thousand jobs, and somebody who waits for all
            jobs = await app.enqueue_many(square.call(n, ms=n % 20) for n in range(JOBS))
            waits = [asyncio.create_task(job.result(timeout=40)) for job in jobs]
            await asyncio.gather(*waits[: JOBS // 4])
            # When the server goes until both workers have missed it, and comes back, twice, with work in between
            for half in (2, 4):
                await asyncio.to_thread(go_and_come_back, server, workers, outright=outright)
                await asyncio.gather(*waits[: JOBS - JOBS // half])
            # Then every wait gets the right result
            assert await asyncio.gather(*waits) == [n * n for n in range(JOBS)]
            # And every job ended once, uncharged for what happened
            totals = (await (await app.backend()).stats()).totals
            assert (totals["completed"], sum(totals.values())) == (JOBS, JOBS)
            assert {job.attempts for job in await stored(app, jobs)} == {1}
            # And the store agrees with its records
            assert await (await app.backend()).audit() == []
            # And the same processes did it, who end cleanly when they are told to
            assert all(worker.is_running for worker in workers)
            assert not any("runner died" in worker.log for worker in workers)
            assert [worker.stop() for worker in workers] == [0, 0]


async def test_a_restart_without_persistence_loses_the_jobs_and_says_so(make_redis: MakeRedis, tmp_path: Path) -> None:
    server = make_redis()
    started, go_on = str(tmp_path / "started"), str(tmp_path / "go-on")
    async with App(server.url) as app:
        square, patient = app.task(shop.square), app.task(shop.patient)
        with crew(server.url, 1) as (worker,):
            # Given a server that keeps nothing, a job that runs, one that waits, and somebody who waits for them
            assert "nothing survives the end of the server" in worker.log
            jobs = [await patient.enqueue(started, go_on), await square.opts(delay=60).enqueue(2)]
            waits = [asyncio.create_task(job.result(timeout=30)) for job in jobs]
            async for update in jobs[0].updates():
                if update.value == "running":
                    break
            # When it is restarted
            server.restart()
            # Then the waiters are told that there is no such job
            for wait in waits:
                with pytest.raises(JobNotFound, match="it was never stored, or it was deleted"):
                    await wait
            # And the worker drops what it ran, and goes on with new jobs
            touch(go_on)
            assert await (await square.enqueue(3)).result(timeout=30) == 9
            assert worker.stop() == 0
