"""Results, how long they are kept, and waits that end before the job does."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from abaca import (
    App,
    Ctx,
    JobCancelled,
    JobFailed,
    JobNotFound,
    ResultDisabled,
    ResultExpired,
    ResultTimeout,
    Retry,
    Status,
)
from abaca.backend import MIN_TOMBSTONE_MS
from abaca.backends import open_backend
from abaca.clock import ManualClock
from tests.unit.face import finish

pytestmark = pytest.mark.timeout(60)
ROOT = Path(__file__).parents[2]


def double(n: int) -> int:
    return n * 2


@pytest.fixture
async def app(store_url: str) -> AsyncIterator[App]:
    async with App(store_url, poll_interval=1) as app:
        app.task(double)
        yield app


async def test_a_result_is_kept_for_its_time_then_its_end_then_nothing(store_url: str) -> None:
    # Given a job that is kept for ten seconds, completed, on a store whose clock is ours
    clock = ManualClock()
    store = open_backend(store_url, clock)
    async with App(backend=store) as app:
        task = app.task(keep=10)(double)
        job = await task.enqueue(4)
        await finish(app, 8)
        assert await job.result() == 8
        # When its time is over, then its result is gone and its end is known
        clock.advance(11)
        await store.purge(100)
        with pytest.raises(ResultExpired, match=f"job {job.id} completed, but its result is no longer kept"):
            await job.result()
        assert (await job.outcome()).status == Status.COMPLETED
        # When the time of that is over too, then nobody knows of it
        clock.advance(MIN_TOMBSTONE_MS / 1000 + 11)
        await store.purge(100)
        with pytest.raises(JobNotFound):
            await job.result()


async def test_keep_nothing_stores_no_result_and_says_so_at_once(app: App) -> None:
    task = app.task(name="secret", keep=0)(double)
    job = await task.enqueue(4)
    # Nobody runs it, and still the answer comes
    with pytest.raises(ResultDisabled, match="keep=0"):
        await job.result(timeout=20)
    with pytest.raises(ResultDisabled, match="keep=0"):
        await task.run(5)
    ended = asyncio.create_task(job.outcome(timeout=20))
    async with app.worker(concurrency=2):
        outcome = await ended
    assert (outcome.is_success, outcome.has_value, outcome.value) == (True, False, None)


async def test_a_forgotten_result_is_gone_and_the_job_stays(app: App) -> None:
    async with app.worker(concurrency=2):
        job = await app.enqueue_by_name("double", {"n": 4})
        assert await job.result(timeout=20) == 8
    await job.forget()
    with pytest.raises(ResultExpired, match="was deleted"):
        await job.result(timeout=20)
    assert await job.status() == Status.COMPLETED


async def test_a_wait_that_gives_up_leaves_the_job_alone_unless_asked(app: App) -> None:
    may_end = asyncio.Event()
    stopped = asyncio.Event()

    @app.task
    async def slow(n: int) -> int:
        try:
            await may_end.wait()
        except asyncio.CancelledError:
            stopped.set()
            raise
        return n

    async with app.worker(concurrency=5, beat=0.2):
        # Given waits that end before their jobs
        job = await slow.enqueue(1)
        with pytest.raises(ResultTimeout, match="it goes on and can be waited for again"):
            await job.result(timeout="50ms")
        with pytest.raises(ResultTimeout, match="goes on") as given_up:
            await slow.opts(wait="200ms").run(2)
        with pytest.raises(ResultTimeout, match="was told to stop") as cancelled:
            await slow.opts(wait="2s", cancel_on_timeout=True).run(3)
        # Then only the one that asked for it is stopped, though it was running
        with pytest.raises(JobCancelled):
            await slow.job(cancelled.value.job_id).result(timeout=20)
        assert stopped.is_set()
        # And the others go on, and can be waited for again
        may_end.set()
        assert await job.result(timeout=20) == 1
        assert await slow.job(given_up.value.job_id).result(timeout=20) == 2


async def test_a_cancelled_waiter_leaves_the_job_alone(app: App) -> None:
    job = await app.enqueue_by_name("double", {"n": 4})
    waiting = asyncio.create_task(job.result())
    await job.status()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    async with app.worker(concurrency=2):
        assert await job.result(timeout=20) == 8


async def test_another_process_waits_for_a_job_by_its_id(shared_url: str) -> None:
    """It knows no task of that name, and gets the result as JSON has it."""
    async with App(shared_url, poll_interval=30) as app:
        # Given another process that waits
        task = app.task(double)
        job = await task.enqueue(4)
        code = (
            "import sys; from abaca import App; job = App(sys.argv[1], poll_interval=30).job(sys.argv[2])\n"
            "updates = job.updates_sync()\n"
            "print(next(updates).value, flush=True)\n"
            "print(job.typed(int).result_sync(timeout=25), [update.value for update in updates][-1], flush=True)\n"
        )
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", code, shared_url, job.id), stdout=subprocess.PIPE, cwd=ROOT
        )
        assert process.stdout is not None
        assert await process.stdout.readline() == b"queued\n"
        # When the job is run here
        async with app.worker(concurrency=2):
            # Then it hears of it there
            assert await process.stdout.readline() == b"8 completed\n"
        assert await process.wait() == 0


def test_threads_wait_with_the_sync_twins(store_url: str) -> None:
    # Given a worker in one thread's event loop
    app = App(store_url, poll_interval=30)
    task = app.task(double)
    ready, over = threading.Event(), threading.Event()

    async def work() -> None:
        async with app, app.worker(concurrency=5):
            ready.set()
            await asyncio.get_running_loop().run_in_executor(None, over.wait)

    worker = threading.Thread(target=asyncio.run, args=(work(),))
    worker.start()
    try:
        assert ready.wait(20)
        # When eight other threads enqueue and wait, in each of the ways there are
        with ThreadPoolExecutor(8) as pool:
            runs = pool.map(lambda n: task.opts(wait=20).run_sync(n), range(40))
            waits = pool.map(lambda n: task.enqueue_sync(n).result_sync(timeout=20), range(40))
            ends = pool.map(lambda n: list(task.enqueue_sync(n).updates_sync())[-1].value, range(20))
            # Then each gets its own result
            assert list(runs) == list(waits) == [n * 2 for n in range(40)]
            assert list(ends) == ["completed"] * 20
    finally:
        over.set()
        worker.join(20)
        app.close_sync()


async def test_a_timeout_of_the_job_is_no_timeout_of_the_wait(app: App) -> None:
    """Both are called timeout; only one of them concerns the job."""

    @app.task(timeout="100ms", keep={"failed": 60})
    async def never(ctx: Ctx) -> int:
        await asyncio.Event().wait()
        return 0

    job = await never.opts(retry=Retry(max_attempts=1)).enqueue()
    async with app.worker(concurrency=2):
        with pytest.raises(JobFailed, match="JobTimeout: the run was stopped after its timeout"):
            await job.result(timeout=20)
