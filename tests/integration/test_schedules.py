"""Schedules with real workers and on the command line, on the stores that processes share."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from abaca import App
from abaca.cli import main
from abaca.model import State
from tests.chaos.ground import Yard
from tests.integration.conftest import shared_url
from tests.integration.crew import crew
from tests.worker.harness import until

__all__ = ["shared_url"]

TICKING = "tests.integration.ticking:app"


async def test_two_workers_fire_each_tick_of_a_declared_schedule_once(shared_url: str) -> None:
    # Given two workers of code that declares a schedule of every second
    async with App(shared_url) as app:
        with crew(shared_url, 2, TICKING):
            # When some ticks have come
            async def enough() -> bool:
                return len((await app.schedules.runs("tick")).jobs) >= 3

            await until(enough, "three ticks of the schedule")
        # Then each made one job, on the second
        jobs = (await app.schedules.runs("tick")).jobs
        ticks = [job.spec.tick.at for job in jobs if job.spec.tick is not None]
        assert len(set(ticks)) == len(ticks) == len(jobs)
        assert all(tick % 1_000_000 == 0 for tick in ticks)
        assert all(job.state is State.COMPLETED for job in jobs[1:])


async def test_a_stored_schedule_is_fired_by_any_worker_that_has_its_task(shared_url: str, tmp_path: Path) -> None:
    # Given a worker, and a schedule stored by a process without the code
    async with App(shared_url) as app:
        ground = Yard(app, tmp_path)
        with crew(shared_url, 1, TICKING):
            await until(lambda: _is_known(app), "the worker has told its tasks")
            job = await app.named_job("add", {"a": 2, "b": 3})
            await app.schedules.create("sum", job, every=1)
            # When a tick comes
            await until(lambda: _has_run(app, "sum"), "a tick of the schedule")
            (run,) = (await app.schedules.runs("sum", limit=1)).jobs
            # Then its job ran with the schedule's arguments
            assert (await ground.ended(app.job(run.id))).result == b"5"


async def _is_known(app: App) -> bool:
    return (await app.records.read("task", ["add"]))[0] is not None


async def _has_run(app: App, id: str) -> bool:
    return bool((await app.schedules.runs(id)).jobs)


def _say(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    capsys.readouterr()
    with pytest.raises(SystemExit) as left:
        main(words)
    answer = capsys.readouterr()
    assert isinstance(left.value.code, int)
    return left.value.code, answer.out, answer.err


def test_the_command_line_makes_shows_changes_and_deletes_a_schedule(
    shared_url: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    here = ("--url", shared_url)
    # When a schedule is created, changed, run by hand, disabled and deleted
    made = _say(capsys, "schedules", "create", "s", "t", '{"n": 1}', "--cron", "0 2 * * *", "--pool", "async", *here)
    changed = _say(capsys, "schedules", "change", "s", "--every", "90s", "--description", "often", *here)
    ran = _say(capsys, "schedules", "run", "s", *here)
    disabled = _say(capsys, "schedules", "disable", "s", *here)
    shown = _say(capsys, "schedules", "show", "s", *here)
    listed = json.loads(_say(capsys, "--json", "schedules", *here)[1])
    deleted = _say(capsys, "schedules", "delete", "s", *here)
    # Then each did what it says
    assert [answer[0] for answer in (made, changed, ran, disabled, shown, deleted)] == [0] * 6
    assert ran[1].strip() in shown[1]
    assert "often" in shown[1]
    assert [(one["id"], one["every_ms"], one["enabled"], one["args"]) for one in listed] == [
        ("s", 90_000, False, {"n": 1})
    ]
    assert "no schedules" in _say(capsys, "schedules", *here)[1]


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("create", "s", "t", "--pool", "async", "--cron", "bad"), 2, "bad"),
        (("create", "s", "t", "--pool", "async"), 2, "cron"),
        (("create", "s", "t", "--every", "5m"), 1, "no worker has announced"),
        (("show", "nobody"), 1, "nobody"),
        (("delete", "nobody"), 1, "nobody"),
    ],
)
def test_what_cannot_be_is_refused_by_name(
    words: tuple[str, ...],
    status: int,
    said: str,
    sqlite_url: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asyncio.run(_make(sqlite_url))
    code, _, err = _say(capsys, "schedules", *words, "--url", sqlite_url)
    assert code == status
    assert said in err


async def _make(url: str) -> None:
    async with App(url) as app:
        await app.backend()
