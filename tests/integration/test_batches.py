"""Batches in worker processes: crashes, cancels and timeouts of members, and callers without the code."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from abaca import App, JobHandle, UnknownTask
from abaca.model import State
from tests.integration.conftest import shared_url
from tests.integration.crew import crew, eventually, lines, stored, touch

__all__ = ["shared_url"]

BATCHING = "tests.integration.batching:app"


async def by_name(app: App, task: str, **args: object) -> JobHandle[Any]:
    """A call from a program without the code, once a worker has announced the task."""

    async def attempt() -> JobHandle[Any] | None:
        try:
            return await app.enqueue_by_name(task, args)
        except UnknownTask:
            return None

    return await eventually(attempt)


async def enqueue(app: App, task: str, *values: object) -> list[JobHandle[Any]]:
    name = {"patient": "marks", "poisoned": "marks", "stuck": "paths", "double": "ns"}[task]
    return [await by_name(app, task, **{name: value}) for value in values]


async def test_a_caller_without_the_code_gets_into_the_batch(shared_url: str) -> None:
    # Given a worker, which has announced its tasks
    with crew(shared_url, 1, BATCHING):
        async with App(shared_url) as app:
            # When calls come by name alone
            jobs = await enqueue(app, "double", *range(10))
            # Then they are in the lane of the batch and have their results
            assert [await job.result(timeout=30) for job in jobs] == [2 * n for n in range(10)]
            assert {job.spec.lane for job in await stored(app, jobs)} == {"batch:double"}
            # And the registry tells the slots
            (card,) = (await app.stats()).workers
            assert card.slots["batch:double"] == 4


async def test_a_pill_in_a_batch_convicts_itself_and_the_others_are_not_charged(
    shared_url: str, tmp_path: Path
) -> None:
    # Given a batch of three of which one kills its process
    marks = tmp_path / "marks"
    async with App(shared_url) as app:
        with crew(shared_url, 1, BATCHING):
            jobs = await enqueue(app, "poisoned", *(f"{marks}|{word}" for word in ("one", "pill", "two")))
            # When a worker runs them until all have ended
            good = [await job.result(timeout=50) for job in (jobs[0], jobs[2])]
            ended = await asyncio.wait_for(jobs[1].outcome(), 50)
        records = await stored(app, jobs)
    # Then the innocent completed, each in a batch of one, after a loss (a busy machine may add another) without charge
    assert good == [1, 1]
    assert [(job.attempts, job.losses > 0) for job in (records[0], records[2])] == [(1, True), (1, True)]
    # And the pill has failed by its own attempts
    assert (ended.is_failed, records[1].attempts) == (True, 3)
    assert records[1].error is not None
    assert records[1].error.type == "abaca.WorkerCrashed"


async def test_a_cancelled_member_gets_nobody_killed(shared_url: str, tmp_path: Path) -> None:
    # Given a call in a thread with two jobs
    marks, go_on = tmp_path / "marks", tmp_path / "go_on"
    async with App(shared_url) as app:
        with crew(shared_url, 1, BATCHING, grace="200ms") as (worker,):
            jobs = await enqueue(app, "patient", *[f"{marks}|{go_on}"] * 2)
            (pid,) = await lines(marks, 1)
            # When one is cancelled, and the call goes on for longer than the grace time
            await jobs[1].cancel()
            await lines(marks, 2)
            await asyncio.sleep(2)  # sleeps: past the grace time, in which nothing may happen
            touch(go_on)
            # Then the other has its result from that same process
            assert await jobs[0].result(timeout=30) == int(pid)
            ended = await stored(app, jobs)
            assert worker.said("runner died") == 0
    assert [job.state for job in ended] == [State.COMPLETED, State.CANCELLED]


async def test_a_call_that_does_not_end_is_killed_after_its_timeout_and_all_are_charged(
    shared_url: str, tmp_path: Path
) -> None:
    # Given a call in a thread that never ends
    marks = tmp_path / "marks"
    async with App(shared_url) as app:
        with crew(shared_url, 1, BATCHING, grace="200ms"):
            jobs = await enqueue(app, "stuck", *[str(marks)] * 2)
            # When its time is over
            await asyncio.gather(*(job.outcome(timeout=40) for job in jobs))
        ended = await stored(app, jobs)
    # Then both its jobs have timed out, once
    assert [(job.state, job.attempts) for job in ended] == [(State.FAILED, 1)] * 2
    assert {job.error.type for job in ended if job.error is not None} == {"abaca.JobTimeout"}
    assert len(await lines(marks, 1)) == 1


async def test_a_member_that_waits_while_its_runner_dies_is_given_back_uncharged(
    shared_url: str, tmp_path: Path
) -> None:
    # Given one job that waits for its batch to fill
    async with App(shared_url) as app:
        with crew(shared_url, 1, BATCHING):
            (waiting,) = await enqueue(app, "poisoned", f"{tmp_path / 'marks'}|one")

            async def claimed() -> bool | None:
                return (await waiting.info()).epoch >= 1 or None

            await eventually(claimed)
            await (await by_name(app, "pid")).result(timeout=40)  # so its runner has taken in what it claimed before
            # When another job kills the runner
            pill = await by_name(app, "pill")
            assert (await pill.outcome(timeout=40)).is_failed
        (record, guilty) = await stored(app, [waiting, pill])
    # Then the pill alone is charged, and the other has lost nothing
    assert (guilty.attempts, record.attempts, record.losses) == (1, 0, 0)
