"""How long things take, measured and printed; the bounds leave a busy machine several times the time it needs."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from abaca import App
from abaca.model import State
from tests.chaos import pills
from tests.chaos.ground import Yard
from tests.integration.crew import crew
from tests.worker.handlers import lines

pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(120)]
PILLS = "tests.chaos.pills:app"
JOBS = 40
SLACK = 8.0
"""Seconds that a busy machine may add to any of these times."""


@pytest.fixture
async def ground(shared_url: str, tmp_path: Path) -> AsyncIterator[Yard]:
    async with App(shared_url) as app:
        yield Yard(app, tmp_path, pills.app)


def say(what: str, times: list[float]) -> None:
    ordered = sorted(times)
    p99 = ordered[min(len(ordered) - 1, round(len(ordered) * 0.99))]
    print(f"{what}: p50={ordered[len(ordered) // 2]:.2f} s p99={p99:.2f} s")  # noqa: T201


async def recovery(ground: Yard, url: str, lease: float, beat: float) -> list[float]:
    """For each job of a killed worker, the seconds until it runs again."""
    flags = {"lease": f"{lease}s", "beat": f"{beat}s", "concurrency": str(JOBS)}
    with crew(url, 1, PILLS, **flags) as (victim,):
        jobs = [await ground.enqueue("innocent_at", str(ground.go_on), n) for n in range(JOBS)]
        await ground.marked(JOBS)
        with crew(url, 1, PILLS, **flags):
            killed = time.monotonic()
            victim.kill()
            marks = (await ground.marked(2 * JOBS, patience=lease + 30))[JOBS:]
            ground.go_on.touch()
            ended = [await ground.ended(job) for job in jobs]
    assert {(job.state, job.attempts) for job in ended} == {(State.COMPLETED, 1)}
    # A machine that stands still for a second costs the second worker a lease of one.
    assert {job.losses for job in ended} <= ({1} if lease > 2 else {1, 2})
    return [float(mark) - killed for mark in marks]


@pytest.mark.redis
async def test_jobs_of_a_dead_worker_run_again_within_two_seconds_of_a_lease_of_fifteen(
    redis_url: str, tmp_path: Path
) -> None:
    # Given / When: a worker with the default lease is killed with forty jobs at work
    async with App(redis_url) as app:
        times = await recovery(Yard(app, tmp_path, pills.app), redis_url, lease=15, beat=5)
    say("lease 15 s, redis, run again after", times)

    # Then: another one runs them in time
    assert max(times) < 15 + 2 + SLACK


async def test_jobs_of_a_dead_worker_run_again_within_two_seconds_with_a_lease_of_one(
    ground: Yard, shared_url: str
) -> None:
    # Given / When: the same with the shortest sensible lease
    times = await recovery(ground, shared_url, lease=1, beat=0.3)
    say(f"lease 1 s, {shared_url.split(':')[0]}, run again after", times)

    # Then: the reapers look often enough for it
    assert max(times) < 2 + SLACK


async def test_a_cancel_arrives_within_a_beat_and_stops_the_stubborn_within_the_grace_time(
    ground: Yard, shared_url: str
) -> None:
    # Given: a worker that beats every second and gives a grace of one, a run that listens, and two that do not
    beat, grace = 1.0, 1.0
    with crew(shared_url, 1, PILLS, lease="10s", beat=f"{beat}s", grace=f"{grace}s"):
        listens = await ground.enqueue("tell_when_told", str(ground.go_on))
        await ground.marked(1)
        apart = await ground.enqueue_plain("deaf_apart", f"{ground.marks}.apart")
        inside = await ground.enqueue_plain("deaf_inside", f"{ground.marks}.inside")
        for name in ("apart", "inside"):
            await ground.file_comes(f"{ground.marks}.{name}")

        # When: the first is cancelled, and then each of the others
        asked = time.monotonic()
        await listens.cancel()
        assert (await ground.ended(listens)).state is State.CANCELLED
        heard = float(lines(ground.marks)[-1].split(":")[1]) - asked
        stopped = []
        for job in (apart, inside):
            asked = time.monotonic()
            await job.cancel()
            assert (await ground.ended(job)).state is State.CANCELLED
            stopped.append(time.monotonic() - asked)

    # Then: the order came with a beat, and the deaf were gone a grace time after it
    say(f"cancel heard, {shared_url.split(':')[0]}, beat {beat} s, after", [heard])
    say(f"deaf process and deaf thread gone, beat {beat} s and grace {grace} s, after", stopped)
    assert heard < beat + SLACK
    assert max(stopped) < beat + grace + 0.5 + SLACK
