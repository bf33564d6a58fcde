"""Middleware: one callable shape around every run, in every pool."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from abaca.model import Job, State
from abaca.policy.outcome import Outcome, Raised, Returned
from abaca.worker.middleware import CallNext, Middleware
from tests.worker import handlers
from tests.worker.harness import ONCE, Stage, soon


def tracer(name: str, trace: list[str]) -> Middleware:
    async def trace_run(job: Job, call_next: CallNext) -> Outcome | None:
        trace.append(f"{name} before {job.spec.task}")
        outcome = await call_next(job)
        trace.append(f"{name} after {type(outcome).__name__}")
        return outcome

    return trace_run


@pytest.mark.parametrize("pool", ["async", "thread", "process"])
async def test_the_first_is_the_outermost_and_sees_job_and_outcome(stage: Stage, pool: str) -> None:
    # Given: two middlewares around a handler
    trace: list[str] = []

    async def add() -> int:
        return 3

    def add_in_thread() -> int:
        return 3

    task: Any = {"async": add, "thread": add_in_thread}.get(pool)
    made = stage.task(name="sum")(task) if task else handlers.add
    args = (1, 2) if pool == "process" else ()

    # When: it is run
    async with stage.worker(middleware=[tracer("outer", trace), tracer("inner", trace)]):
        job = await stage.ended(await stage.submit(made, *args))

    # Then: they enclose it in order
    assert job.state is State.COMPLETED
    assert [line.split()[0:2] for line in trace] == [
        ["outer", "before"],
        ["inner", "before"],
        ["inner", "after"],
        ["outer", "after"],
    ]
    assert trace[-1] == "outer after Returned"


async def test_middleware_sees_a_failure_as_an_outcome(stage: Stage) -> None:
    # Given: a handler that fails
    seen: list[Outcome | None] = []

    async def look(job: Job, call_next: CallNext) -> Outcome | None:
        seen.append(await call_next(job))
        return seen[-1]

    @stage.task
    async def fail() -> None:
        raise ValueError("no")

    # When: it is run
    async with stage.worker(middleware=[look]):
        await stage.ended(await stage.submit(fail, retry=ONCE))

    # Then: no exception came up, but a value
    assert isinstance(seen[0], Raised)
    assert seen[0].error.type == "builtins.ValueError"


async def test_middleware_may_change_the_outcome(stage: Stage) -> None:
    # Given: a middleware that adds to every result
    async def louder(job: Job, call_next: CallNext) -> Outcome | None:
        outcome = await call_next(job)
        return (
            Returned(result=b'"' + msgspec.json.decode(outcome.result).upper().encode() + b'"')
            if isinstance(outcome, Returned)
            else outcome
        )

    @stage.task
    async def say() -> str:
        return "hello"

    # When: a job runs through it
    async with stage.worker(middleware=[louder]):
        job = await stage.ended(await stage.submit(say))

    # Then: what it returned is stored
    assert job.result == b'"HELLO"'


async def test_an_exception_in_middleware_fails_the_job_not_the_worker(stage: Stage) -> None:
    # Given: a middleware with a bug for one task
    async def broken(job: Job, call_next: CallNext) -> Outcome | None:
        if "bad" in job.spec.tags:
            raise KeyError("bug")
        return await call_next(job)

    @stage.task
    async def quick() -> int:
        return 1

    # When: jobs go through it
    async with stage.worker(middleware=[broken]):
        bad = await stage.ended(await stage.submit(quick, tags=("bad",), retry=ONCE))
        good = await stage.ended(await stage.submit(quick))

    # Then: the one failed with the bug, the other is done
    assert (bad.state, bad.error and bad.error.type) == (State.FAILED, "builtins.KeyError")
    assert good.state is State.COMPLETED


async def test_a_cancel_that_comes_after_the_handler_does_not_harm_another_run(stage: Stage) -> None:
    # Given: a middleware that takes its time after a process run, and one process slot
    after, go = asyncio.Event(), asyncio.Event()

    async def slow_end(job: Job, call_next: CallNext) -> Outcome | None:
        outcome = await call_next(job)
        if "slow" in job.spec.tags:
            after.set()
            await go.wait()
        return outcome

    async with stage.worker(middleware=[slow_end], process_slots=2, lease=3.0, beat=0.05):
        first = await stage.submit(handlers.add, 1, 2, tags=("slow",))
        await soon(after)

        # When: it is cancelled there, while its child process already serves another job
        second = await stage.submit(handlers.count_progress, 200_000)
        await stage.until(second, lambda job: job.state is State.RUNNING)
        await stage.backend.cancel([first])
        other = await stage.ended(second)
        go.set()
        job = await stage.ended(first)

    # Then: the other one never noticed, and the first keeps its result
    assert (other.state, other.attempts) == (State.COMPLETED, 1)
    assert job.state is State.COMPLETED
