"""A supervisor and its runners as real processes, killed, stopped and starved."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from abaca import App
from abaca.model import State
from tests.chaos.ground import YARD, Yard
from tests.integration.crew import WorkerProcess, crew
from tests.worker.harness import is_alive, is_gone

SLACK = 8.0
"""Seconds that a busy machine may add to any of these times."""
UNHURRIED = {"lease": "20s", "beat": "1s"}
"""Of a worker that takes over: what it runs it loses on no machine."""
pytestmark = [pytest.mark.chaos, pytest.mark.timeout(90)]


async def test_a_killed_runner_s_only_run_is_settled_at_once_and_charged(ground: Yard, shared_url: str) -> None:
    # Given: a worker whose leases are far too long to wait for, with one run
    with crew(shared_url, 1, YARD, lease="60s", beat="5s"):
        job = await ground.hold()
        (pid,) = await ground.marked(1)

        # When: its runner is killed
        began = time.monotonic()
        os.kill(int(pid), signal.SIGKILL)
        await ground.marked(2)
        took = time.monotonic() - began
        ground.go_on.touch()
        record = await ground.ended(job)

    # Then: the supervisor gave it back at once, charged, because nobody else can have done it
    assert took < 20
    assert (record.state, record.attempts, record.losses) == (State.COMPLETED, 2, 0)


async def test_a_killed_runner_s_many_runs_are_lost_uncharged_and_run_alone(ground: Yard, shared_url: str) -> None:
    # Given: three runs in one runner
    with crew(shared_url, 1, YARD, lease="60s", beat="5s"):
        jobs = [await ground.hold() for _ in range(3)]
        pids = await ground.marked(3)

        # When: it is killed
        os.kill(int(pids[0]), signal.SIGKILL)
        again = (await ground.marked(6))[3:]
        ground.go_on.touch()
        records = [await ground.ended(job) for job in jobs]

    # Then: none is charged, and each ran again in a process of its own
    assert {(record.state, record.attempts, record.losses) for record in records} == {(State.COMPLETED, 1, 1)}
    assert len(set(pids)) == 1
    assert len(set(again)) == 3


async def test_runs_in_child_processes_outlive_nothing_and_are_not_blamed(ground: Yard, shared_url: str) -> None:
    # Given: a run in the runner and one in a child process of its own
    with crew(shared_url, 1, YARD, lease="60s", beat="5s"):
        inside = await ground.hold()
        runner = int((await ground.marked(1))[0])
        outside = await ground.hold("hold_in_process")
        child = int((await ground.marked(2))[1])

        # When: the runner is killed
        os.kill(runner, signal.SIGKILL)
        await is_gone(child)
        await ground.marked(4)
        ground.go_on.touch()
        records = [await ground.ended(job) for job in (inside, outside)]

    # Then: the child went with it, and only the run inside the runner is charged
    assert [(record.attempts, record.losses) for record in records] == [(2, 0), (1, 1)]


async def test_when_the_supervisor_is_killed_its_runners_end_and_the_jobs_return(ground: Yard, shared_url: str) -> None:
    # Given: a worker with a run in the runner and one in a child process, and a second worker
    with crew(shared_url, 1, YARD, lease="3s", beat="300ms") as (first,):
        jobs = [await ground.hold(), await ground.hold("hold_in_process")]
        pids = [int(pid) for pid in await ground.marked(2)]
        with crew(shared_url, 1, YARD, **UNHURRIED):
            # When: the first supervisor is killed, and nothing else
            began = time.monotonic()
            first.kill()
            for pid in pids:
                await is_gone(pid)
            gone = time.monotonic() - began
            await ground.marked(4)
            took = time.monotonic() - began
            ground.go_on.touch()
            records = [await ground.ended(job) for job in jobs]

    # Then: its processes died with it, and the jobs ran again within lease + 2 s, uncharged
    assert gone < SLACK
    assert took < 3 + 2 + SLACK
    assert {(record.state, record.attempts, record.losses) for record in records} == {(State.COMPLETED, 1, 1)}


def freeze(pids: set[int], number: signal.Signals) -> None:
    for pid in pids:
        os.kill(pid, number)


async def test_a_worker_stopped_past_its_lease_and_continued_is_refused(ground: Yard, shared_url: str) -> None:
    # Given: a worker at work
    with crew(shared_url, 1, YARD, lease="1s", beat="200ms") as (zombie,):
        job = await ground.enqueue("speak", str(ground.go_on), "said")
        runner = int((await ground.marked(1))[0].split(":")[0])

        # When: it is stopped whole, another worker takes the job and finishes it, and the first goes on
        freeze({zombie.pid, runner}, signal.SIGSTOP)
        with crew(shared_url, 1, YARD, **UNHURRIED) as (heir,):
            await ground.marked(2)
            ground.go_on.touch()
            before = await ground.ended(job)
            freeze({zombie.pid, runner}, signal.SIGCONT)
            ground.go_on.unlink()
            after_job = await ground.enqueue("speak", str(ground.go_on), "next")
            ground.go_on.touch()
            await ground.ended(after_job)
            assert heir.stop() == 0
        assert zombie.stop() == 0
        after = await ground.record(job)

    # Then: the record is the heir's and nothing of it has changed
    assert after.epoch == before.epoch >= 3
    assert (after.state, after.attempts) == (State.COMPLETED, 1)
    assert after.result == before.result == f'"said {after.epoch}"'.encode()
    assert after.revision == before.revision


async def test_a_zombie_that_goes_on_while_its_heir_still_works_changes_nothing(ground: Yard, shared_url: str) -> None:
    # Given: a worker at work
    with crew(shared_url, 1, YARD, lease="1s", beat="200ms") as (zombie,):
        job = await ground.enqueue("speak", str(ground.go_on), "said")
        runner = int((await ground.marked(1))[0].split(":")[0])

        # When: it is stopped, the heir begins, and the zombie goes on before the heir is done
        freeze({zombie.pid, runner}, signal.SIGSTOP)
        with crew(shared_url, 1, YARD, **UNHURRIED):
            await ground.marked(2)
            freeze({zombie.pid, runner}, signal.SIGCONT)
            ground.go_on.touch()
            record = await ground.ended(job)
        zombie.stop()
        after = await ground.record(job)

    # Then: the result is that of the newest epoch, once
    assert record.result == f'"said {record.epoch}"'.encode()
    assert (after.revision, after.result, after.attempts) == (record.revision, record.result, 1)


@pytest.mark.parametrize("how", ["sleep", "regex"])
async def test_a_run_that_holds_the_interpreter_keeps_its_lease_and_dies_at_its_timeout(
    ground: Yard, shared_url: str, how: str
) -> None:
    # Given: leases of 2 s, and an innocent run beside one that never lets go of the lock
    with crew(shared_url, 1, YARD, lease="2s", beat="200ms", grace="500ms"):
        innocent = await ground.hold()
        await ground.marked(1)
        began = time.monotonic()
        culprit = await ground.enqueue("hold_gil", how, timeout_ms=6000)
        await ground.marked(2)

        # When: its timeout of three leases passes
        guilty = await ground.ended(culprit)
        took = time.monotonic() - began
        await ground.marked(3)
        ground.go_on.touch()
        free = await ground.ended(innocent)

    # Then: it is the one that is charged, the other only lost its run
    assert guilty.error is not None
    assert (guilty.state, guilty.attempts, guilty.error.type) == (State.FAILED, 1, "abaca.JobTimeout")
    assert (free.state, free.attempts) == (State.COMPLETED, 1)
    if shared_url.startswith("redis"):
        # And until its timeout nobody took it away. In SQLite a frozen runner may hold the file's write lock, so that
        # nobody's beat gets through; then the run is lost and times out under quarantine.
        assert guilty.epoch == 1
        assert 6.0 < took < 6.0 + 0.5 + 0.5 + SLACK
        assert free.losses == 1


@pytest.mark.parametrize("task", ["spin", "swallow"])
async def test_a_cancelled_run_that_will_not_end_costs_its_runner(ground: Yard, shared_url: str, task: str) -> None:
    # Given: a thread in a busy loop, or a coroutine that eats every cancel
    with crew(shared_url, 1, YARD, lease="10s", beat="200ms", grace="300ms") as (worker,):
        job = await ground.enqueue(task)
        pid = int((await ground.marked(1))[0])

        # When: it is cancelled
        began = time.monotonic()
        await job.cancel()
        record = await ground.ended(job)
        took = time.monotonic() - began
        await is_gone(pid)

        # Then: it is cancelled, its runner was killed, and the worker goes on with another
        after = await ground.enqueue("nap", 1, 1)
        assert (await ground.ended(after)).state is State.COMPLETED
        assert worker.is_running
    assert (record.state, record.attempts) == (State.CANCELLED, 1)
    assert took < 0.2 + 0.3 + SLACK


async def test_a_cancel_is_heeded_while_its_worker_drains(ground: Yard, shared_url: str) -> None:
    # Given: a worker that drains, with far more patience than the test, and a run that waits for nobody
    with crew(shared_url, 1, YARD, lease="6s", beat="200ms", drain="80s") as (worker,):
        job = await ground.hold()
        await ground.marked(1)
        worker.signal(signal.SIGTERM)
        worker.wait_says("draining")

        # When: the job is cancelled
        await job.cancel()
        record = await ground.ended(job)

        # Then: it is told, and with it the drain is over
        assert record.state is State.CANCELLED
        assert worker.wait() == 0


async def test_sigterm_gives_back_what_does_not_finish_and_exits_zero(ground: Yard, shared_url: str) -> None:
    # Given: runs of every kind that will not end in time
    with crew(shared_url, 1, YARD, drain="300ms", lease="30s") as (worker,):
        jobs = [await ground.hold(), await ground.hold("hold_in_process"), await ground.enqueue("spin")]
        pids = {int(pid) for pid in await ground.marked(3)}

        # When: the worker is told to end
        began = time.monotonic()
        status = worker.stop()
        took = time.monotonic() - began

    # Then: it ended well, every run is back in line, uncharged, and no process is left
    records = [await ground.record(job) for job in jobs]
    assert status == 0
    assert took < 20
    assert [(record.state, record.attempts, record.losses) for record in records] == [(State.WAITING, 0, 0)] * 3
    assert not any(is_alive(pid) for pid in pids)


async def test_a_job_cancelled_while_its_runner_dies_is_cancelled(ground: Yard, shared_url: str) -> None:
    # Given: a running job with beats too rare to tell its runner
    with crew(shared_url, 1, YARD, lease="60s", beat="20s"):
        job = await ground.hold()
        (pid,) = await ground.marked(1)
        await job.cancel()

        # When: its runner dies
        os.kill(int(pid), signal.SIGKILL)
        record = await ground.ended(job)

    # Then: it is not run again
    assert record.state is State.CANCELLED


@pytest.mark.parametrize(
    ("app", "says"),
    [
        ("tests.chaos.broken:app", "runners die before they are ready"),
        ("tests.chaos.raising:app", "cannot be imported: RuntimeError: this module is broken"),
        ("tests.chaos.nowhere:app", "no module named 'tests.chaos.nowhere'"),
        ("tests.chaos.yard:nothing", "has no 'nothing'"),
        ("tests.chaos.yard", "module:attribute"),
        ("os:path", "that is no App but module"),
    ],
)
def test_an_application_that_cannot_be_loaded_ends_the_worker_with_a_word(sqlite_url: str, app: str, says: str) -> None:
    # Given / When: a worker for an application that dies at its import, is not there, or is none
    worker = WorkerProcess(sqlite_url, app)
    try:
        status = worker.wait()
    finally:
        worker.kill()

    # Then: it ends with an error and says why
    assert status != 0
    assert says in worker.log


def test_a_memory_store_is_refused() -> None:
    # Given / When: a worker on a store that processes cannot share
    worker = WorkerProcess("memory://", YARD)
    try:
        status = worker.wait()
    finally:
        worker.kill()

    # Then: it ends and names what can be used
    assert status != 0
    assert "sqlite://" in worker.log


async def test_an_application_that_breaks_later_is_waited_for(tmp_path: Path, sqlite_url: str) -> None:
    # Given: a worker at work
    code = (
        "import os\nfrom abaca import App, Retry\napp = App()\n"
        "@app.task(retry=Retry(max_attempts=1))\nasync def die() -> None: os._exit(3)\n"
        "@app.task\nasync def live() -> int: return 7\n"
    )
    module = tmp_path / "breaking.py"
    module.write_text(code)
    environment = {**os.environ, "ABACA_URL": sqlite_url, "PYTHONDONTWRITEBYTECODE": "1"}
    words = [sys.executable, "-m", "abaca", "worker", "breaking:app"]
    worker = WorkerProcess.of_command(words, environment, tmp_path)
    try:
        await asyncio.to_thread(worker.wait_says, "worker started")

        # When: its runner dies while somebody edits the module
        module.write_text("app = (\n")
        async with App(sqlite_url) as app:
            await app.enqueue_by_name("die")
            await asyncio.to_thread(worker.wait_says, "a new runner cannot start")
            assert worker.is_running

            # Then: it goes on when the module is whole again
            module.write_text(code)
            job = await app.enqueue_by_name("live")
            assert await job.result(timeout=60) == 7
        assert worker.stop() == 0
    finally:
        worker.kill()
