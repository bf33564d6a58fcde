"""Steps and streams under ``kill -9`` and under a worker that stands still past its lease."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Iterator
from pathlib import Path

import pytest

from abaca import App, Kind, Update
from abaca.model import State
from tests.chaos import durable
from tests.chaos.ground import Yard
from tests.integration.crew import WorkerProcess, crew
from tests.worker.handlers import lines

pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(180)]
DURABLE = "tests.chaos.durable:app"
FLAGS = {"lease": "1s", "beat": "250ms", "concurrency": "10"}
KILLS = 5


@pytest.fixture
async def ground(shared_url: str, tmp_path: Path) -> AsyncIterator[Yard]:
    async with App(shared_url) as app:
        yield Yard(app, tmp_path, durable.app)


@pytest.fixture
def paused() -> Iterator[list[int]]:
    """Processes that the test stopped; whatever happens they are let go."""
    pids: list[int] = []
    yield pids
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


async def kill_again_and_again(ground: Yard, url: str, workers: list[WorkerProcess], over: asyncio.Event) -> None:
    """Each time the job has gone on a little, kill the worker that runs it, or only the process of the handler."""
    rng = random.Random(11)
    seen = 0
    for turn in range(KILLS):
        await either(ground.marked(seen + 1), over.wait())
        await asyncio.sleep(rng.uniform(0.05, 0.3))  # sleeps: the random point
        if over.is_set():
            return
        said = lines(ground.marks)
        seen = len(said)
        pid = int(said[-1].rpartition(":")[2])
        victims = [worker for worker in workers if worker.pid in ancestors(pid)]
        if turn % 2 or not victims:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        else:
            victims[0].kill()
            workers.remove(victims[0])
            fresh = WorkerProcess(url, DURABLE, **FLAGS)
            workers.append(fresh)
            await asyncio.to_thread(fresh.wait_says, "worker started")


async def either(*waits: Awaitable[object]) -> None:
    """Until the first of them is over; the job may end before it is begun again."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        for done in (await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED))[0]:
            done.result()
    finally:
        for task in tasks:
            task.cancel()


def ancestors(pid: int) -> set[int]:
    found: set[int] = set()
    while pid > 1:
        found.add(pid)
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            break
    return found


async def logged(ground: Yard, id: str, kind: Kind) -> list[Update]:
    """All entries of a kind in a job's log."""
    backend = await ground.app.backend()
    found: list[Update] = []
    after = 0
    while entries := (await backend.updates(id, after, 500)).entries:
        found += [entry for entry in entries if entry.kind is kind]
        after = entries[-1].id
    return found


@pytest.mark.parametrize("name", ["steps", "steps_in_thread", "steps_in_process"])
async def test_a_killed_run_repeats_at_most_the_step_that_it_was_in(ground: Yard, shared_url: str, name: str) -> None:
    # Given a job of forty steps, and two workers that are killed again and again while it runs
    count = 40
    over = asyncio.Event()
    with crew(shared_url, 2, DURABLE, **FLAGS) as workers:
        job = await ground.enqueue(name, count)
        killing = asyncio.create_task(kill_again_and_again(ground, shared_url, workers, over))

        # When it has ended
        ended = await ground.ended(job)
        over.set()
        await killing

    # Then each step had its effect, and was stored once
    effects = Counter(int(mark.partition(":")[0]) for mark in lines(ground.marks))
    stored = [entry.value["name"] for entry in await logged(ground, job.id, Kind.STEP)]
    assert ended.state is State.COMPLETED
    assert await job.result() == [str(n) for n in range(count)]
    assert stored == [f"step[{n}]" for n in range(count)]
    assert set(effects) == set(range(count))
    # And each run that was lost repeated one effect at most
    assert sum(effects.values()) - count <= ended.epoch - 1
    assert ended.epoch > 1, "no kill met the job"


@pytest.mark.parametrize("name", ["stream", "stream_in_process"])
async def test_a_reader_has_each_item_once_whatever_is_killed(ground: Yard, shared_url: str, name: str) -> None:
    # Given a stream of a thousand items, one reader from the start and one that comes back again and again
    count = 800
    over = asyncio.Event()
    with crew(shared_url, 2, DURABLE, **FLAGS) as workers:
        job = await ground.enqueue(name, count)
        killing = asyncio.create_task(kill_again_and_again(ground, shared_url, workers, over))

        async def read_all() -> list[int]:
            return [n async for n in job.items()]

        async def read_in_parts() -> list[int]:
            seen: list[int] = []
            while len(seen) < count:
                async for n in job.items(after=len(seen)):
                    seen.append(n)
                    if len(seen) % 90 == 0:
                        break
            return seen

        # When it has ended
        whole, parts = await asyncio.gather(read_all(), read_in_parts())
        ended = await ground.ended(job)
        over.set()
        await killing

    # Then both readers had each item once and in order, and so has the log
    assert whole == parts == list(range(count))
    assert [entry.value["offset"] for entry in await logged(ground, job.id, Kind.ITEM)] == list(range(count))
    assert (ended.state, ended.result) == (State.COMPLETED, str(count).encode())
    # And no run began again from the start of what was there
    starts = [int(mark.partition(":")[0]) for mark in lines(ground.marks)]
    assert starts == sorted(starts)
    assert ended.epoch > 1, "no kill met the job"


async def test_a_run_that_stood_still_past_its_lease_stores_no_step(
    ground: Yard, shared_url: str, paused: list[int]
) -> None:
    with crew(shared_url, 1, DURABLE, **FLAGS) as (frozen,):
        # Given a run in the middle of a step, whose processes are stopped, all of them
        job = await ground.enqueue("step_held", str(ground.go_on))
        (mark,) = await ground.marked(1)
        paused += [frozen.pid, int(mark.partition(":")[2])]
        for pid in paused:
            os.kill(pid, signal.SIGSTOP)
        with crew(shared_url, 1, DURABLE, lease="20s", beat="1s") as (other,):
            # When another worker has run the job to its end, and the first goes on
            await ground.marked(2)
            ground.go_on.touch()
            ended = await ground.ended(job)
            for pid in paused:
                os.kill(pid, signal.SIGCONT)
            again = await ground.enqueue("step_held", str(ground.go_on))
            await ground.ended(again)
            assert other.stop() == 0
        assert frozen.stop() == 0

    # Then the steps are those of the newer run, and the stale one did not go on to its next
    steps = {entry.value["name"]: entry.value["value"] for entry in await logged(ground, job.id, Kind.STEP)}
    assert steps["held"] != str(paused[1])
    assert len(await logged(ground, job.id, Kind.STEP)) == 2
    effects = [mark for mark in lines(ground.marks) if mark.startswith(f"after-{job.id}-")]
    assert len(effects) == 1
    assert not effects[0].startswith(f"after-{job.id}-1:")
    after = await ground.record(job)
    assert (after.epoch, after.ended_at) == (ended.epoch, ended.ended_at)
