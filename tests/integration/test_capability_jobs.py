"""What a job, a task and a store were promised to do, through the public names alone."""

from __future__ import annotations

import asyncio
import gc
import json
import re
import sys
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from abaca import App, Ctx, ErrorInfo, JobHandle, Kind, Progress, Retry, Status, TaskDeclarationError, UnknownTask
from abaca.backends import open_backend
from abaca.backends.memory import MemoryBackend
from abaca.cli import main
from abaca.clock import ManualClock
from abaca.policy.outcome import Raised
from abaca.testing import FailingBackend
from abaca.testing.clients import Client, Event
from abaca.testing.conformance.making import many
from tests.conformance.test_concurrent import LEASE_MS, judge
from tests.servers import RedisServer
from tests.unit.face import claim, returned, settle
from tests.worker.harness import until

BROKEN = Raised(error=ErrorInfo(type="builtins.OSError", message="busy", kinds=("builtins.OSError",)))


@pytest.fixture
async def app() -> AsyncIterator[App]:
    async with App("memory://") as app:
        yield app


def nothing() -> None: ...


async def test_the_status_tells_every_stage_of_a_job(store_url: str) -> None:
    # Given a job that is due later, on a store whose clock is ours
    clock = ManualClock()
    async with App(backend=open_backend(store_url, clock)) as app:
        task = app.task(retry=Retry(max_attempts=2, backoff=[60]))(nothing)
        job = await task.opts(delay=30).enqueue()
        seen = [await job.status()]
        # When it comes due, runs, fails, waits its back-off, runs again and completes
        clock.advance(31)
        seen.append(await job.status())
        (first,) = await claim(app)
        seen.append(await job.status())
        await settle(app, first, BROKEN)
        seen.append(await job.status())
        failed_once = await job.info()
        clock.advance(61)
        seen.append(await job.status())
        (second,) = await claim(app)
        await settle(app, second, returned(None))
        seen.append(await job.status())
        completed, outcome = await job.info(), await job.outcome()
    # Then each stage has its word
    assert seen == ["scheduled", "queued", "running", "retrying", "queued", "completed"]
    # And a failed attempt leaves its error, a completion none, and each change its time
    assert failed_once.error is not None
    assert failed_once.error.message == "busy"
    assert (outcome.error, outcome.completed_at.timestamp()) == (None, clock.now() / 1e6)
    assert [first.attempt, second.attempt, completed.attempts] == [1, 2, 2]
    created, started, claimed, ended = (
        completed.created_at,
        completed.started_at,
        completed.claimed_at,
        completed.ended_at,
    )
    assert [started, claimed, ended] == [created + 31_000_000, created + 92_000_000, created + 92_000_000]


async def test_a_back_off_takes_no_slot_from_other_jobs(app: App) -> None:
    # Given a worker with one slot, and a job that failed and is to run again in an hour
    @app.task(retry=Retry(backoff=["1h"]))
    async def fail() -> None:
        raise OSError("busy")

    @app.task
    async def other(n: int) -> int:
        return n

    job = await fail.enqueue()
    async with app.worker(concurrency=1):
        async for update in job.updates():
            if update.kind is Kind.ERROR:
                break
        # When other jobs come
        values = [await other.opts(wait=20).run(n) for n in range(3)]
    # Then they run at once, and the first still waits
    assert values == [0, 1, 2]
    assert await job.status() == Status.RETRYING


async def test_a_handler_that_always_fails_runs_max_attempts_times_under_three_workers(store_url: str) -> None:
    runs: list[tuple[int, bool]] = []
    async with App(store_url) as app:
        # Given a handler that always fails, and notes whether an attempt is left
        @app.task
        async def fail(ctx: Ctx) -> None:
            runs.append((ctx.attempt, ctx.attempt < ctx.max_attempts))
            raise OSError("always")

        # When three workers serve it and three attempts are given with the call
        three = [app.worker(concurrency=2, name=f"w{n}") for n in range(3)]
        async with three[0], three[1], three[2]:
            job = await fail.opts(retry=Retry(max_attempts=3, backoff="none")).enqueue()
            outcome = await job.outcome(timeout=30)
    # Then it ran three times and has failed for good
    assert (outcome.status, outcome.attempts) == (Status.FAILED, 3)
    assert runs == [(1, True), (2, True), (3, False)]


