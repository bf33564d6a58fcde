"""What each end of a handler makes of its job, in every pool."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from abaca import Abort, Ctx, Retry, Snooze
from abaca.errors import CancelledByRequest
from abaca.model import Kind, State, Status, job_topic
from tests.worker import handlers
from tests.worker.harness import ONCE, TWICE, Stage


async def test_a_coroutine_returns_its_typed_result(stage: Stage) -> None:
    # Given: an async handler
    @stage.task
    async def double(n: int) -> int:
        return n * 2

    # When: a worker runs it
    async with stage.worker():
        job = await stage.ended(await stage.submit(double, 21))

    # Then: the result is stored and one run is charged
    assert (job.state, job.attempts, double.results.decode(job.result or b"")) == (State.COMPLETED, 1, 42)


async def test_a_thread_returns_its_result_and_is_not_the_loop(stage: Stage) -> None:
    # Given: a sync handler
    @stage.task
    def where() -> str:
        return threading.current_thread().name

    # When: a worker runs it
    async with stage.worker():
        job = await stage.ended(await stage.submit(where))

    # Then: another thread gave the result
    assert where.results.decode(job.result or b"") != threading.current_thread().name


async def test_a_child_process_returns_its_result(stage: Stage) -> None:
    # Given / When: a handler with pool="process" is run
    async with stage.worker():
        job = await stage.ended(await stage.submit(handlers.add, 2, 3))

    # Then: its result is stored
    assert (job.state, job.result) == (State.COMPLETED, b"5")


@pytest.mark.parametrize("pool", ["async", "thread"])
async def test_a_retry_that_succeeds_is_success_and_waiters_see_nothing_else(stage: Stage, pool: str) -> None:
    # Given: a handler that fails once, and somebody who listens for the job's end
    runs: list[int] = []

    def fail_once(ctx: Ctx) -> str:
        runs.append(ctx.attempt)
        if len(runs) == 1:
            raise OSError("not yet")
        return "done"

    async def fail_once_async(ctx: Ctx) -> str:
        return fail_once(ctx)

    task: Any = stage.task(fail_once if pool == "thread" else fail_once_async)
    id = await stage.submit(task, retry=TWICE)
    watch = await stage.backend.watch([job_topic(id)])

    # When: it is run to its end
    async with stage.worker():
        job = await stage.ended(id)

    # Then: the only terminal record that any hint carried is success; the failure is in the log
    ends = []
    while (hint := await watch.next(0.01)) is not None:
        if hint.job is not None and hint.job.state.ended:
            ends.append(hint.job.state)
    log = await stage.backend.updates(id, 0, 100)
    assert ends == [State.COMPLETED]
    assert (job.attempts, runs) == (2, [1, 2])
    assert [entry.kind for entry in log.entries] == [Kind.ERROR]


async def test_a_failure_waits_out_its_backoff_as_retrying(stage: Stage) -> None:
    # Given: a handler that fails, under a rule without chance
    @stage.app.task(retry=Retry(backoff="fixed"))
    async def fail() -> None:
        raise ValueError("always")

    # When: its first run is over
    async with stage.worker():
        job = await stage.until(await stage.submit(fail), lambda job: job.attempts == 1)

    # Then: it is due later, and says why
    assert (job.status, job.error and job.error.type) == (Status.RETRYING, "builtins.ValueError")
    assert job.due_at > job.seen_at


async def test_the_last_attempt_fails_with_type_message_and_traceback(stage: Stage) -> None:
    # Given: a handler that always fails, with two attempts
    @stage.task
    async def fail() -> None:
        raise ValueError("no good")

    # When: it is run to its end
    async with stage.worker():
        id = await stage.submit(fail, retry=TWICE)
        job = await stage.ended(id)
        log = await stage.backend.updates(id, 0, 10)

    # Then: the job failed with all that is known, and each attempt left its error
    assert job.error is not None
    assert (job.state, job.attempts, job.error.message, job.error.attempt) == (State.FAILED, 2, "no good", 2)
    assert "no good" in job.error.traceback
    assert [entry.value["attempt"] for entry in log.entries] == [1, 2]


async def test_an_error_that_the_rule_does_not_cover_is_not_retried(stage: Stage) -> None:
    # Given: a rule that covers OSError only
    @stage.task
    async def fail() -> None:
        raise ValueError("another kind")

    # When: it fails otherwise
    async with stage.worker():
        rule = type(TWICE)(max_attempts=5, on=("builtins.OSError",))
        job = await stage.ended(await stage.submit(fail, retry=rule))

    # Then: it is over
    assert (job.state, job.attempts) == (State.FAILED, 1)


async def test_snooze_puts_the_job_back_uncharged(stage: Stage) -> None:
    # Given: a handler that asks for later
    @stage.task
    async def later() -> None:
        raise Snooze(60)

    # When: it was run once
    async with stage.worker():
        id = await stage.submit(later)
        job = await stage.until(id, lambda job: job.state is State.WAITING and job.epoch == 1)

    # Then: nothing is charged and it is due in a minute
    assert (job.status, job.attempts, job.losses) == (Status.SCHEDULED, 0, 0)
    assert 55e6 < job.due_at - job.seen_at < 61e6


@pytest.mark.parametrize("delay", [-1, float("nan"), "soon"])
async def test_a_snooze_that_makes_no_sense_fails_the_job(stage: Stage, delay: Any) -> None:
    # Given: a handler that snoozes for no duration
    @stage.task
    async def later() -> None:
        raise Snooze(delay)

    # When: it is run
    async with stage.worker():
        job = await stage.ended(await stage.submit(later))

    # Then: the job failed and the message names the cause
    assert job.error is not None
    assert "Snooze" in job.error.message


async def test_abort_fails_without_retry(stage: Stage) -> None:
    # Given: a handler that knows it is of no use
    @stage.task
    def give_up() -> None:
        raise Abort("never")

    # When: it is run under a rule with many attempts
    async with stage.worker():
        job = await stage.ended(await stage.submit(give_up))

    # Then: it failed at once
    assert (job.state, job.attempts, job.error and job.error.message) == (State.FAILED, 1, "never")


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


BASE_EXCEPTIONS: list[Callable[[], BaseException]] = [
    KeyboardInterrupt,
    GeneratorExit,
    asyncio.CancelledError,
    CancelledByRequest,
    SystemExit,
    StopAsyncIteration,
    Unprintable,
    lambda: BaseExceptionGroup("many", [KeyboardInterrupt()]),
    MemoryError,
    RecursionError,
]


@pytest.mark.parametrize("make", BASE_EXCEPTIONS, ids=lambda make: getattr(make, "__name__", "group"))
@pytest.mark.parametrize("pool", ["async", "thread"])
async def test_whatever_a_handler_raises_is_its_job_s_failure(
    stage: Stage, make: Callable[[], BaseException], pool: str
) -> None:
    # Given: a handler that raises what nobody should
    def fail() -> None:
        raise make()

    async def fail_async() -> None:
        raise make()

    @stage.task
    async def fine() -> int:
        return 1

    task: Any = stage.task(fail if pool == "thread" else fail_async)

    # When: it is run, and an ordinary job after it
    async with stage.worker(concurrency=1):
        job = await stage.ended(await stage.submit(task, retry=ONCE))
        after = await stage.ended(await stage.submit(fine))

    # Then: the job failed with that type, and the worker goes on
    assert job.error is not None
    assert (job.state, job.attempts) == (State.FAILED, 1)
    assert job.error.type.rpartition(".")[2] == type(make()).__name__
    assert after.state is State.COMPLETED


async def test_sys_exit_in_a_handler_does_not_end_the_worker(stage: Stage) -> None:
    # Given: a handler that calls sys.exit(0), which looks like success
    @stage.task
    async def leave() -> None:
        sys.exit(0)

    # When: it is run
    async with stage.worker():
        job = await stage.ended(await stage.submit(leave, retry=ONCE))

    # Then: that is a failure
    assert (job.state, job.error and job.error.type) == (State.FAILED, "builtins.SystemExit")


@pytest.mark.parametrize(
    ("kind", "state", "error"),
    [
        ("snooze", State.WAITING, None),
        ("abort", State.FAILED, "abaca.errors.Abort"),
        ("keyboard", State.FAILED, "builtins.KeyboardInterrupt"),
        ("generator", State.FAILED, "builtins.GeneratorExit"),
        ("anything", State.FAILED, "builtins.ValueError"),
    ],
)
async def test_a_child_process_says_how_its_handler_ended(
    stage: Stage, kind: str, state: State, error: str | None
) -> None:
    # Given / When: a handler in a child process ends in its own way
    async with stage.worker():
        id = await stage.submit(handlers.outcome_of, kind, retry=ONCE)
        job = await stage.until(id, lambda job: job.epoch == 1 and job.state is not State.RUNNING)

    # Then: the outcome is the same as in the other pools
    assert (job.state, job.error and job.error.type) == (state, error)


async def test_the_context_tells_the_handler_who_it_is(stage: Stage) -> None:
    # Given: a handler that looks at its context
    @stage.task(timeout=30)
    async def look(ctx: Ctx) -> list[Any]:
        return [ctx.job_id, ctx.attempt, ctx.max_attempts, ctx.fence, ctx.deadline is not None, ctx.cancelled]

    # When: it is run
    async with stage.worker():
        id = await stage.submit(look, retry=TWICE)
        job = await stage.ended(id)

    # Then: all is as stored
    assert look.results.decode(job.result or b"") == [id, 1, 2, 1, True, False]
