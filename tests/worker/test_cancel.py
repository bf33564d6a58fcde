"""Cancelling and timing out, before and during a run, in every pool."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from abaca import Ctx
from abaca.model import Cancelled, State
from tests.worker import handlers
from tests.worker.harness import ONCE, QUICK, TWICE, Stage, file_comes, is_alive, soon, until


async def test_a_waiting_job_is_cancelled_at_once_and_never_runs(stage: Stage) -> None:
    # Given: a job that is due later
    ran: list[int] = []

    @stage.task
    async def note() -> None:
        ran.append(1)

    id = await stage.submit(note, delay_ms=60_000)

    # When: it is cancelled while a worker is there
    async with stage.worker():
        answer = await stage.backend.cancel([id])
        job = await stage.get(id)

    # Then: that was all
    assert (answer, job.state, job.attempts, ran) == ([Cancelled.ENDED], State.CANCELLED, 0, [])


async def test_a_running_coroutine_is_cancelled_within_a_beat(stage: Stage) -> None:
    # Given: a coroutine that would run for a minute and tidies up at its end
    started, tidied = asyncio.Event(), asyncio.Event()

    @stage.task
    async def long(ctx: Ctx) -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            assert ctx.cancelled
            tidied.set()

    async with stage.worker(**QUICK):
        id = await stage.submit(long)
        await soon(started)

        # When: it is cancelled
        await stage.backend.cancel([id])
        job = await stage.ended(id)

    # Then: it was interrupted, and the run is charged
    assert tidied.is_set()
    assert (job.state, job.attempts) == (State.CANCELLED, 1)


async def test_clean_up_that_takes_many_beats_is_not_interrupted_again(stage: Stage) -> None:
    # Given: a coroutine whose clean-up takes several beats, but less than the grace time
    started = asyncio.Event()
    done: list[str] = []

    @stage.task
    async def careful() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.3)  # sleeps: it has to take time
            done.append("clean")

    async with stage.worker(lease=3.0, beat=0.03, grace=5.0):
        id = await stage.submit(careful)
        await soon(started)

        # When: it is cancelled
        await stage.backend.cancel([id])
        await stage.ended(id)

    # Then: the clean-up ran to its end
    assert done == ["clean"]


async def test_a_coroutine_that_swallows_one_cancel_is_told_again(stage: Stage) -> None:
    # Given: a coroutine that eats the first interruption
    started = asyncio.Event()
    eaten: list[int] = []

    @stage.task
    async def greedy() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            eaten.append(1)
        await asyncio.Event().wait()

    async with stage.worker(grace=0.1, **QUICK):
        id = await stage.submit(greedy)
        await soon(started)

        # When: it is cancelled
        await stage.backend.cancel([id])
        job = await stage.ended(id)

    # Then: the second interruption ended it
    assert (job.state, eaten) == (State.CANCELLED, [1])


async def test_a_coroutine_that_swallows_the_cancel_and_returns_has_completed(stage: Stage) -> None:
    # Given: a coroutine that answers the interruption with a value
    started = asyncio.Event()

    @stage.task
    async def partial() -> str:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "half"
        return "whole"

    async with stage.worker(**QUICK):
        id = await stage.submit(partial)
        await soon(started)

        # When: it is cancelled
        await stage.backend.cancel([id])
        job = await stage.ended(id)

    # Then: what it returned is its result
    assert (job.state, job.result) == (State.COMPLETED, b'"half"')


async def test_a_failure_after_a_cancel_is_not_retried(stage: Stage) -> None:
    # Given: a coroutine that turns the interruption into an error of its own
    started = asyncio.Event()

    @stage.task
    async def confused() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise OSError("connection closed") from None

    async with stage.worker(**QUICK):
        id = await stage.submit(confused, retry=TWICE)
        await soon(started)

        # When: it is cancelled
        await stage.backend.cancel([id])
        job = await stage.ended(id)

    # Then: it is cancelled, with the error kept
    assert (job.state, job.attempts) == (State.CANCELLED, 1)
    assert job.error is not None


async def test_a_thread_is_told_by_its_flag(stage: Stage) -> None:
    # Given: a sync handler that looks at its flag between steps
    loop = asyncio.get_running_loop()
    started = asyncio.Event()

    @stage.task
    def stepwise(ctx: Ctx) -> None:
        loop.call_soon_threadsafe(started.set)
        pause = threading.Event()
        for _ in range(6000):
            ctx.raise_if_cancelled()
            pause.wait(0.01)

    async with stage.worker(**QUICK):
        id = await stage.submit(stepwise)
        await soon(started)

        # When: it is cancelled
        await stage.backend.cancel([id])
        job = await stage.ended(id)

    # Then: it left at the next step
    assert (job.state, job.attempts) == (State.CANCELLED, 1)


async def test_a_thread_that_ignores_its_flag_keeps_its_slot_until_it_ends(stage: Stage) -> None:
    # Given: the only thread, busy and deaf
    loop = asyncio.get_running_loop()
    started, go = asyncio.Event(), threading.Event()

    @stage.task
    def deaf() -> int:
        loop.call_soon_threadsafe(started.set)
        go.wait()
        return 1

    @stage.task
    def other() -> int:
        return 2

    async with stage.worker(concurrency=1, **QUICK):
        id = await stage.submit(deaf, timeout_ms=50, retry=ONCE)
        await soon(started)
        waiting = await stage.submit(other)

        # When: its time is over while it goes on
        claimed_at = (await stage.get(id)).claimed_at or 0
        await until(lambda: time.time() * 1e6 > claimed_at + 200_000, "four times its timeout")
        meanwhile = (await stage.get(waiting)).state
        go.set()
        jobs = await stage.all_ended([id, waiting])

    # Then: only its own end freed the slot
    assert meanwhile is State.WAITING
    assert [job.state for job in jobs] == [State.COMPLETED, State.COMPLETED]


@pytest.mark.parametrize("task", [handlers.spin, handlers.tidy_up], ids=lambda task: task.name)
async def test_a_child_process_gets_sigterm(stage: Stage, tmp_path: Path, task: Any) -> None:
    # Given: a child process at work
    started, tidied = tmp_path / "started", tmp_path / "tidied"
    args = (str(started),) if task is handlers.spin else (str(started), str(tidied))
    async with stage.worker(grace=10.0, **QUICK):
        id = await stage.submit(task, *args)
        pid = int((await file_comes(started))[0])

        # When: its job is cancelled
        await stage.backend.cancel([id])
        job = await stage.ended(id, 8)

    # Then: SIGTERM was enough, its last words were heard, and the process is gone
    assert (job.state, job.attempts) == (State.CANCELLED, 1)
    assert task is handlers.spin or handlers.lines(tidied) == ["tidied"]
    assert not is_alive(pid)


@pytest.mark.parametrize("task", [handlers.stubborn, handlers.hold_gil], ids=lambda task: task.name)
async def test_a_child_process_that_ignores_sigterm_is_killed(stage: Stage, tmp_path: Path, task: Any) -> None:
    # Given: a child that SIGTERM cannot reach
    started = tmp_path / "started"
    async with stage.worker(grace=0.3, **QUICK):
        id = await stage.submit(task, str(started))
        pid = int((await file_comes(started))[0])

        # When: its job is cancelled
        began = time.monotonic()
        await stage.backend.cancel([id])
        job = await stage.ended(id)

    # Then: SIGKILL came after the grace time
    assert (job.state, job.attempts) == (State.CANCELLED, 1)
    assert 0.25 < time.monotonic() - began < 10
    assert not is_alive(pid)


async def test_a_coroutine_past_its_timeout_fails_and_is_retried_by_its_rule(stage: Stage) -> None:
    # Given: a coroutine that is too slow once
    runs: list[int] = []

    @stage.task(timeout="500ms")
    async def slow_once(ctx: Ctx) -> int:
        runs.append(ctx.attempt)
        if len(runs) == 1:
            await asyncio.Event().wait()
        return ctx.attempt

    # When: it is run
    async with stage.worker():
        id = await stage.submit(slow_once, retry=TWICE)
        job = await stage.ended(id)
        log = await stage.backend.updates(id, 0, 10)

    # Then: the first run timed out, the second gave the result
    assert (job.state, job.attempts, runs) == (State.COMPLETED, 2, [1, 2])
    assert "0.5 s" in log.entries[0].value["message"]


async def test_a_thread_past_its_timeout_that_heeds_the_flag_has_timed_out(stage: Stage) -> None:
    # Given: a sync handler that looks at its flag
    @stage.task(timeout="50ms")
    def stepwise(ctx: Ctx) -> None:
        pause = threading.Event()
        for _ in range(6000):
            ctx.raise_if_cancelled()
            pause.wait(0.01)

    # When: it is run
    async with stage.worker():
        job = await stage.ended(await stage.submit(stepwise, retry=ONCE))

    # Then: it failed for its time
    assert job.error is not None
    assert (job.state, job.error.type) == (State.FAILED, "abaca.JobTimeout")


@pytest.mark.parametrize("task", [handlers.spin, handlers.stubborn, handlers.hold_gil], ids=lambda task: task.name)
async def test_a_child_past_its_timeout_is_stopped_whatever_it_does(stage: Stage, tmp_path: Path, task: Any) -> None:
    # Given: a child that computes for ever, ignores signals, or holds the interpreter's lock
    started = tmp_path / "started"

    # When: it is run with a timeout
    began = time.monotonic()
    async with stage.worker(grace=0.2):
        job = await stage.ended(await stage.submit(task, str(started), timeout_ms=500, retry=ONCE))
        took = time.monotonic() - began

    # Then: it failed for its time, soon after timeout and grace time (most of this is the child's start), and is gone
    assert job.error is not None
    assert (job.state, job.error.type) == (State.FAILED, "abaca.JobTimeout")
    assert took < 10
    assert all(not is_alive(int(pid)) for pid in handlers.lines(started))


async def test_a_job_cancelled_while_its_child_is_made_never_begins(stage: Stage, tmp_path: Path) -> None:
    # Given: a run that is told to stop in the very moment in which it starts
    started = tmp_path / "started"
    before = set(os.listdir("/proc"))

    async def cancel_first(job: Any, call_next: Any) -> Any:
        running = asyncio.ensure_future(call_next(job))
        await asyncio.sleep(0)
        await stage.backend.cancel([job.id])
        return await running

    async with stage.worker(middleware=[cancel_first], **QUICK) as worker:
        # When: it is cancelled there
        job = await stage.ended(await stage.submit(handlers.spin, str(started)))
        await stage.ended(await stage.submit(handlers.spin, str(started)))
        assert worker.stats().running == 0

    # Then: it ended as cancelled, and no process is left behind
    assert job.state is State.CANCELLED
    left = [pid for pid in set(os.listdir("/proc")) - before if pid.isdigit() and _is_child_of_ours(pid)]
    assert left == []


def _is_child_of_ours(pid: str) -> bool:
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return False
    return words[0] != "Z" and int(words[1]) == os.getpid()
