"""Handlers that talk too much, and workers that live long: bounded memory, flat descriptors, true last words."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from abaca import App
from abaca.model import Job, Kind, State
from tests.chaos import census, pills
from tests.chaos.ground import Yard
from tests.integration.crew import crew

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(240)]
PILLS = "tests.chaos.pills:app"
MB = 1 << 20
CALLS = 1_000_000
MANY = int(os.environ.get("ABACA_TEST_JOBS", "1200"))
"""``ABACA_TEST_JOBS=10000`` is the long form."""


@pytest.fixture
async def ground(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Yard]:
    async with App(sqlite_url) as app:
        yield Yard(app, tmp_path, pills.app)


def memory(root: int) -> int:
    return sum(census.resident(pid) for pid in [root, *census.below(root)])


async def test_floods_of_output_and_of_progress_cost_no_memory(ground: Yard, sqlite_url: str) -> None:
    # Given: a worker that has warmed up
    with crew(sqlite_url, 1, PILLS, lease="60s") as (worker,):
        await ground.ended(await ground.enqueue_plain("add", 1, 1))
        await ground.ended(await ground.enqueue_plain("count_up", 10))
        before = memory(worker.pid)

        # When: one handler writes 20 MB to standard output, and another reports progress a million times
        flood = await ground.enqueue_plain("flood", 100_000)
        count = await ground.enqueue_plain("count_up", CALLS)
        jobs = [await ground.ended(flood), await ground.ended(count, 120)]
        grown = memory(worker.pid) - before
        history = await (await ground.app.backend()).updates(count.id, 0, 5000)

    # Then: the last value is there, the stored entries are few, and memory is what it was
    assert [(job.state, job.attempts) for job in jobs] == [(State.COMPLETED, 1)] * 2
    assert f'"done":{CALLS}'.encode() in (jobs[1].progress or b""), jobs[1].progress
    assert len([entry for entry in history.entries if entry.kind is Kind.PROGRESS]) <= 1000
    assert grown < 60 * MB


async def run_many(ground: Yard, count: int) -> list[Job]:
    handles = [await ground.app.enqueue_by_name("add", {"a": n, "b": 1}, pool="process") for n in range(count)]
    return [await ground.ended(handle, 120) for handle in handles]


async def test_thousands_of_jobs_leave_descriptors_and_memory_flat(ground: Yard, sqlite_url: str) -> None:
    # Given: a worker whose children are renewed after every 200 jobs, and that has run some hundreds
    flags = {"lease": "60s", "process-slots": "2", "max-jobs-per-child": "200"}
    with crew(sqlite_url, 1, PILLS, **flags) as (worker,):
        await run_many(ground, 300)
        (runner,) = [pid for pid in census.below(worker.pid) if census.descriptors(pid) > 8][:1]
        files = [census.descriptors(pid) for pid in (worker.pid, runner)]
        sizes = [census.resident(pid) for pid in (worker.pid, runner)]

        # When: thousands more have run
        jobs = await run_many(ground, MANY)

        # Then: none was lost or charged for a renewal, and both processes are what they were
        assert {(job.state, job.attempts, job.losses) for job in jobs} == {(State.COMPLETED, 1, 0)}
        assert [job.result for job in jobs] == [str(n + 1).encode() for n in range(MANY)]
        later = [census.descriptors(pid) for pid in (worker.pid, runner)]
        grown = [census.resident(pid) - size for pid, size in zip((worker.pid, runner), sizes, strict=True)]
        print(f"jobs={MANY} descriptors {files} -> {later}, memory grown by {[g / MB for g in grown]} MB")  # noqa: T201
        assert all(after <= before + 3 for before, after in zip(files, later, strict=True))
        assert max(grown) < 16 * MB
        assert len(census.below(worker.pid)) <= 6
        assert worker.stop() == 0
