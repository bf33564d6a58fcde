"""Clocks that jump. The store's clock is a manual one; a worker's own clock of the day is moved under it."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable

import pytest

from abaca import App, Ctx, Status
from abaca.backend import Backend
from abaca.backends import open_backend
from abaca.clock import ManualClock
from abaca.model import Job, Lease, State, Want
from tests.integration.crew import eventually

pytestmark = pytest.mark.timeout(60)
HOUR = 3600.0


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, clock: ManualClock) -> AsyncIterator[Backend]:
    """Stores that serve the worker's heart as well as its loop."""
    url = "memory://" if request.param == "memory" else str(request.getfixturevalue("sqlite_url"))
    backend = open_backend(url, clock)
    yield backend
    await backend.close()


class Runs:
    """A task whose runs of one epoch are let go together."""

    def __init__(self, app: App) -> None:
        self.began: asyncio.Queue[int] = asyncio.Queue()
        self.may_end: defaultdict[int, asyncio.Event] = defaultdict(asyncio.Event)

        async def run(ctx: Ctx) -> int:
            self.began.put_nowait(ctx.fence)
            await self.may_end[ctx.fence].wait()
            return ctx.fence

        self.task = app.task(run)


async def test_all_leases_lapse_at_once_and_every_job_still_ends_once(store: Backend, clock: ManualClock) -> None:
    """A laptop that was shut, or a store whose clock jumped ahead: to the store, every worker has long been silent."""
    async with App(backend=store) as app:
        runs = Runs(app)
        # Given ten running jobs, whose leases are not due to be renewed for a minute
        jobs = [await runs.task.enqueue() for _ in range(10)]
        async with app.worker(concurrency=50, lease=3000, beat=60):
            assert [await runs.began.get() for _ in jobs] == [1] * 10
            # When eight hours pass in a moment
            clock.advance(8 * HOUR)
            # Then each is taken over and begun anew
            assert [await runs.began.get() for _ in jobs] == [3] * 10
            # And the runs that nobody holds any more change nothing when they come to their end
            runs.may_end[1].set()
            runs.may_end[3].set()
            assert [await job.result(timeout=20) for job in jobs] == [3] * 10
        for job in [await job.info() for job in jobs]:
            assert (job.status, job.attempts, job.losses) == (Status.COMPLETED, 1, 1)
        assert (await store.stats()).totals["completed"] == 10


async def test_a_clock_that_steps_back_holds_up_only_what_was_due_by_it(store: Backend, clock: ManualClock) -> None:
    async with App(backend=store) as app:
        runs = Runs(app)
        # Given a job that runs, one whose process is gone, and one that waits
        dead = await runs.task.enqueue()
        await store.exchange([], Want(queues=("default",), slots={"async": 1}), Lease(worker="dead", ms=1000))
        running = await runs.task.enqueue()
        waiting = await runs.task.opts(queue="another").enqueue()
        async with app.worker(concurrency=50, lease=1000, beat=0.2):
            assert await runs.began.get() == 1
            # When the clock steps back by an hour
            clock.advance(-HOUR)
            # Then what runs goes on, and a new job is run at once
            runs.may_end[1].set()
            assert await running.result(timeout=20) == 1
            assert await (await runs.task.enqueue()).result(timeout=20) == 1
            assert await runs.began.get() == 1
            # And the lease of the dead process is cut to its length by the new clock, and given back when that is over
            await until(store, dead.id, lambda job: (job.lease_until or 0) <= clock.now() + 1_000_000)
            clock.advance(1.1)
            await until(store, dead.id, lambda job: job.state is State.WAITING)
            # But what was due by the old clock is due when the clock is there again
            assert (await dead.status(), await waiting.status()) == (Status.SCHEDULED, Status.SCHEDULED)
            clock.advance(HOUR)
            assert await waiting.status() == Status.QUEUED
            runs.may_end[3].set()
            assert await dead.result(timeout=20) == 3


async def until(store: Backend, id: str, holds: Callable[[Job], bool]) -> None:
    """Until the record is so. Nobody hints at a lease that was cut."""

    async def look() -> Job | None:
        job = (await store.get([id]))[0]
        return job if job is not None and holds(job) else None

    await eventually(look)


@pytest.mark.redis
async def test_a_worker_whose_clock_is_a_day_ahead_keeps_the_stores_time(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a client and a worker in a process whose clock of the day is wrong
    day = 86_400
    real = time.time()
    now, now_ns = time.time, time.time_ns
    monkeypatch.setattr(time, "time", lambda: now() + day)
    monkeypatch.setattr(time, "time_ns", lambda: now_ns() + day * 10**9)
    async with App(redis_url) as app:

        @app.task(timeout=30)
        async def deadline(ctx: Ctx) -> float:
            assert ctx.deadline is not None
            return ctx.deadline.timestamp()

        async with app.worker(concurrency=2, lease=2, beat=0.3):
            # When it enqueues a job for a moment from now, and runs it
            job = await deadline.opts(delay="300ms").enqueue()
            stops_at = await job.result(timeout=20)
        # Then delay and end are by the server's clock, and the deadline, for the handler to compare, by its own
        info = await job.info()
    assert info.started_at is not None
    assert info.ended_at is not None
    assert 300_000 <= info.started_at - info.created_at < 5_000_000
    assert abs(info.created_at / 1e6 - real) < 60
    assert abs(stops_at - (real + day) - 30) < 20
