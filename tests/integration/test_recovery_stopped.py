"""A worker that stands still past its lease and goes on later, beside one that took over."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from abaca import App, Status
from tests.integration import shop
from tests.integration.crew import crew, lines, stored, touch

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(60)]


@pytest.fixture
def paused() -> Iterator[list[int]]:
    """Processes that the test stopped; whatever happens they are let go."""
    pids: list[int] = []
    yield pids
    for pid in pids:
        try:
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            pass


async def test_a_worker_that_was_stopped_past_its_lease_changes_nothing(
    shared_url: str, tmp_path: Path, paused: list[int]
) -> None:
    started, go_on = tmp_path / "started", tmp_path / "go-on"
    async with App(shared_url) as app:
        patient = app.task(shop.patient)
        with crew(shared_url, 1, lease="1s", beat="300ms") as (frozen,):
            # Given a job that runs in a worker, whose processes are stopped, all of them
            job = await patient.enqueue(str(started), str(go_on))
            (runner,) = await lines(started, 1)
            paused += [frozen.pid, int(runner)]
            for pid in paused:
                os.kill(pid, signal.SIGSTOP)
            with crew(shared_url, 1, lease="20s", beat="1s") as (other,):
                # When another worker has taken the job over and ended it, and the first goes on
                await lines(started, 2)
                touch(go_on)
                assert await job.result(timeout=30) == "done"
                ended = (await stored(app, [job]))[0]
                for pid in paused:
                    os.kill(pid, signal.SIGCONT)
                # Then that one can work again, and what it had to say of the job is not heard
                assert other.stop() == 0
            assert await patient.opts(wait=30).run(str(started), str(go_on)) == "done"
            assert frozen.stop() == 0
        after = (await stored(app, [job]))[0]
        assert (after.status, after.attempts) == (Status.COMPLETED, 1)
        assert after.losses in (1, 2)  # twice where it was handed to the claim that the stopped worker had left open
        assert (after.epoch, after.ended_at, after.worker) == (ended.epoch, ended.ended_at, ended.worker)
