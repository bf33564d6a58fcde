"""Workers cut off from their store, whole or in part, stopped and let go again: nothing ends twice or is stolen."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from abaca import App
from abaca.codec import new_id
from abaca.model import State
from tests.chaos import census, pills
from tests.chaos.ground import Yard
from tests.chaos.wire import Wire
from tests.integration.crew import WorkerProcess, crew
from tests.servers import RedisServer
from tests.worker.handlers import lines
from tests.worker.harness import is_gone, until

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(90)]
PILLS = "tests.chaos.pills:app"
LEASE = 2.5
FLAGS = {"lease": "2500ms", "beat": "300ms", "grace": "300ms"}
UNHURRIED = {**FLAGS, "lease": "20s"}
"""Of a worker that takes over: what it runs it loses on no machine."""
SLACK = 5.0
"""Seconds by which a busy machine may delay a runner's own clockwork."""
QUIET = 1.0
"""Seconds without a sign of life, where one comes twenty times a second."""


@pytest.fixture
async def ground(shared_url: str, tmp_path: Path) -> AsyncIterator[Yard]:
    async with App(shared_url) as app:
        yield Yard(app, tmp_path, pills.app)


@pytest.fixture
def mark(monkeypatch: pytest.MonkeyPatch) -> str:
    mark = new_id()
    monkeypatch.setenv(census.VARIABLE, mark)
    return mark


def signs_of_life(marks: Path) -> dict[int, list[float]]:
    """For each process that ran ``tick``, when it did."""
    seen: dict[int, list[float]] = defaultdict(list)
    for line in lines(marks):
        pid, at = line.split(":")
        seen[int(pid)].append(float(at))
    return seen


def overlap(marks: Path) -> float:
    """For how long the first process was still at work after the second had begun; below 0: never."""
    first, second = sorted(signs_of_life(marks).values())[:2]
    return max(first) - min(second)


@asynccontextmanager
async def working(url: str) -> AsyncIterator[WorkerProcess]:
    """A worker at work, started without holding up this loop, in which a wire may run."""
    worker = WorkerProcess(url, PILLS, **FLAGS)
    try:
        await asyncio.to_thread(worker.wait_says, "worker started")
        yield worker
    finally:
        await asyncio.to_thread(worker.kill)


async def have_gone_quiet(ground: Yard, pids: set[int]) -> None:
    """Although nothing has told those handlers to end, and they do not end by themselves."""

    def quiet() -> bool:
        seen = signs_of_life(ground.marks)
        return all(max(seen[pid]) < time.monotonic() - QUIET for pid in pids)

    await until(quiet, f"{pids} have gone quiet")


async def another_has_begun(ground: Yard) -> None:
    await until(lambda: len(signs_of_life(ground.marks)) == 2, "another process has begun the job")


async def test_a_runner_whose_supervisor_beats_no_more_fences_itself_and_claims_nothing(
    ground: Yard, shared_url: str
) -> None:
    # Given: a worker at work, on SQLite in a child process, and another one that is idle
    task = "tick_apart" if shared_url.startswith("sqlite") else "tick"
    with crew(shared_url, 1, PILLS, **FLAGS) as (first,):
        job = await ground.enqueue(task, str(ground.go_on))
        await ground.marked(1)
        with crew(shared_url, 1, PILLS, **UNHURRIED):
            # When: the first one's supervisor is stopped, so that its runner still reaches the store but nobody beats
            ours = set(signs_of_life(ground.marks))
            census.freeze([first.pid])
            await another_has_begun(ground)
            await have_gone_quiet(ground, ours)
            plain = [await ground.enqueue_plain("add", n, 1) for n in range(20)]
            others = [await ground.ended(other) for other in plain]
            ground.go_on.touch()
            ended = await ground.ended(job)

            # Then: its run had ended, but for a moment, when the other began
            assert overlap(ground.marks) < SLACK
            # And: what came meanwhile was claimed by the one whose leases hold
            assert {(other.state, other.attempts, other.losses) for other in others} == {(State.COMPLETED, 1, 0)}
            assert {other.worker for other in others} == {ended.worker}

            # When: the supervisor goes on
            census.freeze([first.pid], signal.SIGCONT)
            after = await ground.ended(await ground.enqueue_plain("add", 1, 1))
        # Then: nothing was ended twice, and alone the first one claims again
        assert after.state is State.COMPLETED
        assert (await ground.ended(await ground.enqueue_plain("add", 2, 2))).result == b"4"
        assert first.stop() == 0
    final = await ground.record(job)
    assert (final.state, final.attempts, final.losses) == (State.COMPLETED, 1, 1)
    assert (final.revision, final.result) == (ended.revision, ended.result)


