"""``abaca enqueue`` with every option, and names that are nearly right."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.cli.conftest import Stored, shop
from tests.command import Run


def shown(run: Run, id: str) -> Any:
    return run("jobs", "show", id.strip(), "--json").json


def test_every_option_arrives_at_the_job(run: Run, stored: Stored) -> None:
    # When a job is enqueued with all that a call may say
    flags = {
        "--queue": "mail",
        "--priority": "high",
        "--expires": "2h",
        "--at": "2100-01-01T00:00:00+01:00",
        "--timeout": "30s",
        "--key": "k",
        "--tag": "a",
        "--tenant": "acme",
        "--owner": "ann",
        "--after": stored.later,
        "--when": "ended",
    }
    answer = run("enqueue", "add", '{"a": 4, "b": 5}', *(word for pair in flags.items() for word in pair))
    assert answer.status == 0
    # Then the job has it
    job = shown(run, answer.out)
    assert (job["queue"], job["priority"], job["expires_ms"], job["timeout_ms"]) == ("mail", 75, 7_200_000, 30_000)
    assert (job["key"], job["tags"], job["tenant"], job["owner"]) == ("k", ["a"], "acme", "ann")
    assert job["due_at"] == "2099-12-31T23:00:00.000000Z"
    assert [(edge["ids"], edge["when"]) for edge in job["after"]] == [([stored.later], "ended")]
    soon = run("enqueue", "add", '{"a": 1, "b": 1}', "--start-within", "5m")
    assert shown(run, soon.out)["start_within_ms"] == 300_000


def test_a_key_that_is_held_is_told(run: Run, stored: Stored) -> None:
    # Given a job that is unique by its arguments
    first = run("enqueue", "add", '{"a": 4, "b": 5}', "--unique", "until_finished")
    # When the same is enqueued again
    again = run("enqueue", "add", '{"a": 4, "b": 5}', "--unique", "until_finished")
    # Then the first one is answered, and somebody who wants to know hears of it
    assert (again.out, "another job has the key" in again.err) == (first.out, True)
    as_json = run("enqueue", "add", '{"a": 4, "b": 5}', "--unique", "until_finished", "--json").json
    assert as_json == {"id": first.out.strip(), "outcome": "held"}
    refused = run("enqueue", "add", '{"a": 4, "b": 5}', "--unique", "until_finished", "--on-duplicate", "reject")
    assert (refused.status, first.out.strip() in refused.err) == (1, True)
    assert run("enqueue", "add", '{"a": 4, "b": 6}', "--unique", "until_finished").out != first.out


@pytest.mark.parametrize("stay", [("--wait",), ("--wait", "20s"), ("--follow",)])
def test_staying_until_the_end_prints_the_result(run: Run, stored: Stored, stay: tuple[str, ...]) -> None:
    app = shop(stored.url)

    async def beside_a_worker(*words: str) -> Any:
        async with app, app.worker():
            return await asyncio.to_thread(run, *words)

    # When somebody stays with a job that completes, and with one that fails
    done = asyncio.run(beside_a_worker("enqueue", "add", *stay, '{"a": 4, "b": 5}'))
    bad = asyncio.run(beside_a_worker("enqueue", "explode", '{"n": 1}', *stay))
    # Then the result alone is on standard output, and the status tells the end
    assert (done.status, done.out) == (0, "9\n"), done.err
    assert (bad.status, "ValueError: bad 1" in bad.err) == (1, True)


def test_a_wait_that_is_over_first_has_its_own_status(run: Run, stored: Stored) -> None:
    answer = run("enqueue", "add", '{"a": 4, "b": 5}', "--queue", "nobodys", "--wait", "20ms")
    assert (answer.status, "it goes on" in answer.err) == (4, True)


@pytest.mark.parametrize(
    ("words", "status", "named"),
    [
        (("enqueue", "ad"), 1, "a task 'ad'; did you mean 'add'?"),
        (("queues", "pause", "othr"), 2, "no such queue 'othr'; did you mean 'other'?"),
        (("tasks", "pause", "explod"), 2, "no such task 'explod'; did you mean 'explode'?"),
        (("schedules", "show", "nightl"), 1, "no schedule 'nightl'; did you mean 'nightly'?"),
        (("schedules", "run", "nightl"), 1, "no schedule 'nightl'; did you mean 'nightly'?"),
        (("enqueue", "add", "--wait", "--follow"), 2, "give one of them"),
        (("enqueue", "add", "--at", "tomorrow"), 2, "--at: 'tomorrow' is no time"),
    ],
)
def test_a_name_that_is_nearly_right_is_told(
    run: Run, stored: Stored, words: tuple[str, ...], status: int, named: str
) -> None:
    run("schedules", "create", "nightly", "add", "--every", "1h")
    answer = run(*words)
    assert (answer.status, answer.out) == (status, "")
    assert named in answer.err


def test_a_new_name_is_taken_when_it_is_meant(run: Run, stored: Stored) -> None:
    assert run("queues", "pause", "othr", "--new").status == 0
    assert run("queues", "pause", "reports").status == 0, "nothing known is nearly called so"


def test_a_search_that_finds_nothing_tells_the_near_name(run: Run, stored: Stored) -> None:
    answer = run("jobs", "--queue", "othr", "--task", "add")
    assert (answer.out, answer.err) == ("no jobs\n", "there is no queue 'othr'; did you mean 'other'?\n")


def test_a_setting_that_is_nearly_right_is_told(run: Run, stored: Stored, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ABACA_WORKER_CONCURENCY", "3")
    answer = run("config")
    assert (answer.status, "did you mean ABACA_WORKER_CONCURRENCY?" in answer.err) == (2, True)
