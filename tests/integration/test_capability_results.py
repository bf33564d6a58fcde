"""What a caller was promised about results, through the public names alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from abaca import App, ErrorInfo, JobHandle, JobResult, ResultDisabled, ResultError, ResultExpired, Retry, Status
from abaca.clock import ManualClock
from abaca.model import DAY_MS, HOUR_MS, Keep
from abaca.policy.outcome import Returned
from abaca.testing import FailingBackend
from tests.unit.face import claim, settle
from tests.worker.harness import until


@pytest.fixture
async def app() -> AsyncIterator[App]:
    async with App("memory://") as app:
        yield app


async def count(words: list[str]) -> dict[str, int]:
    return {word: words.count(word) for word in words}


async def nothing() -> None: ...


async def refuse() -> int:
    raise ValueError("not today")


def ended_as(status: Status) -> JobResult[int]:
    now = datetime.now(UTC)
    return JobResult(
        job_id="j",
        status=status,
        value=None,
        has_value=False,
        error=None,
        started_at=now,
        completed_at=now,
        duration=0.0,
        attempts=1,
    )


@pytest.mark.parametrize("status", list(Status))
def test_success_is_completed_and_no_other_status(status: Status) -> None:
    assert ended_as(status).is_success is (status == "completed")


@pytest.mark.parametrize("status", list(Status))
def test_failure_is_failed_and_no_other_status(status: Status) -> None:
    assert ended_as(status).is_failed is (status == "failed")


async def test_an_outcome_names_its_job_its_times_and_its_value(app: App) -> None:
    # Given a job that was run by a worker
    task = app.task(count)
    began = datetime.now(UTC)
    async with app.worker(concurrency=2):
        job = await task.enqueue(["a", "b", "a"])
        # When its caller asks how it ended
        outcome = await job.outcome(timeout=20)
    # Then everything is said
    assert (outcome.job_id, outcome.status, outcome.value) == (job.id, Status.COMPLETED, {"a": 2, "b": 1})
    assert outcome.error is None
    assert outcome.started_at is not None
    assert began - timedelta(seconds=1) <= outcome.started_at <= outcome.completed_at <= datetime.now(UTC)
    assert outcome.duration == (outcome.completed_at - outcome.started_at).total_seconds()


async def test_a_failure_is_stored_with_its_error_its_length_and_its_end(app: App) -> None:
    # Given a job that fails
    task = app.task(retry=Retry(max_attempts=1))(refuse)
    async with app.worker(concurrency=2):
        # When its outcome is read, a second time by somebody who did not wait
        job = await task.enqueue()
        outcome = await job.outcome(timeout=20)
    # Then it was stored like a success
    assert await task.job(job.id).peek() == outcome
    assert (outcome.status, outcome.attempts, outcome.has_value) == (Status.FAILED, 1, False)
    assert isinstance(outcome.error, ErrorInfo)
    assert (outcome.error.type, outcome.error.message) == ("builtins.ValueError", "not today")
    assert "raise ValueError" in outcome.error.traceback
    assert outcome.duration is not None
    assert outcome.duration >= 0
    assert outcome.completed_at.tzinfo is not None


async def test_an_outcome_goes_to_json_and_back_unchanged(app: App) -> None:
    # Given the outcome of a success, of a failure and of a job that never ran
    good, bad = app.task(count), app.task(retry=Retry(max_attempts=1))(refuse)
    async with app.worker(concurrency=2):
        done = await (await good.enqueue(["a"])).outcome(timeout=20)
        failed = await (await bad.enqueue()).outcome(timeout=20)
    waiting = await bad.enqueue()
    await waiting.cancel()
    cancelled = await waiting.outcome()
    # When each travels as JSON
    arrived = msgspec.json.decode(msgspec.json.encode(done), type=JobResult[dict[str, int]])
    others = [msgspec.json.decode(msgspec.json.encode(one), type=JobResult[int]) for one in (failed, cancelled)]
    # Then each is the same
    assert arrived == done
    assert others == [failed, cancelled]


async def test_a_job_that_returns_nothing_has_the_value_none(app: App) -> None:
    task = app.task(nothing)
    async with app.worker(concurrency=2):
        outcome = await (await task.enqueue()).outcome(timeout=20)
    assert (outcome.is_success, outcome.has_value, outcome.value) == (True, True, None)


@pytest.mark.parametrize("stored", [b"{not json", b"\xff\xfe", b""])
async def test_a_stored_result_that_is_no_json_is_an_error_of_its_own(app: App, stored: bytes) -> None:
    # Given a completed job whose stored result is damaged
    job = await app.task(count).enqueue(["a"])
    (running,) = await claim(app)
    await settle(app, running, Returned(result=stored))
    # When its value is asked for, then the reader hears that it cannot be read
    with pytest.raises(ResultError):
        await job.result()
    with pytest.raises(ResultError):
        await job.outcome()
    # And the job is still a completed one
    assert await job.status() == Status.COMPLETED


async def test_forgetting_what_is_not_there_is_no_error(app: App) -> None:
    # Given a result that was forgotten, and a job that ended without one
    task = app.task(nothing)
    async with app.worker(concurrency=2):
        job = await task.enqueue()
        await job.outcome(timeout=20)
    await job.forget()
    cancelled = await task.enqueue()
    await cancelled.cancel()
    # When each is forgotten again, then nothing happens
    await job.forget()
    await cancelled.forget()
    assert await job.status() == Status.COMPLETED


async def test_a_run_takes_a_priority_and_a_time_to_wait(app: App) -> None:
    # Given a worker that tells which priority a job has
    seen: list[int] = []

    async def look(job, call_next):  # type: ignore[no-untyped-def]
        seen.append(job.spec.priority)
        return await call_next(job)

    app.add_middleware(look)
    task = app.task(count)
    # When a task is called and waited for
    async with app.worker(concurrency=2):
        value = await task.opts(priority="high", wait=20).run(["a"])
    # Then the value comes back, and the job had the priority
    assert (value, seen) == ({"a": 1}, [75])


def test_an_app_takes_a_url_and_retention_for_each_end() -> None:
    app = App("memory://", keep={"completed": "2h", "failed": "30d"})
    keep = app.task(nothing).call().job.keep
    assert keep == Keep(completed_ms=2 * HOUR_MS, failed_ms=30 * DAY_MS, by="app")


@pytest.mark.parametrize("by", ["argument", "setting"])
async def test_results_can_be_switched_off_for_a_whole_app(monkeypatch: pytest.MonkeyPatch, by: str) -> None:
    # Given an app that keeps no results, by its own word or by a setting
    monkeypatch.setenv("ABACA_KEEP_COMPLETED", "0" if by == "setting" else "1h")
    async with App("memory://", keep=0 if by == "argument" else None) as app:
        task = app.task(count)
        # When a job has run
        async with app.worker(concurrency=2):
            job = await task.enqueue(["a"])
            outcome = await job.outcome(timeout=20)
        # Then its end is known and its value is not
        assert (outcome.is_success, outcome.has_value) == (True, False)
        with pytest.raises((ResultDisabled, ResultExpired)):
            await job.result()


async def test_enqueuing_and_running_are_the_same_with_and_without_results(app: App) -> None:
    # Given one task twice, of which one keeps its results
    kept, dropped = app.task(name="kept")(count), app.task(name="dropped", keep=0)(count)
    # When both are enqueued and run
    async with app.worker(concurrency=2) as worker:
        jobs: list[JobHandle[dict[str, int]]] = [await task.enqueue(["a"]) for task in (kept, dropped)]
        first, second = [await job.outcome(timeout=20) for job in jobs]
        stats = worker.stats()
    # Then they differ in the value alone
    assert (first.status, second.status) == (Status.COMPLETED, Status.COMPLETED)
    assert (stats.processed, stats.succeeded, stats.failed) == (2, 2, 0)
    assert [first.value, second.value] == [{"a": 1}, None]


async def test_results_end_by_themselves_where_a_worker_lives() -> None:
    # Given a result whose time is over, and nobody who asked for it to be removed
    from abaca.backends.memory import MemoryBackend

    clock = ManualClock()
    store = FailingBackend(MemoryBackend(clock))
    async with App(backend=store) as app:
        job = await app.task(count).enqueue(["a"])
        (running,) = await claim(app)
        await settle(app, running, Returned(result=b'{"a":1}'))
        clock.advance(2 * HOUR_MS / 1000)
        assert not (await job.info()).purged
        # When any worker has lived for a moment
        async with app.worker(concurrency=1):
            await until(lambda: store.calls["purge"] > 0, "the worker purged")
        # Then only its end is left
        info = await job.info()
    assert (info.purged, info.result, info.status) == (True, None, Status.COMPLETED)
