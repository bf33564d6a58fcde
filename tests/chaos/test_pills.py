"""Handlers that do harm, in processes of their own and in the runner, beside innocents, under ``abaca worker``."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from abaca import App
from abaca.model import Job, State
from tests.chaos import pills
from tests.chaos.ground import Yard
from tests.integration.crew import crew
from tests.worker.handlers import lines

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(120)]
PILLS = "tests.chaos.pills:app"
LEASE = "25s"
"""Longer than a busy machine pauses; a claim whose reply died with its runner is back well within ``Yard.ended``."""
CRASHED, TIMED_OUT = "abaca.WorkerCrashed", "abaca.JobTimeout"

# pill | the error's type, a word of its message, the job's own timeout in ms (0: none)
TABLE: dict[str, tuple[str, str, int]] = {
    "segfault": (CRASHED, "SIGSEGV", 0),
    "abort": (CRASHED, "SIGABRT", 0),
    "exit_zero": (CRASHED, "status 0", 0),
    "exit_three": (CRASHED, "status 3", 0),
    "kill_itself": (CRASHED, "SIGKILL", 0),
    "kill_its_parent": (CRASHED, "SIGKILL", 0),
    "close_every_file": (CRASHED, "", 0),
    "sys_exit": ("builtins.SystemExit", "", 0),
    "interrupt": ("builtins.KeyboardInterrupt", "", 0),
    "leave_generator": ("builtins.GeneratorExit", "", 0),
    "cancel_itself": ("asyncio.exceptions.CancelledError", "", 0),
    "eat_memory": ("builtins.MemoryError", "", 0),
    "recurse_for_ever": ("", "", 0),  # by version and luck: MemoryError, RecursionError or SIGSEGV
    "hold_the_lock_asleep": (TIMED_OUT, "", 1500),
    "hold_the_lock_in_a_regex": (TIMED_OUT, "", 1500),
    "hold_the_lock_in_a_number": (TIMED_OUT, "", 1500),
    "spin_deaf": (TIMED_OUT, "", 1500),
    "stop_its_parent": ("", "", 0),  # whoever starts it again finds the signal
}
IN_THE_RUNNER = ("segfault", "abort", "exit_zero", "kill_itself", "kill_its_parent", "close_every_file")


@pytest.fixture
async def ground(shared_url: str, tmp_path: Path) -> AsyncIterator[Yard]:
    async with App(shared_url) as app:
        yield Yard(app, tmp_path, pills.app)


def convicted(job: Job, pill: str) -> None:
    """It failed for what it did, after its own two attempts and at most two losses."""
    type, word, _ = TABLE[pill]
    assert job.error is not None, (pill, job)
    assert (job.state, job.attempts) == (State.FAILED, 2), (pill, job)
    assert type in job.error.type, (pill, job.error)
    assert word in job.error.message, (pill, job.error)


async def test_each_pill_in_a_process_of_its_own_fails_for_what_it_did(sqlite_url: str, tmp_path: Path) -> None:
    # Given: an innocent that runs in the same worker all the while
    flags = {"lease": LEASE, "process-slots": "4"}
    async with App(sqlite_url) as app:
        ground = Yard(app, tmp_path, pills.app)
        await take_them_all(ground, sqlite_url, flags)


async def take_them_all(ground: Yard, url: str, flags: dict[str, str]) -> None:
    with crew(url, 1, PILLS, **flags) as (worker,):
        beside = await ground.enqueue("tick", str(ground.go_on))

        # When: every pill is taken, four at a time
        jobs = {
            pill: await ground.enqueue("take_apart", pill, timeout_ms=timeout or None)
            for pill, (_, _, timeout) in TABLE.items()
        }
        ended = {pill: await ground.ended(job) for pill, job in jobs.items()}
        after = [await ground.enqueue_plain("add", n, 1) for n in range(8)]
        done = [await ground.ended(job) for job in after]
        ground.go_on.touch()
        spared = await ground.ended(beside)

        # Then: each is charged, twice, for its own deed
        for pill, job in ended.items():
            convicted(job, pill)
        # And: neither the innocent nor the jobs that came after felt anything
        assert (spared.state, spared.attempts, spared.losses, spared.epoch) == (State.COMPLETED, 1, 0, 1)
        assert [(job.state, job.attempts, job.losses) for job in done] == [(State.COMPLETED, 1, 0)] * 8
        assert worker.stop() == 0


async def test_pills_in_the_runner_convict_themselves_one_by_one(ground: Yard, shared_url: str) -> None:
    # Given: innocents in the same runner
    with crew(shared_url, 1, PILLS, lease=LEASE, concurrency="60") as (worker,):
        beside = [await ground.enqueue("innocent", n, 3000) for n in range(20)]

        jobs = {pill: await ground.enqueue("take_inside", str(ground.go_on), pill) for pill in IN_THE_RUNNER}
        await ground.marked(len(beside) + len(jobs))

        # When: the pills kill that runner, and then whatever runs them
        ground.go_on.touch()
        ended = {pill: await ground.ended(job) for pill, job in jobs.items()}
        spared = [await ground.ended(job) for job in beside]
        starts = Counter(line.split(":")[0] for line in lines(ground.marks))

        # Then: each failed for its own deed, and started no more often than its attempts and two losses
        for pill, job in ended.items():
            convicted(job, pill)
            assert starts[pill] <= 2 + 2, (pill, starts)
        # And: no innocent was charged
        assert {(job.state, job.attempts) for job in spared} == {(State.COMPLETED, 1)}
        assert max(job.losses for job in spared) <= 2
        assert worker.is_running


async def test_a_process_that_a_handler_left_in_ruins_serves_the_next_job(ground: Yard, shared_url: str) -> None:
    # Given: one process, whose handler changed folder, environment, path, signals and the clock of the day
    with crew(shared_url, 1, PILLS, **{"process-slots": "1", "grace": "20s"}):
        wrecked = await ground.ended(await ground.enqueue_plain("wreck_the_house"))

        # When: other jobs come, and one of them is cancelled
        added = await ground.ended(await ground.enqueue_plain("add", 1, 2))
        left = await ground.ended(await ground.enqueue_plain("house_pid"))
        stuck = await ground.enqueue("wait_in_vain")
        (pid,) = await ground.marked(1)
        await stuck.cancel()
        stopped = await ground.ended(stuck)

    # Then: all went well in that same process, SIGTERM too, and the deadline is by the clock that its handler sees
    assert (added.state, added.result) == (State.COMPLETED, b"3")
    assert 20 < float(left.result or b"0") <= 30
    assert wrecked.result == pid.encode()
    assert stopped.state is State.CANCELLED


async def test_a_crash_between_the_end_of_a_handler_and_its_settle_costs_a_second_run(
    ground: Yard, shared_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given: a worker whose process ends when the first handler has returned and nobody was told
    died = tmp_path / "died"
    monkeypatch.setenv("ABACA_TEST_DIED", str(died))
    with crew(shared_url, 1, "tests.chaos.pills:dying", lease="60s"):
        # When: a job runs
        job = await ground.ended(await ground.enqueue("innocent", 7, 1))

    # Then: its effect is there twice, its end once, with the result of the second run
    assert died.exists()
    assert len(lines(ground.marks)) == 2
    assert (job.state, job.result, job.attempts, job.losses) == (State.COMPLETED, b"7", 2, 0)


async def test_one_pill_among_a_thousand_innocents(ground: Yard, shared_url: str) -> None:
    # Given: a thousand jobs, and in the middle of them one that kills its process whenever it runs
    with crew(shared_url, 1, PILLS, lease=LEASE, concurrency="100") as (worker,):
        before = [await ground.enqueue("innocent", n, 50) for n in range(500)]
        poison = await ground.enqueue("take_when", str(ground.go_on), "kill_itself", priority=99)
        behind = [await ground.enqueue("innocent", n, 50) for n in range(500, 1000)]
        ground.go_on.touch()

        # When: all have ended
        pill = await ground.ended(poison)
        others = [await ground.ended(job) for job in (*before, *behind)]
        starts = Counter(line.rpartition(":")[0] for line in lines(ground.marks))
        assert worker.is_running

    # Then: the pill failed after its own three attempts
    assert pill.error is not None
    assert (pill.state, pill.attempts, pill.error.type) == (State.FAILED, 3, CRASHED)
    assert "SIGKILL" in pill.error.message
    assert 3 <= starts["kill_itself"] <= 3 + 2
    # And: not one of the others was charged for it
    assert {(job.state, job.attempts) for job in others} == {(State.COMPLETED, 1)}
    assert [job.result for job in others] == [str(n).encode() for n in range(1000)]
    assert any(job.losses for job in others), "nobody stood beside the pill"
    assert max(starts.values()) <= 5


async def test_a_pill_that_kills_its_runner_during_a_drain_is_charged(ground: Yard, shared_url: str) -> None:
    # Given: a worker that drains, with a pill still at work
    with crew(shared_url, 1, PILLS, lease="60s", drain="20s") as (worker,):
        job = await ground.enqueue("take_when", str(ground.go_on), "exit_zero")
        await ground.marked(1)
        stopping = asyncio.create_task(asyncio.to_thread(worker.stop))
        await asyncio.to_thread(worker.wait_says, "draining")

        # When: it ends its process as if all were well
        ground.go_on.touch()
        await stopping
        record = await ground.record(job)

    # Then: the attempt counts
    assert (record.state, record.attempts, record.losses) == (State.WAITING, 1, 0)
    assert record.error is not None
    assert "status 0" in record.error.message
