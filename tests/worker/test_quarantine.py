"""Many jobs under quarantine at once: few processes, nobody charged for standing in line, nobody left behind."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from abaca.model import State
from abaca.worker import processes
from abaca.worker.turns import Turns, leave
from tests.worker import handlers
from tests.worker.harness import ONCE, QUICK, Stage, file_comes, is_gone, until
from tests.worker.test_processes import quarantine

GUESTS = 12


async def suspects(stage: Stage, path: Path, *others: str) -> list[str]:
    """Jobs under quarantine that note their process and wait for a file; ``others`` wait in the store already."""
    ids = [await stage.submit(handlers.note_and_wait, str(path), f"{path}.go") for _ in range(GUESTS)]
    ids += others
    for job in [await stage.take(lane="thread") for _ in ids]:
        await quarantine(stage, job)
    return ids


async def test_at_most_eight_run_at_once_and_the_others_follow(stage: Stage, tmp_path: Path) -> None:
    # Given: a dozen jobs under quarantine
    path = tmp_path / "pids"
    ids = await suspects(stage, path)

    # When: a worker has slots for all of them
    async with stage.worker(concurrency=50):
        await until(lambda: len(handlers.lines(path)) == 8, "eight have begun")
        others = [job for job in [await stage.get(id) for id in ids] if job.state is State.WAITING]
        begun = len(handlers.lines(path))
        Path(f"{path}.go").touch()
        jobs = await stage.all_ended(ids)

    # Then: no more than eight had processes, and each came to its turn uncharged
    assert begun == 8
    assert len(set(handlers.lines(path))) == 8
    assert {(job.state, job.attempts, job.losses) for job in jobs} == {(State.COMPLETED, 1, 2)}
    assert len(others) <= GUESTS - 8


async def test_whoever_waits_too_long_gives_up_its_slot_uncharged(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given: a short patience, and a dozen jobs under quarantine of which eight hold their place
    monkeypatch.setattr(processes, "_GUEST_WAITS", 0.2)
    path = tmp_path / "pids"
    ids = await suspects(stage, path)
    async with stage.worker(concurrency=50):
        await until(lambda: len(handlers.lines(path)) == 8, "eight have begun")

        # When: the others have stood in line for so long
        async def put_off() -> bool:
            return sum([(await stage.get(id)).state is State.WAITING for id in ids]) == GUESTS - 8

        await until(put_off, "four were put off")

        # Then: they wait in the store, uncharged, and still come to their turn
        waiting = [job for job in [await stage.get(id) for id in ids] if job.state is State.WAITING]
        Path(f"{path}.go").touch()
        jobs = await stage.all_ended(ids)
    assert {(job.attempts, job.losses) for job in waiting} == {(0, 2)}
    assert {(job.state, job.attempts) for job in jobs} == {(State.COMPLETED, 1)}


async def test_a_guest_s_process_goes_when_nobody_needs_it(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given: a worker whose guests' processes may stay for a moment
    monkeypatch.setattr(processes, "_GUEST_STAYS", 0.2)
    path = tmp_path / "pids"
    async with stage.worker(concurrency=50):
        # When: jobs under quarantine have run
        Path(f"{path}.go").touch()
        await stage.all_ended(await suspects(stage, path))

        # Then: their processes end, while the worker goes on
        for pid in set(handlers.lines(path)):
            await is_gone(int(pid))


async def test_time_in_line_is_not_the_job_s_own(stage: Stage, tmp_path: Path) -> None:
    # Given: a job under quarantine with a timeout of a second, behind more than have a place
    path = tmp_path / "pids"
    late = await stage.submit(handlers.note_and_wait, str(path), f"{path}.go", timeout_ms=1000, retry=ONCE, priority=0)
    ids = await suspects(stage, path, late)
    async with stage.worker(concurrency=50):
        await until(lambda: len(handlers.lines(path)) == 8, "eight have begun")

        # When: it has stood in line for longer than that
        async def claimed_again() -> bool:
            return (await stage.get(late)).epoch >= 3

        await until(claimed_again, "it was put off and claimed again")
        Path(f"{path}.go").touch()
        jobs = await stage.all_ended(ids)

    # Then: it did not time out
    assert {(job.state, job.attempts) for job in jobs} == {(State.COMPLETED, 1)}


async def test_one_that_stands_in_line_can_be_cancelled(stage: Stage, tmp_path: Path) -> None:
    # Given: a dozen jobs under quarantine, of which four stand in line
    path = tmp_path / "pids"
    ids = await suspects(stage, path)
    async with stage.worker(concurrency=50, **QUICK):
        await until(lambda: len(handlers.lines(path)) == 8, "eight have begun")

        # When: all are cancelled
        await stage.backend.cancel(ids)
        jobs = await stage.all_ended(ids)

    # Then: all are, and only eight ever began
    assert {job.state for job in jobs} == {State.CANCELLED}
    assert len(handlers.lines(path)) == 8


async def test_a_sigterm_from_elsewhere_is_a_loss_without_blame(stage: Stage, tmp_path: Path) -> None:
    """As a service manager sends it to every process of a service at once."""
    # Given: a job in a child process
    path = tmp_path / "pids"
    id = await stage.submit(handlers.note_and_wait_apart, str(path), f"{path}.go")
    async with stage.worker():
        pid = int((await file_comes(path))[0])

        # When: somebody else sends SIGTERM to that process
        os.kill(pid, signal.SIGTERM)
        await until(lambda: len(handlers.lines(path)) == 2, "it was begun again")
        Path(f"{path}.go").touch()
        job = await stage.ended(id)

    # Then: nobody cancelled the job; it ran again, uncharged
    assert (job.state, job.attempts, job.losses) == (State.COMPLETED, 1, 1)
    await is_gone(pid)


async def answered(futures: list[asyncio.Future[bool]]) -> list[bool | None]:
    return [future.result() if future.done() else None for future in futures]


async def test_turns_are_taken_in_order_and_a_place_is_never_lost() -> None:
    # Given: two places and five who ask
    turns = Turns(2)
    asked = [turns.ask() for _ in range(5)]
    assert await answered(asked) == [True, True, None, None, None]

    # When: the third leaves the line and a place comes back
    leave(asked[2])
    turns.give_back()

    # Then: the fourth has it, and those who leave with a place in hand keep it until they give it back
    assert await answered(asked) == [True, True, False, True, None]
    leave(asked[3])
    turns.give_back()
    turns.give_back()
    assert await answered([*asked, turns.ask(), turns.ask()]) == [True, True, False, True, True, True, None]
