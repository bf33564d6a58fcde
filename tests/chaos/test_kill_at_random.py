"""``kill -9`` at random points: every job comes back within lease + 2 s and ends once."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import signal
import time
from collections import defaultdict

import pytest

from abaca.model import State
from tests.chaos.ground import YARD, Yard
from tests.integration.crew import WorkerProcess, crew
from tests.worker.handlers import lines

pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(180)]
LEASE = 1.0
KILLS = int(os.environ.get("ABACA_TEST_KILLS", "6"))
FLAGS = {"lease": "1s", "beat": "250ms", "concurrency": "20"}
SLACK = 8.0
"""Seconds that a busy machine may add."""


async def feed(ground: Yard, wanted: asyncio.Event, over: asyncio.Event, rng: random.Random) -> list[str]:
    """Enqueue a few short jobs again and again while they are wanted, so that every kill meets some in mid-run."""
    ids: list[str] = []
    while not over.is_set():
        await wanted.wait()
        for _ in range(6):
            job = await ground.enqueue("nap", len(ids), rng.randrange(5, 120))
            ids.append(job.id)
        await asyncio.sleep(0.03)  # sleeps: a steady stream, not all at once
    return ids


def recoveries(marks: list[str], kills: list[float]) -> list[float]:
    """For each run that was lost, the seconds from the kill to its next begin, by the machine's monotonic clock."""
    begins: dict[str, list[float]] = defaultdict(list)
    for mark in marks:
        what, n, at, _ = mark.split(":")
        if what == "begin":
            begins[n].append(float(at))
    found = []
    for times in begins.values():
        for first, second in itertools.pairwise(times):
            killed = next((kill for kill in kills if kill >= first), None)
            if killed is not None and killed < second:
                found.append(second - killed)
    return sorted(found)


async def test_every_job_comes_back_in_time_and_ends_once(ground: Yard, shared_url: str) -> None:
    # Given: three workers with leases of a second, and a steady stream of short jobs
    seed = int(os.environ.get("ABACA_TEST_SEED", "7"))
    rng = random.Random(seed)
    wanted, over = asyncio.Event(), asyncio.Event()
    kills: list[float] = []
    with crew(shared_url, 3, YARD, **FLAGS) as workers:
        feeding = asyncio.create_task(feed(ground, wanted, over, rng))

        # When: again and again one of them is killed, sometimes the whole of it, sometimes only its runner
        for _ in range(KILLS):
            wanted.set()
            await asyncio.sleep(rng.uniform(0.2, 0.8))  # sleeps: the random point
            victim = rng.choice(workers)
            running = {int(mark.split(":")[3]) for mark in lines(ground.marks)[-20:]}
            children = runners_of(victim.pid) & running
            kills.append(time.monotonic())
            if children and rng.random() < 0.4:
                os.kill(children.pop(), signal.SIGKILL)
            else:
                victim.kill()
                workers.remove(victim)
                fresh = WorkerProcess(shared_url, YARD, **FLAGS)
                workers.append(fresh)
                wanted.clear()  # on a busy machine a worker takes long to start, and would find the more to do
                await asyncio.to_thread(fresh.wait_says, "worker started")
        over.set()
        wanted.set()
        ids = await feeding
        jobs = [await ground.ended(ground.app.job(id)) for id in ids]
        await asyncio.sleep(0)
        final = [await ground.record(ground.app.job(id)) for id in ids]

    # Then: every job completed with its own result, and its record never changed after its end
    assert {job.state for job in jobs} == {State.COMPLETED}
    assert [job.result for job in jobs] == [str(n).encode() for n in range(len(ids))]
    assert [job.revision for job in final] == [job.revision for job in jobs]
    # And: a run was charged or counted as lost for each claim that did not end the job
    assert all(job.attempts + job.losses <= job.epoch for job in jobs)
    # And: those that were hit came back in time
    times = recoveries(lines(ground.marks), kills)
    assert times, "no kill met a job in mid-run"
    p99 = times[min(len(times) - 1, round(len(times) * 0.99))]
    print(f"{seed=} jobs={len(ids)} lost_runs={len(times)} p50={times[len(times) // 2]:.2f}s {p99=:.2f}s")  # noqa: T201
    assert p99 <= LEASE + 2.0 + SLACK


def runners_of(pid: int) -> set[int]:
    found = set()
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children") as children:
            found |= {int(child) for child in children.read().split()}
    return found
