"""Worker processes whose store is not there yet, or never comes."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from abaca import App
from abaca.model import State
from tests.chaos.ground import YARD, Yard
from tests.conftest import MakeRedis
from tests.integration.crew import WorkerProcess

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(60)]


async def test_a_worker_waits_for_a_store_that_comes_later(make_redis: MakeRedis, tmp_path: Path) -> None:
    # Given: a worker that is started before its store
    server = make_redis()
    server.stop()
    worker = WorkerProcess(server.url, YARD)
    try:
        worker.wait_says("store unavailable at start")

        # When: the store comes
        server.start()
        worker.wait_says("worker started")
        async with App(server.url) as app:
            ground = Yard(app, tmp_path)
            job = await ground.ended(await ground.enqueue("nap", 1, 1))

        # Then: it works
        assert job.state is State.COMPLETED
        assert worker.stop() == 0
    finally:
        worker.kill()


def test_a_worker_that_waits_for_its_store_ends_when_told(make_redis: MakeRedis) -> None:
    # Given: a worker that waits for its store
    server = make_redis()
    server.stop()
    worker = WorkerProcess(server.url, YARD)
    try:
        worker.wait_says("store unavailable at start")

        # When: it is told to end / Then: it does, without the store
        worker.signal(signal.SIGTERM)
        worker.wait()
    finally:
        worker.kill()


def test_a_worker_gives_up_on_a_store_that_never_comes(make_redis: MakeRedis) -> None:
    # Given: a worker with a second's patience
    server = make_redis()
    server.stop()
    worker = WorkerProcess(server.url, YARD, give_up_after="1s")
    try:
        # When: that is over
        status = worker.wait()
    finally:
        worker.kill()

    # Then: it ends with an error and says why
    assert status != 0
    assert "cannot work" in worker.log


async def test_a_worker_gives_up_on_a_store_that_stays_away(make_redis: MakeRedis, tmp_path: Path) -> None:
    # Given: a worker at work, with a second's patience
    server = make_redis()
    worker = WorkerProcess(server.url, YARD, give_up_after="1s")
    try:
        worker.wait_says("worker started")
        async with App(server.url) as app:
            ground = Yard(app, tmp_path)
            await ground.ended(await ground.enqueue("nap", 1, 1))

        # When: its store goes and does not come back
        server.kill()
        status = worker.wait()
    finally:
        worker.kill()

    # Then: it said that it tried, ended with an error, and says why
    assert status != 0
    assert "trying again" in worker.log
    assert "no answer from the store for" in worker.log


async def test_a_run_that_ended_while_the_store_was_away_does_not_time_out(
    make_redis: MakeRedis, tmp_path: Path
) -> None:
    # Given: a run with a short timeout, and a store that goes away while it is at work
    server = make_redis(appendonly=True, appendfsync="always")
    worker = WorkerProcess(server.url, YARD, lease="60s", grace="200ms")
    try:
        worker.wait_says("worker started")
        async with App(server.url) as app:
            ground = Yard(app, tmp_path)
            job = await ground.hold(timeout_ms=1500)
            await ground.marked(1)
            server.kill()

            # When: it ends in time, and its outcome waits for the store for much longer than its timeout
            ground.go_on.touch()
            await asyncio.sleep(4)  # sleeps: its timeout and the grace time have to pass, and nothing tells of it
            server.start()
            record = await ground.ended(job)

        # Then: its own outcome counts
        assert (record.state, record.attempts, record.losses, record.epoch) == (State.COMPLETED, 1, 0, 1)
        assert worker.stop() == 0
    finally:
        worker.kill()