@pytest.mark.redis
async def test_a_worker_cut_off_for_three_leases_changes_nothing_when_the_wire_is_mended(
    redis_server: RedisServer, tmp_path: Path, mark: str
) -> None:
    # Given: a worker whose wire to the store can be cut, at work in its runner and in a child; and another worker
    async with AsyncExitStack() as stack:
        wire = await stack.enter_async_context(Wire(redis_server.port))
        ground = Yard(await stack.enter_async_context(App(redis_server.url)), tmp_path, pills.app)
        far = await stack.enter_async_context(working(f"redis://127.0.0.1:{wire.port}/0"))
        jobs = [await ground.enqueue(task, str(ground.go_on)) for task in ("tick", "tick_apart")]
        await until(lambda: len(signs_of_life(ground.marks)) == 2, "both have begun")
        ours = set(signs_of_life(ground.marks))
        await stack.enter_async_context(working(redis_server.url))

        # When: the wire is cut for three leases and mended
        wire.cut()
        await asyncio.sleep(3 * LEASE)  # sleeps: real leases have to end
        await until(lambda: len(signs_of_life(ground.marks)) == 4, "another worker has begun both")
        await have_gone_quiet(ground, ours)
        seen = signs_of_life(ground.marks)
        wire.mend()
        ground.go_on.touch()
        before = [await ground.ended(job) for job in jobs]

        # Then: what it ran had ended, but for a moment, when the other began
        assert max(max(seen[pid]) for pid in ours) - min(min(seen[pid]) for pid in set(seen) - ours) < SLACK

        # When: there is more to do, and it is told to end
        assert (await ground.ended(await ground.enqueue_plain("add", 1, 1))).state is State.COMPLETED
        assert await asyncio.to_thread(far.stop) == 0
        after = [await ground.record(job) for job in jobs]

    # Then: it ended well and has changed nothing; a claim that it had left open may have cost one loss more
    assert {(job.state, job.attempts) for job in after} == {(State.COMPLETED, 1)}
    assert all(1 <= job.losses <= 2 for job in after)
    assert [(job.revision, job.result) for job in after] == [(job.revision, job.result) for job in before]


async def test_a_zombie_s_child_is_ended_when_it_comes_back(ground: Yard, shared_url: str, mark: str) -> None:
    # Given: a worker whose child process is at work
    with crew(shared_url, 1, PILLS, **FLAGS) as (zombie,):
        job = await ground.enqueue("tick_apart", str(ground.go_on))
        child = int((await ground.marked(1))[0].split(":")[0])
        all_of_it = census.marked(mark)
        assert len(all_of_it) >= 5, "supervisor, two keepers, runner, child"

        # When: all of it stands still while another worker begins the job, and goes on then
        census.freeze(all_of_it)
        with crew(shared_url, 1, PILLS, **UNHURRIED):
            await another_has_begun(ground)
            census.freeze(all_of_it, signal.SIGCONT)

            # Then: its child ends although the handler would not, and the other's result stands
            await is_gone(child)
            ground.go_on.touch()
            ended = await ground.ended(job)
        assert zombie.stop() == 0
    final = await ground.record(job)
    assert (final.state, final.attempts, final.revision) == (State.COMPLETED, 1, ended.revision)


async def test_all_workers_stand_still_and_go_on_together(ground: Yard, shared_url: str, mark: str) -> None:
    # Given: two workers with thirty jobs between them
    with crew(shared_url, 2, PILLS, lease="3s", beat="500ms", concurrency="20") as workers:
        jobs = [await ground.enqueue("hold_on", str(ground.go_on), n) for n in range(30)]
        await ground.marked(30)

        # When: everything stands still for longer than the leases, and goes on at the same moment
        everybody = census.marked(mark)
        census.freeze(everybody)
        await asyncio.sleep(4)  # sleeps: real leases have to end
        census.freeze(everybody, signal.SIGCONT)
        await ground.marked(60)
        ground.go_on.touch()
        ended = [await ground.ended(job) for job in jobs]
        assert [worker.stop() for worker in workers] == [0, 0]
        final = [await ground.record(job) for job in jobs]

    # Then: each was taken over once, begun once more, ended once, and charged once; a claim may have been given back
    assert [job.result for job in final] == [str(n).encode() for n in range(30)]
    assert {(job.state, job.attempts, job.losses) for job in final} == {(State.COMPLETED, 1, 1)}
    assert all(3 <= job.epoch <= 6 for job in final)
    assert [job.revision for job in final] == [job.revision for job in ended]
    assert len(lines(ground.marks)) == 60


def test_the_census_finds_only_what_carries_the_mark(mark: str) -> None:
    # Given / When: a mark that only this test's environment has, and no process started since
    # Then: nobody carries it, this process neither
    assert census.marked(mark) == []
    assert os.getpid() not in census.below(os.getpid())
