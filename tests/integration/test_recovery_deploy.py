"""Deploys and poison, under real worker processes."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from abaca import App, JobFailed, Status, Update
from tests.integration import shop
from tests.integration.crew import crew, lines, stored, touch

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(90)]
NEXT = "tests.integration.shop:next_app"


async def test_a_deploy_loses_nothing_and_charges_nothing(shared_url: str, tmp_path: Path) -> None:
    """The new task is enqueued before any worker knows it; long jobs run when the old worker is told to stop."""
    started, go_on = str(tmp_path / "started"), str(tmp_path / "go-on")
    async with App(shared_url) as app:
        square, patient, discount = app.task(shop.square), app.task(shop.patient), app.task(shop.discount)
        with crew(shared_url, 1, concurrency="20", drain="200ms") as (old,):
            # Given an old worker with short jobs, two that will not end in its time, and jobs of the next version
            long_ones = [await patient.enqueue(started, go_on) for _ in range(2)]
            new_ones = [await discount.enqueue(n) for n in range(10)]
            short_ones = await app.enqueue_many(square.call(n, ms=5) for n in range(400))
            waits = [asyncio.create_task(job.result(timeout=60)) for job in (*short_ones, *new_ones, *long_ones)]
            await asyncio.gather(*waits[:50])
            await asyncio.gather(*(until_told(job.updates(), "running") for job in long_ones))
            given_back = await stored(app, new_ones)
            assert {(job.attempts, job.losses, job.error) for job in given_back} == {(0, 0, None)}
            assert all(job.epoch > 0 for job in given_back)
            # When the next version starts and the old one is told to stop
            with crew(shared_url, 1, NEXT, concurrency="20") as (new,):
                assert old.stop() == 0
                touch(go_on)
                # Then every job ends well, those the old one gave back among them
                results = await asyncio.gather(*waits)
                assert results == [
                    *(n * n for n in range(400)),
                    *(100 - n for n in range(10)),
                    *("done" for _ in long_ones),
                ]
                # And nobody was charged for the deploy
                for job in await stored(app, [*short_ones, *new_ones, *long_ones]):
                    assert (job.attempts, job.losses) == (1, 0), job
                assert new.stop() == 0
    assert len(await lines(Path(started), 4)) == 4


async def test_a_second_signal_ends_a_worker_now_and_charges_nothing(shared_url: str, tmp_path: Path) -> None:
    started, go_on = str(tmp_path / "started"), str(tmp_path / "go-on")
    async with App(shared_url) as app:
        patient = app.task(shop.patient)
        with crew(shared_url, 1, drain="60s") as (worker,):
            # Given a worker that drains and would do so for a minute
            job = await patient.enqueue(started, go_on)
            await lines(Path(started), 1)
            worker.signal(signal.SIGTERM)
            worker.wait_says("draining")
            # When it is told again, then it ends
            assert worker.stop() == 0
            # And the job is back in line
            stands = (await stored(app, [job]))[0]
            assert (stands.status, stands.attempts, stands.losses) == (Status.QUEUED, 0, 0), stands


async def test_a_poison_job_convicts_itself_and_nobody_else(shared_url: str) -> None:
    async with App(shared_url) as app:
        square, cube = app.task(shop.square), app.task(shop.cube)
        pill = app.task(retry=shop.THREE_TIMES)(shop.pill)
        with crew(shared_url, 1, concurrency="60") as (worker,):
            # Given fifty jobs that run, in one process, when another one kills that process
            innocents = [await square.enqueue(n, ms=400) for n in range(25)]
            innocents += [await cube.enqueue(n, ms=400) for n in range(25)]
            poison = await pill.enqueue()
            # When everything has ended
            results = await asyncio.gather(*(job.result(timeout=60) for job in innocents))
            with pytest.raises(JobFailed, match=r"abaca\.WorkerCrashed: the process that ran it was killed by SIGKILL"):
                await poison.result(timeout=60)
            # Then the others completed without a charge
            assert results == [*(n * n for n in range(25)), *(n**3 for n in range(25))]
            assert {job.attempts for job in await stored(app, innocents)} == {1}
            # And the poison had its attempts and not one more, though it took a runner with it before
            convicted = (await stored(app, [poison]))[0]
            assert (convicted.attempts, convicted.status) == (3, Status.FAILED)
            assert convicted.epoch <= 3 + 2
            # And the worker goes on
            assert worker.is_running
            assert await (await square.enqueue(12)).result(timeout=30) == 144


async def until_told(updates: AsyncIterator[Update], value: str) -> None:
    async for update in updates:
        if update.value == value:
            return
