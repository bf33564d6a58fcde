"""Handlers that will not stop, under ``abaca worker``: what a supervisor is for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from abaca import App, JobCancelled, JobFailed, JobHandle, Status
from tests.integration import shop
from tests.integration.crew import WorkerProcess, crew, stored

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(60)]


@pytest.fixture
async def app(sqlite_url: str) -> AsyncIterator[App]:
    async with App(sqlite_url) as app:
        yield app


@pytest.fixture
def worker(app: App, sqlite_url: str) -> Any:
    with crew(sqlite_url, 1, concurrency="20", lease="3s") as workers:
        yield workers[0]


async def innocent(app: App) -> JobHandle[int]:
    """A job that is in the same process, and would be done long after that process is gone."""
    job = await app.task(shop.square).enqueue(3, ms=4000)
    async for update in job.updates():
        if update.value == "running":
            break
    return job


async def unharmed(app: App, job: JobHandle[int], worker: WorkerProcess) -> None:
    """The other job completed without a charge, and the worker is there for the next one."""
    assert await job.result(timeout=40) == 9
    assert (await stored(app, [job]))[0].attempts == 1
    assert worker.is_running
    assert await app.task(name="cube")(shop.cube).opts(wait=30).run(2) == 8


async def test_a_handler_that_holds_the_interpreters_lock_ends_at_its_timeout(
    app: App, worker: WorkerProcess, tmp_path: Path
) -> None:
    # Given a handler that nothing in its process can interrupt, and a job beside it
    other = await innocent(app)
    hold = app.task(retry=shop.ONCE)(shop.hold_lock)
    # When its time is over, then it has failed with that reason, long before it would have ended
    job = await hold.opts(timeout="500ms").enqueue(str(tmp_path / "started"), 50)
    with pytest.raises(JobFailed, match=r"JobTimeout: the run was stopped after its timeout of 0\.5 s"):
        await job.result(timeout=15)
    await unharmed(app, other, worker)


@pytest.mark.parametrize("name", ["deaf_thread", "deaf_coroutine"])
async def test_a_handler_that_ignores_a_cancel_is_ended_with_its_process(
    app: App, worker: WorkerProcess, tmp_path: Path, name: str
) -> None:
    # Given a handler that does not care, running, and a job beside it
    other = await innocent(app)
    deaf = app.task(retry=shop.ONCE)(getattr(shop, name))
    job = await deaf.enqueue(str(tmp_path / "started"), 50)
    async for update in job.updates():
        if update.value == "running":
            break
    # When it is cancelled, then it ends so
    assert await job.cancel() is True
    with pytest.raises(JobCancelled):
        await job.result(timeout=15)
    await unharmed(app, other, worker)


async def test_a_handler_that_ends_its_process_is_charged_and_nobody_else(app: App, worker: WorkerProcess) -> None:
    other = await innocent(app)
    job = await app.task(retry=shop.THREE_TIMES)(shop.leave).enqueue()
    with pytest.raises(JobFailed, match=r"abaca\.WorkerCrashed: the process that ran it exited with status 0"):
        await job.result(timeout=40)
    ended = (await stored(app, [job]))[0]
    assert (ended.status, ended.attempts) == (Status.FAILED, 3)
    await unharmed(app, other, worker)
