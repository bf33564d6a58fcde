"""Stopping: what runs may finish, what cannot is given back uncharged and in its place."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

from abaca.backends.memory import MemoryBackend
from abaca.model import State
from abaca.testing import FailingBackend
from tests.worker import handlers
from tests.worker.harness import Stage, file_comes, is_gone, soon


async def test_running_jobs_finish_and_waiting_ones_stay(stage: Stage) -> None:
    # Given: one job that runs and one that waits for the slot
    started, go = asyncio.Event(), asyncio.Event()

    @stage.task
    async def work() -> int:
        started.set()
        await go.wait()
        return 1

    running, waiting = await stage.submit(work), await stage.submit(work)
    worker = stage.worker(concurrency=1)
    await worker.start()
    await soon(started)

    # When: the worker is told to stop and the handler ends a little later
    stopping = asyncio.create_task(worker.stop(10))
    await asyncio.sleep(0)
    go.set()
    over = await stopping

    # Then: the first is completed, the second was never touched
    assert over
    assert (await stage.get(running)).state is State.COMPLETED
    assert ((await stage.get(waiting)).state, (await stage.get(waiting)).epoch) == (State.WAITING, 0)


async def test_what_does_not_finish_is_given_back_uncharged_in_its_old_place(stage: Stage) -> None:
    # Given: an old job that runs for ever, and a younger one behind it
    started, stopped = asyncio.Event(), asyncio.Event()

    @stage.task
    async def endless() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    old, young = await stage.submit(endless), await stage.submit(endless)
    due_at = (await stage.get(old)).due_at
    worker = stage.worker(concurrency=1)
    await worker.start()
    await soon(started)

    # When: the worker stops with no time to spare
    over = await worker.stop(0)

    # Then: it was interrupted, nothing is charged, and the next worker gets it before the younger one
    job = await stage.get(old)
    assert over
    assert stopped.is_set()
    assert (job.state, job.attempts, job.losses, job.due_at) == (State.WAITING, 0, 0, due_at)
    assert [(await stage.take()).id, (await stage.take()).id] == [old, young]


async def test_a_child_process_at_work_is_ended_and_its_job_given_back(stage: Stage, tmp_path: Path) -> None:
    # Given: a child process that computes for ever
    started = tmp_path / "started"
    worker = stage.worker(grace=0.2)
    await worker.start()
    id = await stage.submit(handlers.stubborn, str(started))
    pid = int((await file_comes(started))[0])

    # When: the worker stops
    over = await worker.stop(0)

    # Then: the process is gone and the job waits, uncharged
    job = await stage.get(id)
    assert over
    assert (job.state, job.attempts, job.losses) == (State.WAITING, 0, 0)
    await is_gone(pid)


async def test_a_thread_that_will_not_end_does_not_hold_up_the_stop(stage: Stage) -> None:
    # Given: a thread that ignores its flag
    loop = asyncio.get_running_loop()
    started, go = asyncio.Event(), threading.Event()

    @stage.task
    def deaf() -> None:
        loop.call_soon_threadsafe(started.set)
        go.wait()

    worker = stage.worker()
    await worker.start()
    id = await stage.submit(deaf)
    await soon(started)

    # When: the worker stops
    began = time.monotonic()
    over = await worker.stop(0)
    took = time.monotonic() - began
    go.set()

    # Then: it says that a run is left, and the job is still leased, because its thread may still have effects
    assert not over
    assert took < 15
    assert (await stage.get(id)).state is State.RUNNING


async def test_stopping_twice_is_harmless_one_after_the_other_or_at_once(stage: Stage) -> None:
    # Given: a worker with a run
    started, go = asyncio.Event(), asyncio.Event()

    @stage.task
    async def work() -> None:
        started.set()
        await go.wait()

    worker = stage.worker()
    await worker.start()
    id = await stage.submit(work)
    await soon(started)

    # When: it is stopped three times
    both = asyncio.gather(worker.stop(10), worker.stop(10))
    await asyncio.sleep(0)
    go.set()
    answers = [*await both, await worker.stop()]

    # Then: all say that it is over
    assert answers == [True, True, True]
    assert (await stage.get(id)).state is State.COMPLETED


async def test_a_worker_can_be_started_again(stage: Stage) -> None:
    # Given: a worker that has worked and stopped
    @stage.task
    async def quick() -> int:
        return 1

    worker = stage.worker()
    async with worker:
        await stage.ended(await stage.submit(quick))

    # When: it is started again
    async with worker:
        job = await stage.ended(await stage.submit(quick))

    # Then: it works, and the registry forgets it at the end
    assert job.state is State.COMPLETED
    assert (await stage.backend.stats()).workers == []


async def test_a_stop_ends_though_the_store_is_away() -> None:
    # Given: a run that ends while the store cannot be reached
    store = FailingBackend(MemoryBackend())
    stage = Stage(store)
    started, go = asyncio.Event(), asyncio.Event()

    @stage.task
    async def work() -> None:
        started.set()
        await go.wait()

    worker = stage.worker()
    await worker.start()
    id = await stage.submit(work)
    await soon(started)
    store.away = True
    go.set()

    # When: the worker stops
    began = time.monotonic()
    await asyncio.wait_for(worker.stop(1), 30)

    # Then: it does not wait for the store for ever; the lease brings the job back
    store.away = False
    assert time.monotonic() - began < 15
    assert (await stage.get(id)).state is State.RUNNING


async def test_a_worker_that_stops_at_random_moments_loses_nothing(stage: Stage) -> None:
    # Given: many short jobs
    ran: dict[int, int] = {}

    @stage.task
    async def work(n: int) -> None:
        await asyncio.sleep(0)
        ran[n] = ran.get(n, 0) + 1

    ids = [await stage.submit(work, n) for n in range(400)]

    # When: workers are started and stopped again and again, each after a few steps of the event loop
    for steps in range(60):
        worker = stage.worker(concurrency=4)
        await worker.start()
        for _ in range(steps % 17):
            await asyncio.sleep(0)
        await worker.stop(5)
        running = (await stage.backend.stats()).running

        # Then: none is left running
        assert running == 0

    async with stage.worker():
        jobs = await stage.all_ended(ids)

    # Then: each ran to its end exactly once and was charged once
    assert {job.state for job in jobs} == {State.COMPLETED}
    assert {job.attempts for job in jobs} == {1}
    assert set(ran.values()) == {1}
