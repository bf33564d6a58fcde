"""The demo as a user runs it: a worker is killed, and every file is counted exactly once."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from abaca import App
from abaca.cli.demo.files import python_files
from abaca.cli.demo.store import own_store
from abaca.errors import ConfigError
from abaca.model import Job, Query, Status

FILES = 120
BROKEN = 3
_FUNCTION = "def function_{n}(a, b):\n    if a and b:\n        return [x for x in a if x]\n    return b\n\n\n"
SOURCE = "".join(_FUNCTION.format(n=n) for n in range(600))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files that take long enough to parse that a worker can be caught with some in hand."""
    folder = tmp_path / "code"
    folder.mkdir()
    for n in range(FILES - BROKEN - 1):
        (folder / f"m{n:03}.py").write_text(SOURCE)
    for n in range(BROKEN):
        (folder / f"broken{n}.py").write_text("print 'no'\n")
    (folder / "winner.py").write_text("def winner(a):\n" + "    if a: pass\n" * 40)
    return folder


def demo(cwd: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ABACA_")}
    return subprocess.run(
        [sys.executable, "-m", "abaca", "demo", *words],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=110,
    )


def stored(url: str, queue: str) -> list[Job]:
    async def read() -> list[Job]:
        async with App(url) as app:
            backend = await app.backend()
            jobs: list[Job] = []
            cursor = None
            while True:
                page = await backend.find(Query(queue=queue, cursor=cursor, limit=500))
                jobs += page.jobs
                cursor = page.cursor
                if cursor is None:
                    return jobs

    return asyncio.run(read())


def check_run(done: subprocess.CompletedProcess[str], url: str) -> None:
    """What the demo says, and what the store says without it."""
    assert done.returncode == 0, done.stdout + done.stderr
    killed = re.search(r"kill -9 \d+: demo-\d is gone with (\d+) jobs in hand", done.stdout)
    assert killed is not None
    in_hand = int(killed[1])
    assert in_hand > 0
    assert f"all {in_hand} are back after" in done.stdout
    assert f"recovered  {in_hand} of {in_hand}" in done.stdout
    assert f"{FILES} of {FILES} completed, each counted once" in done.stdout
    assert re.search(r"41  winner  winner\.py:1", done.stdout)
    assert f"{BROKEN} files do not parse" in done.stdout
    queue = re.search(r"--queue (\S+)", done.stdout)
    assert queue is not None
    jobs = stored(url, queue[1])
    inspected = [job for job in jobs if job.spec.task == "demo.inspect"]
    assert len({job.spec.args for job in inspected}) == len(inspected) == FILES
    assert {job.status for job in jobs} == {Status.COMPLETED}
    assert {job.attempts for job in jobs} == {1}, "a killed worker charges nobody"
    assert sum(job.losses for job in jobs) == in_hand


@pytest.mark.chaos
@pytest.mark.timeout(120)
def test_the_demo_loses_a_worker_and_nothing_else_on_sqlite(folder: Path, tmp_path: Path) -> None:
    done = demo(tmp_path, str(folder))
    check_run(done, f"sqlite:///{tmp_path / 'abaca-demo.db'}")


@pytest.mark.chaos
@pytest.mark.timeout(120)
def test_the_demo_does_the_same_on_redis(folder: Path, tmp_path: Path, redis_url: str) -> None:
    done = demo(tmp_path, str(folder), "--url", redis_url)
    check_run(done, redis_url)
    assert not list(tmp_path.glob("abaca-demo.db*"))


def test_no_kill_kills_nobody(tmp_path: Path) -> None:
    code = tmp_path / "code"
    code.mkdir()
    (code / "one.py").write_text("def f(): pass\n")
    done = demo(tmp_path, str(code), "--no-kill", "--processes", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 of 1 completed" in done.stdout
    assert "killed" not in done.stdout
    assert "kill -9" not in done.stdout


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("nowhere",), "is not a folder"),
        ((".",), "no .py files"),
        (("--url", "memory://"), "memory://"),
        (("--processes", "0"), "--processes"),
    ],
)
def test_a_demo_that_cannot_be_run_says_why(tmp_path: Path, words: tuple[str, ...], named: str) -> None:
    done = demo(tmp_path, *words)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert named in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_its_own_store_is_made_anew_at_every_run(tmp_path: Path) -> None:
    with own_store(tmp_path):
        (tmp_path / "abaca-demo.db").write_text("first run")
    with own_store(tmp_path) as url:
        assert url == f"sqlite:///{tmp_path / 'abaca-demo.db'}"
        assert (tmp_path / "abaca-demo.db").read_text() == ""


@pytest.mark.parametrize("mark", [None, "12345"])
def test_a_file_of_somebody_else_is_never_deleted(tmp_path: Path, mark: str | None) -> None:
    # Given a file of the demo's name that the demo did not make, with and without a mark that names another file
    precious = tmp_path / "abaca-demo.db"
    precious.write_text("precious")
    if mark is not None:
        (tmp_path / "abaca-demo.db-made-by-demo").write_text(mark)
    # When the demo wants its store, then it refuses and the file stays
    with pytest.raises(ConfigError, match="was not made by the demo"), own_store(tmp_path):
        pass
    assert precious.read_text() == "precious"


def test_two_demos_do_not_share_a_store(tmp_path: Path) -> None:
    with own_store(tmp_path), pytest.raises(ConfigError, match="another demo is running"), own_store(tmp_path):
        pass


def test_hidden_folders_packages_and_links_to_nothing_are_left_out(tmp_path: Path) -> None:
    for name in ("a.py", "sub/b.py", ".hidden/c.py", "site-packages/d.py", "__pycache__/e.py", "sub/f.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    (tmp_path / "dangling.py").symlink_to("nowhere.py")
    assert python_files(tmp_path) == ["a.py", "sub/b.py"]