async def test_defaults_are_four_attempts_normal_priority_and_fifty_slots(app: App) -> None:
    # Given a task, a call and a worker without options
    @app.task
    async def look(ctx: Ctx) -> int:
        return ctx.max_attempts

    worker = app.worker()
    # When a job is run
    async with worker:
        job = await look.enqueue()
        value = await job.result(timeout=20)
    # Then the documented defaults hold
    spec = (await job.info()).spec
    assert (value, spec.priority, spec.queue, spec.timeout_ms) == (4, 50, "default", None)
    assert worker.options.concurrency == 50
    assert (worker.options.lease, worker.options.beat) == (15.0, 5.0)


async def test_beats_are_not_among_the_updates() -> None:
    # Given a run during which its worker beats several times
    store = FailingBackend(MemoryBackend())
    async with App(backend=store) as app:
        go = asyncio.Event()

        @app.task
        async def hold() -> None:
            await go.wait()

        async with app.worker(lease=3, beat=0.05):
            job = await hold.enqueue()
            await _update(job, "running")
            beats = store.calls["beat"]
            await until(lambda: store.calls["beat"] >= beats + 3, "three beats")
            go.set()
            # When its updates are read
            updates = [update async for update in job.updates()]
    # Then they tell of the job alone
    assert [(update.kind, update.value) for update in updates] == [
        (Kind.STATUS, "queued"),
        (Kind.STATUS, "running"),
        (Kind.STATUS, "completed"),
    ]


async def _update(job: JobHandle[Any], value: str) -> None:
    async for update in job.updates():
        if update.value == value:
            return


async def test_progress_is_so_many_of_so_many_with_stage_message_and_data(app: App) -> None:
    # Given a handler that reports where it stands
    go = asyncio.Event()

    @app.task
    async def fetch(ctx: Ctx) -> None:
        ctx.progress(3, 12, stage="initialization", message="Fetching strategy code...", data={"rows": 7})
        await go.wait()

    async with app.worker(concurrency=1):
        job = await fetch.enqueue()
        # When somebody follows it
        reports = (update async for update in job.updates() if update.kind is Kind.PROGRESS)
        value = (await anext(reports)).value
        stored = await job.progress()
        go.set()
        await job.result(timeout=20)
    # Then the report is there as it was made, and the job carries it too
    assert (value["stage"], value["message"], value["data"]) == (
        "initialization",
        "Fetching strategy code...",
        {"rows": 7},
    )
    assert 100 * value["done"] / value["total"] == 25
    assert stored == Progress(**value)
    assert stored is not None
    assert (stored.percent, str(stored)) == (25, "3 of 12 (25%), initialization, Fetching strategy code...")


async def test_a_job_that_said_nothing_has_no_progress(app: App) -> None:
    # Given a job that waits, asked as anybody would ask
    job = await app.task(nothing).enqueue()
    # Then there is no progress, and that is no error
    assert await job.progress() is None


@pytest.mark.parametrize(
    ("done", "total", "percent"),
    [(0, 4, 0), (1, 4, 25), (4, 4, 100), (5, 4, 100), (-1, 4, 0), (7, None, None), (0, 0, None)],
)
def test_percent_lies_between_0_and_100(done: float, total: float | None, percent: float | None) -> None:
    assert Progress(done=done, total=total).percent == percent


