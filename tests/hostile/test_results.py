"""Results that cannot be stored and exceptions that cannot be looked at: the job fails with that reason, nobody else.

RELIABILITY H4 and H5. Every row runs in a coroutine, in a thread and in a child process.
"""

from __future__ import annotations

import tracemalloc
from collections import ChainMap
from collections.abc import AsyncIterator
from typing import Any

import pytest

from abaca import App, Ctx, JobFailed, Retry
from abaca.codec import describe_error
from abaca.context import JobLogger
from abaca.model import Job, Kind, State
from abaca.worker.options import WorkerOptions
from abaca.worker.service import Worker
from tests.hostile import rude
from tests.worker.harness import ONCE, SMALL, Stage

pytestmark = pytest.mark.timeout(90)
POOLS = ["async", "thread", "process"]
ENOUGH = 40_000
"""Bytes that an error may take in the store: message, traceback and names together."""


@pytest.fixture
def stage() -> Stage:
    return Stage()


def worker(stage: Stage) -> Worker:
    tasks = ChainMap(stage.app.tasks, rude.app.tasks)
    options: dict[str, Any] = {**SMALL, "concurrency": 2}
    return Worker(tasks, stage.connect, WorkerOptions(**options))


def task_for(stage: Stage, pool: str, *, failing: bool) -> Any:
    if pool == "process":
        return rude.fail_rudely if failing else rude.give_rudely

    def act(ctx: Ctx, name: str) -> Any:
        if failing:
            raise rude.ERRORS[name]()
        return rude.RESULTS[name][0]()

    async def act_async(ctx: Ctx, name: str) -> Any:
        return act(ctx, name)

    return stage.task(act_async if pool == "async" else act)


async def run_all(stage: Stage, task: Any, names: list[str]) -> dict[str, Job]:
    """Every row once, and a sound job after them in the same slots."""

    @stage.task
    async def sound() -> int:
        return 1

    ids = [await stage.submit(task, name, retry=ONCE) for name in names]
    last = await stage.submit(sound)
    async with worker(stage):
        jobs = await stage.all_ended(ids, timeout=60)
        assert (await stage.ended(last)).state is State.COMPLETED
    return dict(zip(names, jobs, strict=True))


@pytest.mark.parametrize("pool", POOLS)
async def test_a_result_that_cannot_be_stored_fails_its_job_with_the_reason(stage: Stage, pool: str) -> None:
    # Given a handler that returns one impossible value after the other
    task = task_for(stage, pool, failing=False)
    # When all are run
    jobs = await run_all(stage, task, list(rude.RESULTS))
    # Then each job failed at its first run, says why, and keeps no result
    for name, (_, words) in rude.RESULTS.items():
        job = jobs[name]
        assert job.error is not None, name
        assert (job.state, job.attempts, job.result) == (State.FAILED, 1, None), name
        assert job.error.type in ("abaca.errors.ResultError", "abaca.errors.PayloadTooLarge"), name
        assert task.name in job.error.message, name
        assert words in job.error.message, (name, job.error.message)
        assert len(job.error.message) < 3_000, name


@pytest.mark.parametrize("pool", POOLS)
async def test_an_exception_that_cannot_be_looked_at_is_kept_as_bounded_text(stage: Stage, pool: str) -> None:
    jobs = await run_all(stage, task_for(stage, pool, failing=True), list(rude.ERRORS))
    for name, job in jobs.items():
        error = job.error
        assert error is not None, name
        assert (job.state, job.attempts) == (State.FAILED, 1), name
        kept = len(error.type) + len(error.message) + len(error.traceback) + sum(map(len, error.kinds))
        assert kept < ENOUGH, (name, kept)
        assert error.kinds[-1] == "builtins.BaseException", name
        (error.message + error.traceback + error.type).encode()
    assert jobs["silent"].error
    assert "cannot be made" in jobs["silent"].error.message
    assert jobs["huge"].error
    assert "characters left out" in jobs["huge"].error.message
    assert jobs["sly"].error
    assert jobs["sly"].error.message.startswith("sly sly")
    assert jobs["control"].error
    assert jobs["control"].error.message == "\x00\x1b[31m\r\n\\ud800\u202e"


def test_a_traceback_of_many_frames_costs_little_and_says_what_it_left_out() -> None:
    # Given an exception that came through a quarter of a million frames
    with pytest.raises(ValueError, match="the top") as fallen:
        rude.fall_from_far()
    # When it is described
    tracemalloc.start()
    try:
        error = describe_error(fallen.value)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Then only its last frames were looked at
    assert peak < 5_000_000
    assert len(error.traceback) < 20_000
    assert "earlier frames left out" in error.traceback
    assert error.traceback.rstrip().endswith("ValueError: the top")


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (rude.UglyRepr(), "whose repr raises builtins.SystemExit"),
        (rude.EndlessRepr(), "whose repr raises builtins.RecursionError"),
        ("\udcff.txt", "\\\\udcff.txt"),
        (rude.cycle(), "{...}"),
        (10**5000, "whose repr raises builtins.ValueError"),
        (object(), "<object object at"),
    ],
    ids=["ugly", "endless", "surrogate", "cycle", "huge number", "object"],
)
def test_no_value_makes_a_log_line_fail(value: Any, kept: str) -> None:
    lines: list[tuple[Kind, bytes]] = []
    JobLogger(lambda kind, data: lines.append((kind, data))).info("look: \ud800", value=value)
    assert kept in lines[0][1].decode()
    assert b"look: " in lines[0][1]


@pytest.fixture
async def app(store_url: str) -> AsyncIterator[App]:
    async with App(store_url) as app:
        yield app


async def test_a_client_without_the_exceptions_class_reads_what_happened(app: App) -> None:
    """Through every store: the error is text, and nothing is looked up by the name in it."""

    class OnlyHere(Exception): ...

    OnlyHere.__module__ = "os"
    OnlyHere.__qualname__ = "system"

    @app.task(retry=Retry(max_attempts=1))
    async def fail() -> int:
        raise OnlyHere("\x00 touch this \x1b[31m\ud800")

    job = await fail.enqueue()
    async with app.worker(concurrency=2):
        with pytest.raises(JobFailed) as failed:
            await app.job(job.id).result(timeout=20)
    assert (failed.value.type, failed.value.message) == ("os.system", "\x00 touch this \x1b[31m\\ud800")
    outcome = await job.outcome()
    assert outcome.error is not None
    assert outcome.error.kinds[0] == "os.system"
    assert "in fail" in outcome.error.traceback
