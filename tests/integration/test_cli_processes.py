"""The command line as a process: the worker's life, closed pipes, what a start costs."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from abaca import App
from abaca.buggify import EXIT_STATUS

ABACA = (sys.executable, "-m", "abaca")
SHOP = """
from abaca import App
app = App({url})

@app.task
def add(a: int, b: int) -> int:
    return a + b
"""

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def environment(sqlite_url: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ABACA_")}
    return {**kept, "ABACA_URL": sqlite_url}


@pytest.fixture
def start(tmp_path: Path, environment: dict[str, str]) -> Iterator[Start]:
    (tmp_path / "shop.py").write_text(SHOP.format(url=""))
    (tmp_path / "rigid.py").write_text(SHOP.format(url="'sqlite:///own.db'"))
    started: list[subprocess.Popen[str]] = []

    def start(*words: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*ABACA, *words],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate(timeout=20)


def test_a_worker_says_what_it_serves_runs_jobs_and_ends_well_on_sigterm(start: Start, sqlite_url: str) -> None:
    # Given a worker that has said that it started
    worker = start("worker", "shop:app", "--queues", "default,mail", "--concurrency", "3", "--log-format", "json")
    assert worker.stderr is not None
    line = next(line for line in worker.stderr if '"event":"worker started"' in line.replace('": ', '":'))
    assert "default,mail" in line
    assert "synchronous=full" in line
    assert sqlite_url in line
    # When a job is enqueued by name from a process without its code
    done = start("enqueue", "add", '{"a": 2, "b": 3}', "--wait", "20s")
    out, err = done.communicate(timeout=30)
    # Then its result comes back
    assert (done.returncode, out) == (0, "5\n"), err
    # And the worker ends with 0 when it is asked to, and says so at the last
    worker.send_signal(signal.SIGTERM)
    _, rest = worker.communicate(timeout=20)
    assert worker.returncode == 0
    assert '"event":"worker stopped"' in rest.splitlines()[-1].replace('": ', '":')


@pytest.mark.chaos
def test_a_worker_says_that_it_started_when_the_store_knows_it(start: Start, environment: dict[str, str]) -> None:
    # Given one that ends as soon as its first beat is stored
    environment["ABACA_BUGGIFY"] = "heart.after_beat"
    # When it is started
    worker = start("worker", "shop:app")
    _, log = worker.communicate(timeout=30)
    # Then it ended before it said so: whoever reads that a worker started finds it in the store
    assert worker.returncode == EXIT_STATUS, log
    assert "worker started" not in log


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("worker", "nowhere:app"), "no module named 'nowhere'"),
        (("worker", "shop:application"), "no 'application'"),
        (("worker", "shop"), "module:attribute"),
        (("worker", "rigid:app", "--url", "sqlite:///asked.db"), "names its own store"),
    ],
)
def test_a_worker_that_cannot_start_says_why_and_ends_with_2(start: Start, words: tuple[str, ...], named: str) -> None:
    worker = start(*words)
    out, err = worker.communicate(timeout=30)
    assert worker.returncode == 2
    assert named in out + err
    assert "Traceback" not in out + err


def test_a_reader_that_closes_the_pipe_is_no_error(start: Start, sqlite_url: str) -> None:
    # Given a command whose answer is far larger than a pipe holds, and a reader that takes one line
    id = asyncio.run(_store_a_large_job(sqlite_url))
    shown = start("jobs", "show", id, "--json")
    assert shown.stdout is not None
    assert shown.stdout.readline() == "{\n"
    # When the reader goes away
    shown.stdout.close()
    assert shown.stderr is not None
    err = shown.stderr.read()
    # Then the command ends quietly
    assert (shown.wait(20), err) == (0, "")


async def _store_a_large_job(url: str) -> str:
    async with App(url) as app:
        job = await app.enqueue_by_name("add", {"pad": "x" * 500_000}, pool="thread")
        return job.id


COSTLY = (
    "abaca.app",
    "abaca.backends",
    "abaca.client",
    "abaca.config",
    "abaca.http",
    "abaca.model",
    "abaca.policy",
    "abaca.views",
    "abaca.worker",
    "apsw",
    "asyncio",
    "cronsim",
    "difflib",
    "httpcore",
    "jinja2",
    "litestar",
    "msgspec",
    "multiprocessing",
    "pygments",
    "redis",
    "rich.live",
    "rich.progress",
    "rich.table",
    "ssl",
    "structlog",
    "uuid_utils",
    "uvicorn",
    "uvloop",
    "watchfiles",
    "zstandard",
)
"""What a start may not load: most of them take longer than the whole of `--help`."""


NO_PLUGINS = "import abaca.cli, abaca.cli.front; abaca.cli.front.has_plugins = lambda: False"


def loads(environment: dict[str, str], code: str) -> tuple[set[str], str]:
    """The modules that a fresh interpreter loads for this code, above those of its start, and what it printed."""
    frame = (
        "import sys\n"
        "before = set(sys.modules)\n"
        f"try:\n    {code}\n"
        "except SystemExit:\n    pass\n"
        "print(*sorted(set(sys.modules) - before), sep='\\n', file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", frame], env=environment, capture_output=True, text=True, timeout=60)
    return set(done.stderr.split()), done.stdout


@pytest.mark.parametrize("words", [["--help"], [], ["--version"]])
def test_the_front_page_is_written_by_the_standard_library_alone(environment: dict[str, str], words: list[str]) -> None:
    # When the front alone is asked
    loaded, shown = loads(environment, f"{NO_PLUGINS}; abaca.cli.main({words})")
    # Then neither the parser is loaded nor any other package, nor what of the standard library takes its time
    assert {name for name in loaded if name.startswith("abaca")} == {
        "abaca",
        "abaca.cli",
        "abaca.cli.front",
        "abaca.cli.status",
    }
    assert not {name.partition(".")[0] for name in loaded} - sys.stdlib_module_names - {"abaca"}
    assert not loaded & {*COSTLY, "dataclasses", "inspect", "email", "json", "logging", "pathlib", "pickle"}
    # And every command is listed all the same
    assert words == ["--version"] or re.search(r"^  worker", shown, re.MULTILINE)


def test_a_word_that_is_no_command_loads_the_parser_and_nothing_costly(environment: dict[str, str]) -> None:
    # When
    loaded, _ = loads(environment, f"{NO_PLUGINS}; abaca.cli.main(['jbos'])")
    # Then no command's module is loaded, and nothing that takes its time
    assert {name.removeprefix("abaca.cli.") for name in loaded if name.startswith("abaca.cli.")} == {
        "entry",
        "front",
        "helping",
        "session",
        "status",
    }
    assert not loaded & set(COSTLY) - {"difflib"}


def test_the_package_loads_none_of_its_modules_and_nothing_costly(environment: dict[str, str]) -> None:
    # When
    loaded, _ = loads(environment, "import abaca")
    # Then
    assert {name for name in loaded if name.startswith("abaca")} == {"abaca"}
    assert not loaded & set(COSTLY)
