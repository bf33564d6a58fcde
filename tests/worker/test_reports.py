"""Progress and log lines on their way to the store."""

from __future__ import annotations

import asyncio
import time

import pytest

from abaca import Ctx
from abaca.backends.memory import MemoryBackend
from abaca.model import Kind, State
from abaca.testing import FailingBackend
from tests.worker import handlers
from tests.worker.harness import ONCE, Stage, soon


async def kinds(stage: Stage, id: str) -> list[Kind]:
    return [entry.kind for entry in (await stage.backend.updates(id, 0, 2000)).entries]


async def test_the_last_progress_and_every_log_line_are_stored_before_the_end(stage: Stage) -> None:
    # Given: a handler that reports in its last moment
    @stage.task
    async def report(ctx: Ctx) -> int:
        ctx.log.info("begins", size=3)
        ctx.progress(1, 2, stage="half")
        ctx.log.warning("almost")
        ctx.progress(2, 2, stage="done")
        return 1

    # When: it ends at once
    async with stage.worker():
        id = await stage.submit(report)
        job = await stage.ended(id)
        log = await stage.backend.updates(id, 0, 100)

    # Then: everything is in the log, in order, and the job carries the last progress
    assert [entry.kind for entry in log.entries] == [Kind.LOG, Kind.PROGRESS, Kind.LOG, Kind.PROGRESS]
    assert log.entries[0].value == {"size": 3, "level": "info", "message": "begins"}
    assert log.entries[-1].value["stage"] == "done"
    assert job.progress == log.entries[-1].data


async def test_a_report_reaches_the_store_while_the_handler_runs(stage: Stage) -> None:
    # Given: a handler that reports and then waits
    go = asyncio.Event()

    @stage.task
    async def report(ctx: Ctx) -> None:
        ctx.progress(1, 2)
        await go.wait()

    # When: nobody ends it
    async with stage.worker():
        id = await stage.submit(report)
        job = await stage.until(id, lambda job: job.progress is not None)
        go.set()

    # Then: its progress is stored already
    assert job.state is State.RUNNING


@pytest.mark.slow
@pytest.mark.no_cover
@pytest.mark.timeout(180)
async def test_a_million_progress_calls_are_thinned_and_the_last_one_is_kept(stage: Stage) -> None:
    # Given: a thread that does nothing but report
    @stage.task
    def flood(ctx: Ctx) -> None:
        for n in range(1, 1_000_001):
            ctx.progress(n)

    # When: it reports a million times
    began = time.monotonic()
    async with stage.worker():
        id = await stage.submit(flood)
        job = await stage.ended(id, 60)
        took = time.monotonic() - began

    # Then: about ten a second were stored, and the last is the last
    stored = await kinds(stage, id)
    assert job.progress is not None
    assert b'"done":1000000,' in job.progress
    assert len(stored) <= took * 10 + 3


async def test_reports_of_a_child_process_arrive_thinned_and_before_its_end(stage: Stage) -> None:
    # Given / When: a child process that reports 50,000 times
    async with stage.worker():
        began = time.monotonic()
        id = await stage.submit(handlers.count_progress, 50_000)
        job = await stage.ended(id)
        took = time.monotonic() - began

    # Then: few were stored, the last one among them, and the log line behind it
    stored = await kinds(stage, id)
    assert job.progress is not None
    assert b'"done":50000,' in job.progress
    assert stored[-1] is Kind.LOG
    assert len(stored) <= took * 10 + 4


async def test_a_flood_of_log_lines_is_bounded(stage: Stage) -> None:
    # Given: a handler that writes far more lines than a log keeps
    @stage.task
    def chatter(ctx: Ctx) -> None:
        for n in range(5000):
            ctx.log.info(f"line {n}")

    # When: it is run
    async with stage.worker():
        id = await stage.submit(chatter)
        await stage.ended(id)
        log = await stage.backend.updates(id, 0, 5000)

    # Then: the last ones are there
    assert len(log.entries) <= 1000
    assert log.entries[-1].value["message"] == "line 4999"


async def test_a_failed_run_keeps_its_reports_before_its_error(stage: Stage) -> None:
    # Given: a handler that reports, then fails
    @stage.task
    async def report(ctx: Ctx) -> None:
        ctx.progress(1)
        raise ValueError("then this")

    # When: it is run
    async with stage.worker():
        id = await stage.submit(report, retry=ONCE)
        await stage.ended(id)

    # Then: in that order
    assert await kinds(stage, id) == [Kind.PROGRESS, Kind.ERROR]


async def test_reports_survive_a_store_that_is_away_for_a_moment() -> None:
    # Given: a store that loses the first appends
    store = FailingBackend(MemoryBackend())
    stage = Stage(store)
    store.lose("request", "append", times=4)

    @stage.task
    async def report(ctx: Ctx) -> None:
        ctx.log.info("first")
        ctx.log.info("second")

    # When: a handler reports and ends
    async with stage.worker():
        id = await stage.submit(report)
        job = await stage.ended(id)

    # Then: both lines came through, once each, before the end
    assert job.state is State.COMPLETED
    assert await kinds(stage, id) == [Kind.LOG, Kind.LOG]


async def test_large_reports_of_many_jobs_travel_in_batches_of_bounded_size() -> None:
    # Given: a store that notes how large each append is
    sizes: list[int] = []

    class Scale(MemoryBackend):
        async def append(self, updates):  # type: ignore[no-untyped-def]
            sizes.append(sum(len(update.data) for update in updates))
            return await super().append(updates)

    stage = Stage(Scale())

    @stage.task
    async def shout(ctx: Ctx) -> None:
        for _ in range(300):
            ctx.log.info("x" * 60_000)

    # When: one handler writes 18 MB of log lines at once
    async with stage.worker():
        await stage.ended(await stage.submit(shout))

    # Then: no single call carried more than the limit by much
    assert max(sizes) < 9 << 20


async def test_reports_of_a_run_that_is_no_longer_ours_stop_it(stage: Stage) -> None:
    # Given: a run whose job was taken over while it worked
    started, stopped, go = asyncio.Event(), asyncio.Event(), asyncio.Event()

    @stage.task(lease="1ms")
    async def report(ctx: Ctx) -> None:
        started.set()
        await go.wait()
        ctx.progress(1)
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    async with stage.worker(beat=60.0):
        id = await stage.submit(report)
        await soon(started)

        # When: it reports after that
        await stage.until(id, lambda job: job.epoch >= 2)
        go.set()

        # Then: it is interrupted
        await soon(stopped)
