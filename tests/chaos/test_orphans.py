"""Nothing that a handler starts outlives its runner or child, however it hides and however they end."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from abaca import App
from abaca.codec import new_id
from abaca.model import State
from tests.chaos import census, pills
from tests.chaos.ground import Yard
from tests.integration.crew import WorkerProcess, crew
from tests.worker.harness import is_alive, is_gone, until

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.timeout(90),
    pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="keepers and this test need Linux's /proc"),
]
PILLS = "tests.chaos.pills:app"


@pytest.fixture
async def ground(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Yard]:
    async with App(sqlite_url) as app:
        yield Yard(app, tmp_path, pills.app)


@pytest.fixture
def mark(monkeypatch: pytest.MonkeyPatch) -> str:
    """What every process of this test carries in its environment."""
    mark = new_id()
    monkeypatch.setenv(census.VARIABLE, mark)
    return mark


async def nothing_is_left(mark: str) -> None:
    await until(lambda: not census.marked(mark), "every process of the worker is gone")


@pytest.mark.parametrize("task", ["daemon_apart", "daemon_inside"])
@pytest.mark.parametrize("then", ["segfault", "exit_zero", "kill_its_parent"])
async def test_a_daemon_goes_with_the_process_that_made_it(
    ground: Yard, sqlite_url: str, mark: str, task: str, then: str
) -> None:
    # Given: a handler that makes a daemon and then brings its own process to an end
    with crew(sqlite_url, 1, PILLS, lease="60s") as (worker,):
        # When: it is run
        job = await ground.ended(await ground.enqueue(task, then))
        daemon = int((await ground.marked(1))[0])

        # Then: it failed, and its daemon is gone although worker and runner go on
        assert job.state is State.FAILED
        await is_gone(daemon)
        after = await ground.ended(await ground.enqueue_plain("add", 1, 1))
        assert after.state is State.COMPLETED
        assert worker.stop() == 0
    # And: with the worker everything goes
    await nothing_is_left(mark)


@pytest.mark.parametrize("end", ["SIGTERM", "SIGKILL", "runner", "all but keepers"])
async def test_daemons_go_however_their_worker_ends(ground: Yard, sqlite_url: str, mark: str, end: str) -> None:
    # Given: handlers that made daemons and returned, in the runner and in a child
    with crew(sqlite_url, 1, PILLS, lease="60s") as (worker,):
        jobs = [await ground.ended(await ground.enqueue(task, "")) for task in ("daemon_inside", "daemon_apart")]
        daemons = [int(pid) for pid in await ground.marked(2)]
        runner, child = (int(job.result or b"0") for job in jobs)
        assert all(is_alive(pid) for pid in (*daemons, runner, child))

        # When: the worker is told to end, or it is killed, or only its runner is, or all that runs user code
        began = time.monotonic()
        match end:
            case "SIGTERM":
                assert worker.stop() == 0
            case "SIGKILL":
                worker.kill()
            case "runner":
                os.kill(runner, signal.SIGKILL)
            case _:
                census.freeze((worker.pid, runner, child), signal.SIGKILL)
        for pid in (*daemons, runner, child):
            await is_gone(pid)
        took = time.monotonic() - began

        # Then: nothing of it is left a moment later, and a worker that lost only its runner goes on
        assert took < 20
        if end == "runner":
            assert (await ground.ended(await ground.enqueue_plain("add", 1, 1))).state is State.COMPLETED
            assert worker.stop() == 0
    await nothing_is_left(mark)


async def test_a_fork_bomb_ends_with_its_job(ground: Yard, sqlite_url: str, mark: str) -> None:
    # Given: a handler whose child forks as fast as it may, in a session of its own
    with crew(sqlite_url, 1, PILLS, lease="60s", grace="300ms") as (worker,):
        job = await ground.enqueue("fork_bomb")
        (pid,) = await ground.marked(1)
        await until(lambda: len(census.marked(mark)) > 20, "the bomb has gone off")

        # When: it is cancelled
        await job.cancel()
        record = await ground.ended(job)

        # Then: not one of all those processes is left, and the worker works
        assert record.state is State.CANCELLED
        await is_gone(int(pid))
        await until(lambda: len(census.marked(mark)) <= 6, "only supervisor, runner, child and keepers are left")
        assert (await ground.ended(await ground.enqueue_plain("add", 1, 1))).state is State.COMPLETED
        assert worker.stop() == 0
    await nothing_is_left(mark)


async def test_a_keeper_that_was_killed_or_stopped_leaves_nothing_either(
    ground: Yard, sqlite_url: str, mark: str
) -> None:
    # Given: a runner with a daemon beneath it
    with crew(sqlite_url, 1, PILLS, lease="60s") as (worker,):
        runner = int((await ground.ended(await ground.enqueue("daemon_inside", ""))).result or b"0")
        daemon = int((await ground.marked(1))[0])
        keeper = keeper_of(worker, runner)

        # When: its keeper is killed
        os.kill(keeper, signal.SIGKILL)

        # Then: the runner goes with it, and the supervisor ends the daemon
        await is_gone(runner)
        await is_gone(daemon)

        # When: the next runner's keeper is stopped, and the worker is told to end
        other = int((await ground.ended(await ground.enqueue("daemon_inside", ""))).result or b"0")
        os.kill(keeper_of(worker, other), signal.SIGSTOP)
        worker.signal(signal.SIGTERM)
        worker.wait_says("draining")

        # Then: it ends none the less
        worker.wait()
    await nothing_is_left(mark)


def keeper_of(worker: WorkerProcess, runner: int) -> int:
    with open(f"/proc/{runner}/stat") as stat:
        keeper = int(stat.read().rpartition(")")[2].split()[1])
    assert keeper in census.below(worker.pid)
    return keeper
