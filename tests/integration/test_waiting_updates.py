"""Updates of real runs, read through handles."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from abaca import App, Ctx, JobFailed, JobHandle, Kind, Progress, Retry, Status, Update
from abaca.backend import TRIMMED_LOG_CAP

pytestmark = pytest.mark.timeout(60)
LINES = 300


class Told(Exception):
    """What a handler raises because its test says so."""


@pytest.fixture
async def app(store_url: str) -> AsyncIterator[App]:
    async with App(store_url, poll_interval=1) as app:
        yield app


async def read(job: JobHandle[int], after: int = 0) -> list[Update]:
    """All updates, as an open stream gives them; ends because the stream does."""
    return [update async for update in job.updates(after)]


def messages(updates: list[Update]) -> list[object]:
    return [update.value["n"] if update.kind is Kind.LOG else update.value for update in updates]


async def test_two_readers_get_every_update_in_order_and_anybody_can_resume(app: App) -> None:
    @app.task
    async def talk(ctx: Ctx) -> int:
        for n in range(LINES):
            ctx.log.info("line", n=n)
            await asyncio.sleep(0)
        return LINES

    # Given two readers of a job that has not begun
    job = await talk.enqueue()
    readers = [asyncio.create_task(read(job)) for _ in range(2)]
    # When it runs
    async with app.worker(concurrency=5):
        first, second = await asyncio.gather(*readers)
    # Then both got all of it, in order, and their streams ended by themselves
    assert messages(first) == ["queued", "running", *range(LINES), "completed"]
    assert [update.id for update in first] == list(range(1, LINES + 4))
    assert second == first
    # And from any id the rest is the same
    for after in (1, 2, 3, 100, LINES + 1, LINES + 2):
        assert await read(job, after) == first[after:]
    assert await read(job, first[-1].id) == []


async def test_a_reader_that_resumes_in_mid_run_misses_nothing_and_repeats_nothing(app: App) -> None:
    half = asyncio.Event()

    @app.task
    async def talk(ctx: Ctx) -> int:
        for n in range(10):
            ctx.log.info("line", n=n)
        await half.wait()
        for n in range(10, 20):
            ctx.log.info("line", n=n)
        return 20

    # Given a reader that went away in the middle
    job = await talk.enqueue()
    seen: list[Update] = []
    async with app.worker(concurrency=5):
        async for update in job.updates():
            seen.append(update)
            if update.kind is Kind.LOG and update.value["n"] == 7:
                break
        # When another takes up its cursor, and then the job goes on
        rest = asyncio.create_task(read(job, seen[-1].id))
        half.set()
        seen += await rest
    # Then together they saw every update once
    assert messages(seen) == ["queued", "running", *range(20), "completed"]


async def test_a_retry_that_succeeds_is_success_to_everybody(app: App) -> None:
    @app.task(retry=Retry(max_attempts=2, backoff=["20ms"]))
    async def flaky(ctx: Ctx) -> int:
        if ctx.attempt == 1:
            raise Told
        return ctx.attempt

    # Given a reader and two kinds of waiters
    job = await flaky.enqueue()
    reading = asyncio.create_task(read(job))
    waits = [asyncio.create_task(job.result(timeout=30)) for _ in range(20)]
    outcomes = [asyncio.create_task(job.outcome(timeout=30)) for _ in range(20)]
    run = asyncio.create_task(flaky.opts(wait=30).run())
    # When its first run fails and its second is well
    async with app.worker(concurrency=5):
        # Then every waiter sees the second
        assert await asyncio.gather(*waits) == [2] * 20
        assert {(outcome.status, outcome.attempts) for outcome in await asyncio.gather(*outcomes)} == {("completed", 2)}
        assert await run == 2
        updates = await reading
    # And the reader hears of the first attempt's error, but never of an end that was none
    statuses = [update.value for update in updates if update.kind is Kind.STATUS]
    assert (statuses[0], statuses[-1]) == ("queued", "completed")
    assert not {"failed", "cancelled"} & set(statuses)
    assert statuses.count("completed") == 1
    assert [update.attempt for update in updates if update.kind is Kind.ERROR] == [1]


@pytest.mark.parametrize("ends", ["completed", "failed"])
async def test_progress_is_followed_beside_the_wait_and_both_end(app: App, ends: str) -> None:
    heard = asyncio.Semaphore(0)

    @app.task(retry=Retry(max_attempts=1))
    async def steps(ctx: Ctx, fails: bool) -> str:
        for n in (1, 2, 3):
            ctx.progress(n, 3, stage="walk")
            await heard.acquire()
        if fails:
            raise Told
        return "there"

    # Given somebody who follows the progress of a job, and beside it somebody who waits for its end
    job = await steps.enqueue(ends == "failed")
    waiting = asyncio.create_task(job.outcome(timeout=30))
    percents: list[float | None] = []
    async with app.worker(concurrency=2):
        async for update in job.updates():
            if update.kind is Kind.PROGRESS:
                # When each step is reported, the job says the same
                progress = await job.progress()
                assert progress is not None
                assert progress == Progress(**update.value)
                percents.append(progress.percent)
                heard.release()
        # Then the reader ends by itself, and the waiter has the end
        outcome = await waiting
    assert [round(percent or 0) for percent in percents] == [33, 67, 100]
    assert (outcome.status, outcome.value) == (ends, "there" if ends == "completed" else None)


async def test_a_reader_behind_the_cap_is_told_how_much_it_missed(app: App) -> None:
    lost, batch = 500, 300
    go_on = asyncio.Semaphore(0)

    @app.task
    async def talk(ctx: Ctx) -> int:
        for n in range(TRIMMED_LOG_CAP + lost):
            ctx.log.info("line", n=n)
            if n % batch == batch - 1:
                await go_on.acquire()
        return 0

    # Given a job that wrote more lines than are kept, while somebody who kept up saw all of them
    job = await talk.enqueue()
    kept_up: list[Update] = []
    async with app.worker(concurrency=5):
        async for update in job.updates():
            kept_up.append(update)
            if update.kind is Kind.LOG and update.value["n"] % batch == batch - 1:
                go_on.release()
    assert messages(kept_up) == ["queued", "running", *range(TRIMMED_LOG_CAP + lost), "completed"]
    # When somebody else reads from the beginning
    updates = await read(job)
    # Then one update says how many are gone, and the newest follow without a hole
    assert [(update.kind, update.value) for update in updates[:3]] == [
        (Kind.STATUS, "queued"),
        (Kind.STATUS, "running"),
        (Kind.GAP, lost),
    ]
    assert updates[3:] == kept_up[2 + lost :]
    # And a reader who had seen some of what is gone missed less
    later = await read(job, after=202)
    assert [(update.kind, update.value) for update in later[:1]] == [(Kind.GAP, lost - 200)]


async def test_a_requeued_job_goes_on_counting(app: App) -> None:
    @app.task(retry=Retry(max_attempts=1))
    async def second_time(ctx: Ctx) -> int:
        ctx.log.info("line", n=ctx.fence)
        if ctx.fence == 1:
            raise Told
        return 7

    async with app.worker(concurrency=5):
        # Given a failed job that was read to its end
        job = await second_time.enqueue()
        with pytest.raises(JobFailed, match="Told"):
            await job.result(timeout=30)
        first = await read(job)
        assert (first[-1].kind, first[-1].value) == (Kind.STATUS, "failed")
        # When it is requeued and completes
        await job.requeue()
        assert await job.result(timeout=30) == 7
        # Then its reader can go on where it was, and the numbers go on
        rest = await read(job, after=first[-1].id)
    assert [update.id for update in first + rest] == list(range(1, len(first) + len(rest) + 1))
    statuses = [update.value for update in rest if update.kind is Kind.STATUS]
    assert (statuses[0], statuses[-1]) == ("requeued", "completed")
    # And a reader from the beginning sees both lives
    assert [(update.id, update.value) for update in await read(job)] == [
        (update.id, update.value) for update in first + rest
    ]
    assert await job.status() == Status.COMPLETED
