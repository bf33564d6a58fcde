"""Child processes: how they die, what is said of it, when they are replaced, and who is blamed."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from abaca.model import Job, Lease, RetryRule, Settle, State, Transition
from abaca.policy.decide import Memo, decide, quarantined
from abaca.policy.outcome import Crashed
from tests.worker import handlers
from tests.worker.harness import AT_ONCE, ONCE, QUICK, TWICE, Stage, file_comes, is_gone

PIDS = RetryRule(max_attempts=3, backoff=AT_ONCE)


async def pid_of(stage: Stage) -> int:
    job = await stage.ended(await stage.submit(handlers.pid))
    return int(job.result or b"0")


async def test_exit_zero_without_a_result_is_a_failure(stage: Stage) -> None:
    # Given / When: a handler calls os._exit(0)
    async with stage.worker():
        job = await stage.ended(await stage.submit(handlers.exit_zero, retry=ONCE))

    # Then: that is no success, and the message says what happened
    assert job.error is not None
    assert (job.state, job.attempts, job.error.type) == (State.FAILED, 1, "abaca.WorkerCrashed")
    assert "status 0" in job.error.message


@pytest.mark.parametrize(
    ("task", "args", "says"),
    [
        (handlers.die_of, (int(signal.SIGKILL),), "SIGKILL"),
        (handlers.die_of, (int(signal.SIGABRT),), "SIGABRT"),
        (handlers.segfault, (), "SIGSEGV"),
    ],
    ids=["kill", "abort", "segfault"],
)
async def test_a_crash_is_charged_and_names_the_signal(stage: Stage, task: Any, args: tuple[int], says: str) -> None:
    # Given / When: a handler that kills its own process, under a rule with two attempts, and another job
    async with stage.worker():
        job, other = await stage.all_ended(
            [await stage.submit(task, *args, retry=TWICE), await stage.submit(handlers.add, 1, 1)]
        )

    # Then: each attempt was charged to it alone, and the last one names the signal
    assert job.error is not None
    assert (job.state, job.attempts, job.losses) == (State.FAILED, 2, 0)
    assert says in job.error.message
    assert (other.state, other.attempts) == (State.COMPLETED, 1)


async def test_sys_exit_in_a_child_is_a_failure_and_the_child_lives_on(stage: Stage) -> None:
    # Given: one process slot
    async with stage.worker(process_slots=1):
        first = await pid_of(stage)

        # When: a handler calls sys.exit(0) there
        job = await stage.ended(await stage.submit(handlers.sys_exit, retry=ONCE))

        # Then: its job failed, and the same process takes the next one
        assert (job.state, job.error and job.error.type) == (State.FAILED, "builtins.SystemExit")
        assert await pid_of(stage) == first


async def test_a_runaway_recursion_fails_its_job_only(stage: Stage) -> None:
    # Given / When: a handler that calls itself without end, then another job
    async with stage.worker():
        job = await stage.ended(await stage.submit(handlers.recursion, retry=ONCE))
        after = await stage.ended(await stage.submit(handlers.add, 1, 1))

    # Then: one failed and the other is done
    assert (job.state, after.state) == (State.FAILED, State.COMPLETED)


async def test_a_handler_that_closes_every_file_harms_only_its_own_job(stage: Stage) -> None:
    # Given / When: a handler closes all descriptors of its process, then another job comes
    async with stage.worker(process_slots=1):
        job = await stage.ended(await stage.submit(handlers.close_all_files, retry=ONCE))
        after = await stage.ended(await stage.submit(handlers.add, 1, 1))

    # Then: the first failed, the second got a fresh process
    assert (job.state, job.error and job.error.type) == (State.FAILED, "abaca.WorkerCrashed")
    assert after.state is State.COMPLETED


async def test_a_handler_that_changes_the_signals_does_not_make_the_next_one_unstoppable(
    stage: Stage, tmp_path: Path
) -> None:
    # Given: a process whose last handler ignored SIGTERM, emptied the environment and changed the directory
    started = tmp_path / "started"
    async with stage.worker(process_slots=1, grace=10.0, **QUICK):
        first = await stage.ended(await stage.submit(handlers.change_the_house))
        id = await stage.submit(handlers.spin, str(started))
        pid = (await file_comes(started))[0]

        # When: the next job in it is cancelled
        await stage.backend.cancel([id])
        job = await stage.ended(id, 8)

    # Then: it was the same process, and SIGTERM worked
    assert first.result == pid.encode()
    assert job.state is State.CANCELLED


async def test_a_child_is_renewed_after_so_many_jobs(stage: Stage) -> None:
    # Given: one slot, two jobs for each child
    async with stage.worker(process_slots=1, max_jobs_per_child=2):
        # When: five jobs run one after the other
        pids = [await pid_of(stage) for _ in range(5)]

    # Then: three processes shared them
    assert [len({*pids[:2]}), len({*pids[2:4]}), len(set(pids))] == [1, 1, 3]
    await asyncio.gather(*(is_gone(pid) for pid in pids))


async def test_a_child_that_has_grown_is_renewed(stage: Stage) -> None:
    # Given: one slot and a limit on memory
    async with stage.worker(process_slots=1, max_child_rss=150 << 20):
        small = await pid_of(stage)
        grown = await stage.ended(await stage.submit(handlers.grow, 200))

        # When: the next job comes after one that left 200 MB behind
        after = await pid_of(stage)

    # Then: it got a fresh process
    assert int(grown.result or b"0") == small
    assert after != small


async def test_an_idle_child_that_died_is_not_blamed_on_the_next_job(stage: Stage) -> None:
    # Given: a child that somebody kills while it does nothing
    async with stage.worker(process_slots=1):
        pid = await pid_of(stage)
        os.kill(pid, signal.SIGKILL)

        # When: the next job comes at once
        job = await stage.ended(await stage.submit(handlers.add, 2, 2))

    # Then: it ran elsewhere, and its only attempt is its first
    assert (job.state, job.attempts) == (State.COMPLETED, 1)


@pytest.mark.parametrize("task", [handlers.leave_grandchild, handlers.fork_and_die], ids=lambda task: task.name)
async def test_what_a_killed_child_started_dies_with_it(stage: Stage, tmp_path: Path, task: Any) -> None:
    # Given: a handler that starts a process of its own and then dies
    started = tmp_path / "started"
    args = (str(started), True) if task is handlers.leave_grandchild else (str(started),)

    # When: it is run
    async with stage.worker():
        job = await stage.ended(await stage.submit(task, *args, retry=ONCE), 10)
        grandchild = int((await file_comes(started))[0])

        # Then: the crash is noticed though the grandchild lives, and the grandchild goes too
        assert job.error is not None
        assert "SIGKILL" in job.error.message
        await is_gone(grandchild)


async def test_what_a_child_left_behind_goes_when_the_worker_stops(stage: Stage, tmp_path: Path) -> None:
    # Given: a handler that left a process running
    started = tmp_path / "started"
    async with stage.worker():
        await stage.ended(await stage.submit(handlers.leave_grandchild, str(started), False))

    # When: the worker has stopped (above)
    # Then: that process is gone
    await is_gone(int(handlers.lines(started)[0]))


async def quarantine(stage: Stage, job: Job) -> None:
    """Give a taken job back as one that was lost twice."""
    memo = msgspec.msgpack.encode(Memo(quarantined=True))
    to = Transition(target=State.WAITING, attempts=0, losses=2, memo=memo)
    await stage.backend.exchange(
        [Settle(id=job.id, epoch=job.epoch, to=to)], None, Lease(worker="elsewhere", ms=60_000)
    )


async def test_a_job_under_quarantine_runs_alone_and_convicts_itself(stage: Stage, tmp_path: Path) -> None:
    # Given: a thread task that kills its process, already lost twice, and an innocent one lost twice too
    marks = tmp_path / "marks"
    ids = [await stage.submit(handlers.pill, str(marks), "pill", retry=PIDS), await stage.submit(handlers.quiet)]
    for job in [await stage.take(lane="thread") for _ in ids]:
        await quarantine(stage, job)

    # When: a worker runs both
    async with stage.worker(process_slots=0):
        pill, other = await stage.all_ended(ids)

    # Then: the pill used up its own attempts in processes of its own, and the innocent one lost none
    assert (pill.state, pill.attempts, pill.losses) == (State.FAILED, 3, 2)
    assert handlers.lines(marks) == ["pill"] * 3
    assert (other.state, other.attempts, other.losses) == (State.COMPLETED, 1, 2)
    assert int(other.result or b"0") != os.getpid()


def test_two_losses_without_blame_lead_to_quarantine() -> None:
    # Given: a job whose worker vanished, blamelessly, twice
    job = Job(spec=Stage().job("any"), state=State.RUNNING, epoch=1)
    first = decide(job, Crashed(signal=9, blameless=True), lambda: 0.5)
    again = msgspec.structs.replace(job, losses=first.losses, memo=first.memo)

    # When: it is lost again
    second = decide(again, Crashed(signal=9, blameless=True), lambda: 0.5)

    # Then: only the second puts it under quarantine, and neither is charged
    marked = [quarantined(msgspec.structs.replace(job, memo=to.memo)) for to in (first, second)]
    assert marked == [False, True]
    assert [(to.attempts, to.losses) for to in (first, second)] == [(0, 1), (0, 2)]


async def test_a_task_made_by_a_call_instead_of_a_decorator_is_found(stage: Stage) -> None:
    # Given: a module-level function that was handed to app.task
    task = handlers.app.tasks["undecorated"]

    # When: a child process has to find it
    async with stage.worker():
        job = await stage.ended(await stage.submit(task, 1))

    # Then: it does
    assert (job.state, job.result) == (State.COMPLETED, b"2")


async def test_a_task_that_a_child_cannot_find_fails_with_a_word(stage: Stage) -> None:
    # Given: a function that is a task only in this process, as after a reload or in a patched module
    def undecorated(n: int) -> int:
        return n

    undecorated.__module__, undecorated.__qualname__ = handlers.__name__, "quiet_nowhere"
    task = stage.task(pool="process", name="elsewhere")(undecorated)

    # When: a child process has to find it
    async with stage.worker():
        job = await stage.ended(await stage.submit(task, 1))

    # Then: the job fails at once and the message says what to do
    assert job.error is not None
    assert (job.state, job.attempts) == (State.FAILED, 1)
    assert "elsewhere" in job.error.message
    assert handlers.__name__ in job.error.message


async def test_hundreds_of_jobs_leave_no_open_files_behind(stage: Stage) -> None:
    # Given: a worker whose children are renewed after every fifth job, warmed up
    async with stage.worker(process_slots=2, max_jobs_per_child=5):
        await stage.all_ended([await stage.submit(handlers.add, n, 1) for n in range(10)])
        before = len(os.listdir("/proc/self/fd"))

        # When: sixty more jobs have run, ten of which killed their process
        ids = [await stage.submit(handlers.add, n, 1) for n in range(50)]
        ids += [await stage.submit(handlers.exit_zero, retry=ONCE) for _ in range(10)]
        await stage.all_ended(ids)
        after = len(os.listdir("/proc/self/fd"))

    # Then: the number of descriptors is what it was, but for the children at hand
    assert after <= before + 2
