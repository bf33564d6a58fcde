"""``abaca top``: one frame, and keys in a terminal."""

from __future__ import annotations

import os
import subprocess
import sys
import termios
import time

import pytest

from abaca import App
from abaca.cli.top.look import Looker
from tests.cli.conftest import Stored, shop
from tests.command import Run
from tests.unit.face import claim, finish


def test_one_frame_shows_queues_and_what_is_wrong(run: Run, stored: Stored) -> None:
    # Given jobs that wait on a store where no worker lives
    frame = run("top", "--once")
    # Then the frame says so in words, without any steering of a terminal
    assert frame.status == 0
    assert "3 waiting, 0 running, 0 workers" in frame.out
    assert "look at: no worker is alive" in frame.out
    assert "\x1b" not in frame.out
    row = next(line.split() for line in frame.lines if line.startswith("other "))
    assert row[1:4] == ["2", "0", "0"]
    # And programs get the same as data
    look = run("top", "--json").json
    assert (look["waiting"], look["running"], look["wrong"]) == (3, 0, ["no worker is alive"])


async def test_looks_tell_who_runs_what_and_how_fast(sqlite_url: str) -> None:
    # Given a running job and one that waits
    async with shop(sqlite_url) as app:
        add = app.tasks["add"]
        job = await add.enqueue(1, 1)
        await claim(app)
        looker = Looker(app)
        first = await looker.look()
        assert [(each.id, each.task, each.attempt) for each in first.jobs] == [(job.id, "add", 1)]
        assert first.rates == {}
        # When another one ends before the second look
        await add.enqueue(2, 2)
        await finish(app, 4)
        second = await looker.look()
        # Then the rate of completions is above zero, and of failures zero
        assert second.rates["completed"] > 0
        assert second.rates["failed"] == 0


async def test_a_queue_without_a_worker_and_a_paused_one_are_told(sqlite_url: str) -> None:
    async with App(sqlite_url) as app:
        app.task(name="nothing")(_nothing)
        await app.enqueue_by_name("nothing", pool="async", queue="lost")
        async with app.worker(queues=("default",)):
            await app.enqueue_by_name("nothing", queue="held", pool="async")
            await app.queues.pause("held")
            look = await Looker(app).look()
    assert {"nobody serves lost", "held is paused"} <= set(look.wrong)


async def _nothing() -> None:
    pass


@pytest.mark.parametrize("columns", [80, 120])
def test_a_terminal_is_filled_and_q_leaves_it(stored: Stored, columns: int) -> None:
    # Given the view in a terminal
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (24, columns))
    environment = {**os.environ, "TERM": "xterm", "NO_COLOR": "1"}
    command = [sys.executable, "-m", "abaca", "top", "--interval", "50ms"]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as shown:
        os.close(theirs)
        try:
            seen = _read_until(ours, b"q quits")
            # When keys are pressed
            os.write(ours, b"\x1b[B")
            os.write(ours, b" ")
            seen += _read_until(ours, b"held; space goes on")
            os.write(ours, b"q")
            # Then it ends well
            assert shown.wait(30) == 0
        finally:
            shown.kill()
    os.close(ours)
    assert b"no worker is alive" in seen
    assert b"\x1b[?1049h" in seen, "it has a screen of its own, so nothing of it stays"


def _read_until(terminal: int, words: bytes) -> bytes:
    seen, end = b"", time.monotonic() + 30
    while words not in seen and time.monotonic() < end:
        seen += os.read(terminal, 1 << 16)
    assert words in seen
    return seen


def test_a_store_that_is_not_there_is_no_frame(run: Run) -> None:
    answer = run("top", "--once", "--url", "sqlite:///nowhere.db")
    assert (answer.status, answer.err.count("\n")) == (2, 1)


async def test_an_empty_store_has_nothing_wrong(sqlite_url: str) -> None:
    async with App(sqlite_url) as app:
        assert (await Looker(app).look()).wrong == []
