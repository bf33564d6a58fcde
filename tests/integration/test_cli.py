"""The command line on a real store, in this process: what each command answers, and with which status."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import termios
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from abaca import App, Ctx, JobFailed, Retry
from abaca.backends import open_backend
from abaca.cli import main
from abaca.clock import ManualClock
from abaca.model import Card, Lease
from tests.command import Answer, Run, running


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ABACA_URL", raising=False)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return running(capsys)


@dataclass(frozen=True)
class Stored:
    """A store with four jobs: one completed, one failed twice, one that waits, one due much later."""

    url: str
    completed: str
    failed: str
    waiting: str
    later: str


@pytest.fixture
def stored(sqlite_url: str) -> Stored:
    app = App(sqlite_url)

    @app.task
    async def add(ctx: Ctx, a: int, b: int) -> int:
        ctx.log.info("adding", a=a)
        return a + b

    @app.task(retry=Retry(max_attempts=2, backoff=[0]))
    async def explode(n: int) -> None:
        raise ValueError(f"bad {n} \x1b[31m")

    async def fill() -> Stored:
        async with app:
            async with app.worker():
                done = await add.opts(tags=["sum"]).enqueue(2, 3)
                bad = await explode.enqueue(7)
                await done.result(20)
                with pytest.raises(JobFailed):
                    await bad.result(20)
            waiting = await add.opts(queue="other", priority=75).enqueue(1, 1)
            later = await add.opts(delay="1h").enqueue(1, 1)
        return Stored(sqlite_url, done.id, bad.id, waiting.id, later.id)

    return asyncio.run(fill())


def test_jobs_are_listed_and_filtered(run: Run, stored: Stored) -> None:
    def listed(*flags: str) -> set[str]:
        answer = run("jobs", "--url", stored.url, "--json", *flags)
        assert answer.status == 0
        return {job["id"] for job in answer.json["jobs"]}

    assert listed() == {stored.completed, stored.failed, stored.waiting, stored.later}
    assert listed("--status", "completed") == {stored.completed}
    assert listed("--status", "error") == {stored.failed}
    assert listed("--status", "pending,scheduled") == {stored.waiting, stored.later}
    assert listed("--queue", "other") == {stored.waiting}
    assert listed("--task", "explode") == {stored.failed}
    assert listed("--tag", "sum") == {stored.completed}


def test_a_list_that_is_cut_says_where_to_go_on(run: Run, stored: Stored) -> None:
    # Given a page of three jobs
    first = run("jobs", "--url", stored.url, "--json", "--limit", "3").json
    # When the list is asked to go on at its cursor
    rest = run("jobs", "--url", stored.url, "--json", "--cursor", first["cursor"]).json
    # Then both together are all jobs, each once
    ids = [job["id"] for page in (first, rest) for job in page["jobs"]]
    assert len(ids) == 4
    assert set(ids) == {stored.completed, stored.failed, stored.waiting, stored.later}


def test_a_job_is_shown_with_its_arguments_and_the_error_of_each_attempt(run: Run, stored: Stored) -> None:
    for_people = run("jobs", "show", stored.failed, "--url", stored.url)
    assert for_people.status == 0
    assert '{"n":7}' in for_people.out
    assert "attempt 1: ValueError: bad 7" in for_people.out
    assert "attempt 2: ValueError: bad 7" in for_people.out
    assert 'raise ValueError(f"bad {n}' in for_people.out
    assert "\x1b" not in for_people.out, "a job's text must not steer the terminal"
    for_machines = run("jobs", "show", stored.failed, "--url", stored.url, "--json").json
    assert (for_machines["args"], for_machines["status"], for_machines["attempts"]) == ({"n": 7}, "failed", 2)
    assert [error["attempt"] for error in for_machines["errors"]] == [1, 2]


def test_an_id_may_be_written_with_dashes(run: Run, stored: Stored) -> None:
    id = stored.completed
    dashed = f"{id[:8]}-{id[8:12]}-{id[12:16]}-{id[16:20]}-{id[20:]}".upper()
    assert run("jobs", "show", dashed, "--url", stored.url, "--json").json["id"] == id


def test_a_job_that_nobody_will_run_says_why(run: Run, stored: Stored) -> None:
    # Given a store on which no worker lives: the waiting job says so
    assert "why: No worker is alive" in run("jobs", "show", stored.waiting, "--url", stored.url).out
    # When a worker lives that knows other tasks only
    other = App(stored.url)

    async def look_beside_a_worker(*queues: str, name: str = "else") -> str:
        if name not in other.tasks:
            other.task(name=name)(_nothing)
        async with other, other.worker(queues=queues):
            answer = await asyncio.to_thread(run, "jobs", "show", stored.later, "--url", stored.url, "--json")
        return str(answer.json["why"]["sentence"])

    # Then the job says that the task is unknown
    assert "no live worker of the queue 'default' knows the task 'add'" in asyncio.run(look_beside_a_worker("default"))
    # And one that knows the task but serves another queue is no help either
    assert "does not serve the queue 'default'" in asyncio.run(look_beside_a_worker("far", name="add"))


async def _nothing() -> None:
    pass


def test_results_are_printed_as_json_and_their_absence_is_an_error(run: Run, stored: Stored) -> None:
    assert run("jobs", "result", stored.completed, "--url", stored.url) == Answer(0, "5\n", "")
    failed = run("jobs", "result", stored.failed, "--url", stored.url)
    assert failed.status == 1
    assert failed.err.startswith(f"abaca: job {stored.failed} failed with ValueError")
    waiting = run("jobs", "result", stored.waiting, "--url", stored.url)
    assert (waiting.status, "queued and has no result yet" in waiting.err) == (1, True)


def test_waiting_ends_with_the_job_or_with_the_time(run: Run, stored: Stored) -> None:
    assert run("jobs", "wait", stored.completed, "--url", stored.url).out == "5\n"
    assert run("jobs", "wait", stored.failed, "--url", stored.url).status == 1
    late = run("jobs", "wait", stored.waiting, "--timeout", "50ms", "--url", stored.url)
    assert (late.status, "had not ended after 0.05 s" in late.err) == (4, True)


def test_updates_are_printed_in_order_one_a_line(run: Run, stored: Stored) -> None:
    answer = run("jobs", "updates", stored.completed, "--url", stored.url, "--json")
    updates = [json.loads(line) for line in answer.out.splitlines()]
    assert [update["kind"] for update in updates] == ["status", "status", "log", "status"]
    assert [update["data"] for update in updates if update["kind"] == "status"] == ["queued", "running", "completed"]
    rest = run("jobs", "updates", stored.completed, "--after", "2", "--url", stored.url, "--json")
    assert [json.loads(line) for line in rest.out.splitlines()] == updates[2:]
    assert run("jobs", "updates", stored.waiting, "--url", stored.url).out.endswith("status    queued\n")


def test_updates_for_people_are_words_and_an_error_is_one_line(run: Run, stored: Stored) -> None:
    # When the updates of a job that logged and of one that failed twice are printed for people
    logged = run("jobs", "updates", stored.completed, "--url", stored.url).out
    failed = run("jobs", "updates", stored.failed, "--url", stored.url).out
    # Then each is one line without JSON and without a traceback
    assert "attempt 1  log       info: adding a=2\n" in logged
    assert "attempt 2  error     ValueError: bad 7" in failed
    assert "Traceback" not in failed
    assert "{" not in logged + failed


def test_a_time_to_wait_is_read_like_a_setting(run: Run, stored: Stored) -> None:
    # When the time is a number without a unit, as the settings take it / Then it counts seconds
    assert run("jobs", "wait", stored.completed, "--timeout", "10", "--url", stored.url).out == "5\n"
    # And what is no time is refused with the flag's name
    answer = run("jobs", "wait", stored.completed, "--timeout", "soon", "--url", stored.url)
    assert (answer.status, answer.err.split(" is ")[0]) == (2, "abaca: --timeout: 'soon'")


def test_an_unknown_task_is_refused_in_the_words_of_the_command_line(run: Run, stored: Stored) -> None:
    answer = run("enqueue", "nonsense", "--url", stored.url)
    assert answer.status == 1
    assert "--pool" in answer.err
    assert "pool=" not in answer.err


def test_a_worker_that_has_not_beaten_for_long_is_silent(run: Run, sqlite_url: str) -> None:
    # Given a worker whose last beat was half a minute ago, as one that was killed
    async def beat_and_die() -> None:
        backend = open_backend(sqlite_url, clock=ManualClock(time.time_ns() // 1000 - 30_000_000))
        await backend.open()
        await backend.beat(Card(id="w-1", name="mail"), [], Lease(worker="w-1", ms=15_000))
        await backend.close()

    asyncio.run(beat_and_die())
    # When somebody looks / Then it is not called working
    line = run("workers", "--url", sqlite_url).out.splitlines()[1]
    assert line.startswith("mail")
    assert line.endswith("silent")


def test_a_table_fits_a_narrow_terminal_and_a_pipe_gets_all(run: Run, stored: Stored) -> None:
    # Given a terminal of eighty columns
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    command = [sys.executable, "-m", "abaca", "jobs", "--url", stored.url]
    # When jobs are listed on it
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs) as shown:
        os.close(theirs)
        text = b"".join(iter(lambda: _read(ours), b"")).decode()
        assert shown.wait(30) == 0
    os.close(ours)
    lines = text.splitlines()
    # Then no line is too long, ids are whole, and the column of tags that few have gives way before them
    assert max(map(len, lines)) <= 80
    assert stored.failed in text
    # And a pipe gets every word
    assert "sum" in run("jobs", "--url", stored.url).out


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1 << 16)
    except OSError:  # what Linux answers once the other side is closed
        return b""


def test_cancel_answers_for_every_id(run: Run, stored: Stored) -> None:
    unknown = "0" * 32
    answer = run("jobs", "cancel", stored.waiting, stored.completed, unknown, "--url", stored.url)
    assert answer.status == 1
    assert answer.out.splitlines() == [
        f"{stored.waiting}  cancelled",
        f"{stored.completed}  it had ended before",
        f"{unknown}  no such job",
    ]
    assert run("jobs", "cancel", stored.later, "--url", stored.url).status == 0


def test_requeue_puts_an_ended_job_back_and_refuses_others(run: Run, stored: Stored) -> None:
    answer = run("jobs", "requeue", stored.failed, stored.waiting, "--url", stored.url, "--json")
    assert answer.status == 1
    assert [(each["id"], each["done"]) for each in answer.json] == [(stored.failed, True), (stored.waiting, False)]
    shown = run("jobs", "show", stored.failed, "--url", stored.url, "--json").json
    assert (shown["status"], shown["attempts"]) == ("queued", 0)


def test_delete_leaves_nothing(run: Run, stored: Stored) -> None:
    assert run("jobs", "delete", stored.completed, stored.waiting, "--url", stored.url).status == 0
    gone = run("jobs", "show", stored.completed, "--url", stored.url)
    assert (gone.status, gone.err.count("\n")) == (1, 1)
    assert f"there is no job {stored.completed}" in gone.err


def test_queues_tell_depth_by_priority_and_totals(run: Run, stored: Stored) -> None:
    answer = run("queues", "--url", stored.url, "--json").json
    assert {queue["name"]: (queue["due"], queue["later"]) for queue in answer["queues"]} == {
        "default": (0, 1),
        "other": (1, 0),
    }
    assert answer["totals"]["completed"] == 1
    assert answer["totals"]["failed"] == 1
    assert "75:1" in run("queues", "--url", stored.url).out


def test_workers_are_listed_while_they_live(run: Run, stored: Stored) -> None:
    assert "no live workers" in run("workers", "--url", stored.url).out
    app = App(stored.url)
    app.task(_nothing)

    async def beside_a_worker() -> Any:
        async with app, app.worker(queues=["one", "two"], name="w-1"):
            return (await asyncio.to_thread(run, "workers", "--url", stored.url, "--json")).json

    (card,) = asyncio.run(beside_a_worker())
    assert (card["name"], card["queues"], card["tasks"]) == (
        "w-1",
        ["one", "two"],
        ["_nothing", "abaca.join", "abaca.webhook"],
    )


def test_a_job_is_enqueued_by_name_from_what_a_worker_has_announced(run: Run, stored: Stored) -> None:
    # When a job of a task whose code is not here is enqueued
    answer = run("enqueue", "add", '{"a": 4, "b": 5}', "--priority", "high", "--tag", "x", "--url", stored.url)
    # Then it waits in the task's queue with its pool
    shown = run("jobs", "show", answer.out.strip(), "--url", stored.url, "--json").json
    assert (shown["task"], shown["args"], shown["pool"]) == ("add", {"a": 4, "b": 5}, "async")
    assert (shown["priority"], shown["tags"], shown["status"]) == (75, ["x"], "queued")


@pytest.mark.parametrize(
    ("words", "status", "named"),
    [
        (("enqueue", "nobody"), 1, "nobody"),
        (("enqueue", "add", "[1]"), 2, "ARGS"),
        (("enqueue", "add", "--priority", "huge"), 2, "priority"),
        (("enqueue", "add", "--delay", "soon"), 2, "delay"),
        (("jobs", "show", "42"), 2, "'42' is not a job's id"),
        (("jobs", "cancel"), 2, "at least one"),
        (("jobs", "--status", "lost"), 2, "--status: 'lost'"),
        (("jobs", "--limit", "0"), 2, "--limit"),
    ],
)
def test_a_wrong_word_is_one_line_that_names_it(
    run: Run, stored: Stored, words: tuple[str, ...], status: int, named: str
) -> None:
    answer = run(*words, "--url", stored.url)
    assert (answer.status, answer.out) == (status, "")
    assert answer.err.count("\n") == 1
    assert named in answer.err


@pytest.mark.parametrize(
    "words", [("jbos",), ("jobs", "--no-such-flag"), ("dev",), ("worker", "a:b", "--concurrency", "x")]
)
def test_a_command_line_that_does_not_parse_is_status_2(run: Run, words: tuple[str, ...]) -> None:
    answer = run(*words)
    assert answer.status == 2
    assert "Traceback" not in answer.out + answer.err


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (("--beat", "6s"), "--beat is 6 s"),
        (("--lease", "3s"), "--lease is 3 s"),
        (("--queues", "a/b"), "--queues: 'a/b'"),
        (("--concurrency", "0"), "--concurrency: 0"),
        (("--processes", "0"), "--processes: 0"),
        (("--weights", "b=1"), "--weights names the queue 'b'"),
        (("--max-jobs-per-child", "0"), "--max-jobs-per-child: 0"),
        (("--log-level", "loud"), "--log-level: 'loud'"),
    ],
)
def test_a_worker_with_a_wrong_flag_does_not_start(run: Run, flags: tuple[str, ...], named: str) -> None:
    answer = run("worker", "nowhere:app", *flags)
    assert (answer.status, answer.err.count("\n")) == (2, 1)
    assert named in answer.err


def test_looking_makes_no_store(run: Run, tmp_path: Path) -> None:
    answer = run("jobs")
    assert answer.status == 2
    assert str(tmp_path / "abaca.db") in answer.err
    assert list(tmp_path.iterdir()) == []


def test_config_prints_values_and_sources_with_passwords_hidden(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given one setting in the file and a URL with a password in the environment
    (tmp_path / "abaca.toml").write_text("[worker]\nconcurrency = 7\n")
    monkeypatch.setenv("ABACA_URL", "redis://:hush@localhost/0")
    # When the settings are printed, for people and for machines
    for_people, for_machines = run("config"), run("config", "--json")
    # Then each says where it came from, and nobody sees the password
    found = {each["name"]: (each["value"], each["from"]) for each in for_machines.json}
    assert found["worker.concurrency"] == ("7", "abaca.toml: worker.concurrency")
    assert found["url"] == ("redis://***@localhost/0", "ABACA_URL")
    assert "hush" not in for_people.out + for_machines.out


def test_an_error_shows_no_password_either(run: Run) -> None:
    answer = run("jobs", "--url", "carrier-pigeon://:hush@h/0")
    assert answer.status == 2
    assert "hush" not in answer.err


def test_debug_shows_the_traceback(run: Run, stored: Stored) -> None:
    with pytest.raises(LookupError):
        main(["jobs", "show", "0" * 32, "--url", stored.url, "--debug"])


def test_version_says_what_it_runs_on(run: Run) -> None:
    assert set(run("version", "--json").json) >= {"abaca", "python", "sqlite", "redis"}
    assert run("--version").out == run("version").out.split("\n")[0].split()[-1] + "\n"


def test_the_front_page_says_what_the_parser_would_have_said(run: Run) -> None:
    # When the page is asked for alone, and with a flag, which only the parser understands
    alone, parsed = run("--help").out, run("--json", "--help").out
    # Then
    assert alone.split() == parsed.split()
    assert run().out == run("-h").out == alone


@pytest.mark.parametrize("command", [(), ("jobs",), ("worker",), ("enqueue",), ("jobs", "wait")])
def test_help_fits_a_terminal_and_says_what_each_flag_is(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    # When somebody asks for help on eighty columns
    monkeypatch.setenv("COLUMNS", "80")
    shown = run(*command, "--help").out
    # Then no line is longer, and no entry goes on at the margin
    lines = shown.splitlines()
    assert max(map(len, lines)) <= 80
    entries = lines[lines.index("Commands:" if "Commands:" in lines else "For every command:") :]
    assert all(line.startswith("  ") or line.endswith(":") or not line for line in entries)
    # And each flag has its word
    assert not [line for line in lines if line.startswith("  --") and ": " not in line]
    # And what holds for every command is just that
    common = shown.partition("For every command:\n")[2].partition("\n\n")[0]
    assert [line.split()[0].rstrip(":") for line in common.splitlines()] == ["--url", "--config", "--json", "--debug"]