def test_times_for_machines_are_rfc_3339_in_utc(sqlite_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    # Given a stored job
    app = App(sqlite_url)
    id = app.task(nothing).enqueue_sync().id
    app.close_sync()
    # When it is printed as JSON
    with pytest.raises(SystemExit):
        main(["jobs", "show", id, "--json", "--url", sqlite_url])
    shown = json.loads(capsys.readouterr().out)
    # Then its times have microseconds and end in Z
    for name in ("created_at", "due_at"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", shown[name])


async def test_each_memory_app_has_an_empty_store_of_its_own() -> None:
    # Given an app in memory with a job
    async with App("memory://") as first, App("memory://") as second:
        job = await first.task(nothing).enqueue()
        # When another one looks, then it is empty
        assert (await (await second.backend()).stats()).queues == []
        assert await (await second.backend()).get([job.id]) == [None]
        # And the first still has it
        assert await job.status() == Status.QUEUED


def test_tasks_are_registered_and_found_from_many_threads() -> None:
    # Given an app, and threads that give way at every turn
    app = App("memory://")
    start = threading.Barrier(8)
    refused: list[str] = []
    interval = sys.getswitchinterval()

    def register(thread: int) -> None:
        start.wait()
        for n in range(50):
            app.task(name=f"own-{thread}-{n}")(nothing)
            assert app.tasks[f"own-{thread}-{n}"].name == f"own-{thread}-{n}"
            try:
                app.task(name=f"shared-{n}")(nothing)
            except TaskDeclarationError:
                refused.append(f"shared-{n}")

    # When all register their own tasks, and every thread the same fifty names besides
    threads = [threading.Thread(target=register, args=(n,)) for n in range(8)]
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    # Then each is there, and each shared name was given once
    assert len(app.tasks) == 8 * 50 + 50
    assert sorted(refused) == sorted([f"shared-{n}" for n in range(50)] * 7)


async def test_a_memory_store_keeps_its_promises_to_many_threads() -> None:
    # Given one store in memory, and eight threads with an event loop and a claimer each
    store = open_backend("memory://")
    await store.open()

    def quarrel(n: int) -> list[Event]:
        client = Client(store, f"t{n}", lease_ms=LEASE_MS, expected=480)
        return asyncio.run(client.run(many(60, first=1 + n * 60)))

    # When they insert, claim, settle, reclaim, come late and fall silent
    with ThreadPoolExecutor(8) as pool:
        loop = asyncio.get_running_loop()
        runs = await asyncio.gather(*(loop.run_in_executor(pool, quarrel, n) for n in range(8)))
    # Then every promise holds, and a replay gives the same verdicts and records
    await judge(store, [event for events in runs for event in events], 480)
    await store.close()


async def test_closing_an_app_returns_every_connection(redis_server: RedisServer) -> None:
    def connections() -> int:
        return len(str(redis_server.command("CLIENT", "LIST")).splitlines())

    # Given an app that has enqueued, worked and waited
    before = connections()
    async with App(redis_server.url) as app:
        task = app.task(nothing)
        async with app.worker(concurrency=2):
            await task.opts(wait=20).run()
        during = connections()
    # When it is closed, then no connection is left
    assert during > before
    await until(lambda: connections() == before, "all connections are gone")


async def test_a_store_given_to_an_app_keeps_no_connection_of_a_worker_that_ended(redis_server: RedisServer) -> None:
    def connections() -> int:
        return len(str(redis_server.command("CLIENT", "LIST")).splitlines())

    # Given an app on a store object, and no garbage collector to tidy up
    backend = open_backend(redis_server.url)
    async with App(backend=backend) as app:
        task = app.task(nothing)
        await task.enqueue()
        gc.disable()
        try:
            async with app.worker(concurrency=2):
                await task.opts(wait=20).run()
            first = connections()
            # When workers come and go, each with a heart in a loop of its own
            for _ in range(3):
                async with app.worker(concurrency=2):
                    await task.opts(wait=20).run()
            # Then none of their connections stays
            await until(lambda: connections() <= first, "the hearts' connections are gone")
        finally:
            gc.enable()


async def test_an_unknown_task_is_refused_with_its_name(app: App) -> None:
    with pytest.raises(UnknownTask, match="nowhere"):
        await app.enqueue_by_name("nowhere")
