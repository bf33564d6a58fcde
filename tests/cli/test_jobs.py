"""``abaca jobs``: why, logs, follow, and acts upon all jobs of a filter."""

from __future__ import annotations

import asyncio
import io
import json
import os
import sys
import termios
from dataclasses import dataclass
from typing import TextIO

import pytest

from abaca import App
from abaca.cli.jobfollow import follow_job
from abaca.places import Blobs
from tests.cli.conftest import Stored, shop
from tests.command import Run
from tests.unit.face import claim


def test_why_is_one_sentence_and_its_parts_for_programs(run: Run, stored: Stored) -> None:
    # When somebody asks why a job of later waits / Then it is one sentence, and the remedy stands beside it
    later = run("jobs", "why", stored.later)
    assert later.status == 0
    assert len(later.lines) == 1
    assert later.out.startswith("It is scheduled and due at ")
    waiting = run("jobs", "why", stored.waiting[0])
    assert (waiting.out, waiting.err) == (
        "No worker is alive on this store.\n",
        "try: abaca worker module:app --queues other\n",
    )
    # And programs get the same with its parts
    answer = run("jobs", "why", stored.waiting[0], "--json").json
    assert (answer["id"], answer["cause"], answer["status"]) == (stored.waiting[0], "no_worker", "queued")


@pytest.mark.parametrize("store", ["sqlite", "redis"])
def test_why_tells_who_holds_a_limits_permit(
    run: Run, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, store: str
) -> None:
    # Given a queue that lets one job run at once, which runs
    url: str = request.getfixturevalue(f"{store}_url")
    monkeypatch.setenv("ABACA_URL", url)

    async def fill() -> tuple[str, str]:
        async with shop(url) as app:
            await app.queues.limit("default", 1)
            holder = await app.tasks["add"].enqueue(1, 1)
            (running,) = await claim(app)
            behind = await app.tasks["add"].enqueue(2, 2)
            assert await claim(app) == []
            assert running.id == holder.id
            return holder.id, behind.id

    holder, behind = asyncio.run(fill())
    # When somebody asks why the second one waits / Then the first is named
    answer = run("jobs", "why", behind, "--json").json
    assert (answer["cause"], answer["status"]) == ("queue_limit", "blocked")
    assert answer["jobs"] == [{"id": holder, "task": "add", "status": "running"}]
    assert answer["sentence"].startswith(f"The queue 'default' lets 1 run at once, and {holder} (add, running) holds")


def test_logs_are_lines_of_their_level(run: Run, stored: Stored) -> None:
    logged = run("jobs", "logs", stored.completed)
    assert [line.split("  ", 1)[1].split() for line in logged.lines] == [
        ["debug", "first", "a=2"],
        ["warning", "second"],
    ]
    assert [line.split()[1:] for line in run("jobs", "logs", stored.completed, "--level", "warning").lines] == [
        ["warning", "second"]
    ]
    assert run("jobs", "logs", stored.completed, "--attempt", "2").out == ""
    as_json = [json.loads(line) for line in run("jobs", "logs", stored.completed, "--json").lines]
    assert [each["data"]["message"] for each in as_json] == ["first", "second"]
    assert run("jobs", "logs", stored.completed, "--follow").out == logged.out


def test_following_ends_with_the_job_and_with_its_status(run: Run, stored: Stored) -> None:
    done = run("jobs", "follow", stored.completed)
    assert done.status == 0
    assert [line.split()[2:5] for line in done.lines if "progress" in line] == [["attempt", "1", "progress"]]
    assert done.err.startswith("completed after ")
    failed = run("jobs", "follow", stored.failed)
    assert (failed.status, "ValueError: bad 7" in failed.err) == (1, True)
    run("jobs", "cancel", stored.later)
    assert run("jobs", "follow", stored.later).status == 3
    assert run("jobs", "wait", stored.later).status == 3


async def test_following_shows_what_comes_while_it_comes(sqlite_url: str) -> None:
    # Given a job that waits, and somebody who follows it
    out = io.StringIO()
    async with shop(sqlite_url) as app:
        job = await app.tasks["add"].enqueue(2, 3)
        following = asyncio.create_task(follow_job(app, job.id, as_json=True, out=out))
        # When a worker runs it
        async with app.worker():
            assert await following == 0
    # Then every update was shown in order
    kinds = [json.loads(line)["kind"] for line in out.getvalue().splitlines()]
    assert kinds == ["status", "status", "log", "progress", "log", "status"]


def test_a_terminal_gets_a_bar_and_lines_above_it(stored: Stored) -> None:
    # Given a terminal of eighty columns
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (24, 80))

    async def follow(terminal: TextIO) -> int:
        async with App(stored.url) as app:
            return await follow_job(app, stored.completed, as_json=False, out=terminal)

    # When a job is followed there
    with open(theirs, "w") as terminal:
        assert asyncio.run(follow(terminal)) == 0
    shown = os.read(ours, 1 << 20).decode()
    os.close(ours)
    # Then lines that it logged scroll, and none is longer than the terminal
    assert "first a=2" in shown
    assert "second" in shown


