"""SIGTERM, and a second one, at random points of a worker's life. ``ABACA_TEST_STOPS`` asks for more of them."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time

import pytest

from abaca.model import Job, State
from tests.chaos.ground import YARD, Yard
from tests.integration.crew import WorkerProcess, crew

STOPS = int(os.environ.get("ABACA_TEST_STOPS", "6"))
pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(120 + 6 * STOPS)]
FLAGS = {"lease": "8s", "beat": "500ms", "grace": "500ms", "drain": "400ms", "concurrency": "10"}
SLACK = 10.0


async def feed(ground: Yard, over: asyncio.Event, rng: random.Random, ids: list[str]) -> None:
    """Jobs short and long, in the runner and in processes, faster than one worker ends them."""
    while not over.is_set():
        ids.append((await ground.enqueue("nap", len(ids), rng.choice((1, 20, 200, 800)))).id)
        if len(ids) % 20 == 0:
            ids.append((await ground.enqueue("nap_apart", len(ids), rng.choice((1, 200, 600)))).id)
        await asyncio.sleep(0.03)  # sleeps: a steady stream, so that every stop meets claims and settles


async def records(ground: Yard, ids: list[str]) -> list[Job]:
    return [job for job in await (await ground.app.backend()).get(ids) if job is not None]


async def test_a_worker_told_to_stop_at_any_moment_loses_and_charges_nothing(ground: Yard, shared_url: str) -> None:
    # Given: a steady stream of jobs
    rng = random.Random(int(os.environ.get("ABACA_TEST_SEED", "5")))
    over, ids = asyncio.Event(), list[str]()
    feeding = asyncio.create_task(feed(ground, over, rng, ids))
    cut_short = 0

    # When: workers start and are told to stop, again and again, every other time twice
    for number in range(STOPS):
        worker = WorkerProcess(shared_url, YARD, **FLAGS)
        try:
            if rng.random() < 0.8:
                await asyncio.to_thread(worker.wait_says, "worker started")
            await asyncio.sleep(rng.uniform(0, 0.8))  # sleeps: the random point
            twice = number % 2 == 1
            began = time.monotonic()
            worker.signal(signal.SIGTERM)
            if twice:
                await asyncio.sleep(rng.uniform(0, 0.3))  # sleeps: the random point
                if worker.is_running:
                    worker.signal(signal.SIGTERM)
            status = await asyncio.to_thread(worker.wait)
            took = time.monotonic() - began
        finally:
            worker.kill()
        # Then: it ended well and in time
        started = "worker started" in worker.log
        assert not started or status == 0, worker.log
        assert took < 0.4 + 0.5 + 0.5 + SLACK
        # And: nothing of it is still running, unless the second signal cut off a claim, which costs a lease
        held = [job for job in await records(ground, ids) if job.state is State.RUNNING]
        assert twice or not held, (worker.log, held)
        cut_short += len(held)
    over.set()
    await feeding
    with crew(shared_url, 1, YARD, **{**FLAGS, "concurrency": "50", "process-slots": "4"}):
        jobs = [await ground.ended(ground.app.job(id)) for id in ids]

    # Then: every job came to its end at its first attempt; a loss is only what a cut-off claim left
    assert len(jobs) > STOPS
    assert {(job.state, job.attempts) for job in jobs} == {(State.COMPLETED, 1)}
    assert sum(job.losses for job in jobs) <= cut_short
    print(f"stops={STOPS} jobs={len(jobs)} cut_short={cut_short}")  # noqa: T201
