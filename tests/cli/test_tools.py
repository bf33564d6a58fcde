"""``abaca bench``, ``dev`` and ``completion``."""

from __future__ import annotations

import asyncio
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from abaca.verify.redis_space import command
from tests.command import Run
from tests.servers import RedisServer

SHOP = """
from abaca import App
app = App()

@app.task
async def answer() -> int:
    return {value}
"""


def test_a_bench_measures_three_things_and_leaves_nothing(run: Run, tmp_path: Path) -> None:
    # When a store is measured
    answer = run("bench", "--jobs", "20", "--waits", "3", "--json")
    assert answer.status == 0
    # Then each measurement has its numbers
    lines = {line["what"]: line for line in answer.json["lines"]}
    assert {what: line["jobs"] for what, line in lines.items()} == {
        "enqueue, many in a call": 20,
        "enqueue, 64 callers": 4,
        "drain by one worker": 25,
        "submit and wait for the result": 3,
    }
    assert all(line["per_second"] > 0 for line in lines.values())
    assert lines["submit and wait for the result"]["p99_ms"] > 0
    # And nothing is left, not even the store that was measured beside
    assert list(tmp_path.iterdir()) == []
    assert "submit and wait" in run("bench", "memory://", "--jobs", "5", "--waits", "1").out


def test_a_bench_on_redis_leaves_other_keys_alone(run: Run, redis_server: RedisServer) -> None:
    asyncio.run(command(redis_server.url, "SET", "mine", "1"))
    assert run("bench", redis_server.url, "--jobs", "10", "--waits", "1").status == 0
    assert asyncio.run(command(redis_server.url, "KEYS", "*")) == [b"mine"]


def test_bash_completes_commands_and_flags(run: Run, tmp_path: Path) -> None:
    # Given the script
    script = run("completion", "bash")
    (tmp_path / "abaca.bash").write_text(script.out)

    def completed(*words: str) -> set[str]:
        quoted = " ".join(f"'{word}'" for word in words)
        code = (
            f"source ./abaca.bash; COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _abaca; echo ${{COMPREPLY[@]}}"
        )
        done = subprocess.run(["bash", "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=20)
        assert done.returncode == 0, done.stderr
        return set(done.stdout.split())

    # When somebody presses the key / Then commands below commands come, and flags
    assert completed("abaca", "jobs", "re") == {"requeue", "result", "retention"}
    assert completed("abaca", "jobs", "cancel", "--dry") == {"--dry-run"}
    assert {"worker", "top", "dev"} <= completed("abaca", "")


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_have_scripts_too(run: Run, tmp_path: Path, shell: str) -> None:
    script = run("completion", shell)
    assert (script.status, "requeue" in script.out) == (0, True)
    if program := shutil.which(shell):
        (tmp_path / "script").write_text(script.out)
        assert subprocess.run([program, "-n", tmp_path / "script"], timeout=20).returncode == 0


class Dev:
    """``abaca dev`` as a process, with the lines that it and its children write."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "abaca", "dev", "shop:app", "--port", "0", "--watch", "shop.py"],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._lines: queue.Queue[str] = queue.Queue()
        assert self.process.stdout is not None
        self._reader = threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True)
        self._reader.start()

    def until(self, *words: str) -> str:
        """The lines that come until each of the words was in one."""
        seen = ""
        while not all(word in seen for word in words):
            seen += self._lines.get(timeout=120)
        return seen

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(20)
        self._reader.join(10)

    def _read(self, stream: IO[str]) -> None:
        with stream:
            for line in stream:
                self._lines.put(line)


@pytest.fixture
def developing(tmp_path: Path) -> Iterator[Dev]:
    (tmp_path / "shop.py").write_text(SHOP.format(value=1))
    dev = Dev(tmp_path)
    yield dev
    dev.end()


@pytest.mark.timeout(240)
def test_dev_starts_the_worker_anew_when_code_changes(run: Run, developing: Dev, tmp_path: Path) -> None:
    # Given worker and server under dev that have answered
    developing.until("watching")
    begun = developing.until("worker started", "service started")
    (address,) = re.findall(r"address=(http://\S+)", begun)
    with urllib.request.urlopen(f"{address}/live", timeout=60) as answered:
        assert answered.status == 200
    assert run("enqueue", "answer", "--pool", "async", "--wait", "90s").out == "1\n"
    # When the code gets a mistake
    (tmp_path / "shop.py").write_text("this is no Python")
    # Then dev says where, and the worker stays
    assert "shop.py, line 1: invalid syntax" in developing.until("stays as it is")
    # And when the mistake is repaired the worker answers with the new code
    (tmp_path / "shop.py").write_text(SHOP.format(value=22))
    developing.until("worker started", "service started")
    assert run("enqueue", "answer", "--pool", "async", "--wait", "90s").out == "22\n"
    # And it ends well, with its children
    developing.process.send_signal(signal.SIGTERM)
    developing.until("worker stopped", "service stopped")
    assert developing.process.wait(60) == 0


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("dev", "shop:app", "--watch", "nowhere"), "--watch: nowhere is not there"),
        (("bench", "--jobs", "0"), "--jobs: 0"),
        (("completion", "tcsh"), "tcsh"),
        (("top", "--interval", "0s"), "--interval: it must be above zero"),
    ],
)
def test_a_mistake_is_one_line(run: Run, words: tuple[str, ...], named: str) -> None:
    answer = run(*words)
    assert (answer.status, answer.out, answer.err.count("\n")) == (2, "", 1)
    assert named in answer.err