@dataclass
class _Terminal(io.StringIO):
    """Standard input as somebody types it."""

    typed: str = ""

    def __post_init__(self) -> None:
        super().__init__(self.typed)

    def isatty(self) -> bool:
        return True


def test_a_filter_says_how_many_before_it_does_anything(run: Run, stored: Stored) -> None:
    # Given two jobs in a queue, when somebody looks what a cancel would hit
    dry = run("jobs", "cancel", "--queue", "other", "--dry-run")
    assert dry.status == 0
    assert dry.lines[-1] == "would cancel 2 jobs (2 queued); nothing was changed"
    assert set(stored.waiting) == {line.split()[0] for line in dry.lines[:-1]}
    # Then a script that does not confirm changes nothing either
    refused = run("jobs", "cancel", "--queue", "other")
    assert (refused.status, "2 jobs (2 queued) fit; give --yes" in refused.err) == (2, True)
    assert len(run("jobs", "--status", "queued", "--json").json["jobs"]) == 2
    # And one that does gets a count
    done = run("jobs", "cancel", "--queue", "other", "--yes", "--json")
    assert (done.status, done.json) == (
        0,
        {"dry_run": False, "matched": 2, "done": 2, "answers": {"cancelled": 2}},
    )


@pytest.mark.parametrize(("typed", "status", "left"), [("y\n", 0, 0), ("\n", 1, 2)])
def test_in_a_terminal_the_number_is_confirmed(
    run: Run, stored: Stored, monkeypatch: pytest.MonkeyPatch, typed: str, status: int, left: int
) -> None:
    monkeypatch.setattr(sys, "stdin", _Terminal(typed))
    answer = run("jobs", "delete", "--queue", "other")
    assert answer.status == status
    assert "delete 2 jobs (2 queued)? [y/N]" in answer.err
    assert len(run("jobs", "--queue", "other", "--json").json["jobs"]) == left


def test_requeue_and_delete_take_a_filter_and_their_usual_statuses(run: Run, stored: Stored) -> None:
    # Requeue means what failed or was cancelled, where nothing else is said
    assert run("jobs", "requeue", "--all", "--yes").lines[0] == "requeue: 1 of 1 job"
    shown = run("jobs", "show", stored.failed, "--json").json
    assert shown["status"] == "queued"
    # Delete means all that does not run
    assert run("jobs", "delete", "--since", "1h", "--yes", "--json").json["done"] == 5
    assert run("jobs", "--json").json["jobs"] == []


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("jobs", "cancel"), "at least one job's id, or a filter"),
        (("jobs", "cancel", "0" * 32, "--queue", "a"), "not both"),
        (("jobs", "--since", "2026-01-01T00:00:00"), "--since: '2026-01-01T00:00:00' names no time zone"),
        (("jobs", "--before", "soon"), "--before: 'soon'"),
        (("jobs", "lst"), "no such command 'abaca jobs lst'; did you mean 'list'?"),
        (("jbos",), "no such command 'abaca jbos'; did you mean 'jobs'?"),
        (("version", "now"), "the word 'now' is one too many"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(run: Run, stored: Stored, words: tuple[str, ...], named: str) -> None:
    answer = run(*words)
    assert (answer.status, answer.out, answer.err.count("\n")) == (2, "", 1)
    assert named in answer.err


def test_a_list_goes_by_tenant_and_by_time(run: Run, stored: Stored) -> None:
    def listed(*flags: str) -> set[str]:
        return {job["id"] for job in run("jobs", "list", "--json", *flags).json["jobs"]}

    assert listed("--tenant", "acme") == {stored.later}
    assert len(listed("--since", "1h")) == 5
    assert listed("--before", "1h") == set()
    assert len(listed("--before", "2100-01-01T00:00:00Z")) == 5


def test_waiting_fetches_a_large_result_once(
    run: Run, sqlite_url: str, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a completed job whose result is in another place
    place = tmp_path_factory.mktemp("results").as_uri()
    monkeypatch.setenv("ABACA_RESULTS", place)
    monkeypatch.setenv("ABACA_RESULTS_ABOVE", "1000")

    async def fill() -> str:
        async with App(sqlite_url) as app:

            @app.task
            def many() -> str:
                return "".join(f"{n:x}" for n in range(20_000))

            async with app.worker():
                job = await many.enqueue()
                await job.result(20)
                return job.id

    id = asyncio.run(fill())
    fetched: list[str] = []
    whole = Blobs.whole

    async def counted(self: Blobs, job):  # type: ignore[no-untyped-def]
        fetched.append(job.id)
        return await whole(self, job)

    monkeypatch.setattr(Blobs, "whole", counted)
    # When somebody waits for it / Then its result is fetched once
    answer = run("jobs", "wait", id)
    assert (answer.status, len(answer.json) > 20_000) == (0, True)
    assert fetched == [id]
