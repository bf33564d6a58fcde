"""The faults of a chaos run, one by one, on processes of the test's own."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

from abaca.verify import proc
from abaca.verify.midwrite import kill_in_mid_write
from abaca.verify.wallclock import Wallclock, compile_library

pytestmark = pytest.mark.timeout(200)
CLOCKS = "import json, time; print(json.dumps([time.time(), time.monotonic()]))"


@contextmanager
def speaking(program: str, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A Python process that has written its first line."""
    with subprocess.Popen([sys.executable, "-c", program, *words], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline()
            yield process
        finally:
            process.kill()


FORKS = """
import os, subprocess, sys
print("up", flush=True)
while True:
    marked = {**os.environ, "ABACA_TEST_STRAY": sys.argv[1]}
    child = subprocess.Popen(["sleep", "300"], start_new_session=True, env=marked)
    child.returncode = 0
"""


def strays(mark: str) -> list[int]:
    found = []
    for pid in proc.parents():
        try:
            environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if f"ABACA_TEST_STRAY={mark}".encode() in environment and proc.is_alive(pid):
            found.append(pid)
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")
def test_nothing_that_is_forked_meanwhile_gets_away_from_a_frozen_tree(tmp_path: Path) -> None:
    # Given a process that forks as fast as it can
    with speaking(FORKS, str(tmp_path)) as forking:
        # When its tree is frozen, and killed as one
        for pid in proc.freeze(forking.pid):
            proc.send(pid, signal.SIGKILL)
        forking.wait()
    # Then
    left = strays(str(tmp_path))
    for pid in left:
        proc.end(pid)
    assert left == []


def clocks(environment: dict[str, str]) -> tuple[float, float]:
    done = subprocess.run(
        [sys.executable, "-c", CLOCKS], env={**os.environ, **environment}, capture_output=True, check=True, timeout=50
    )
    wall, monotonic = json.loads(done.stdout)
    return wall, monotonic


def test_a_shifted_wall_clock_leaves_the_monotonic_one_alone(tmp_path: Path) -> None:
    # Given
    library = compile_library(tmp_path)
    if library is None:
        pytest.skip("there is no C compiler, and `abaca verify` says so in its report")
    clock = Wallclock(tmp_path / "clock")
    true_wall, true_monotonic = clocks({})
    # When
    clock.set(-100_000.5)
    wall, monotonic = clocks(clock.environment(library))
    clock.set(0)
    healed, _ = clocks(clock.environment(library))
    # Then
    assert wall == pytest.approx(true_wall - 100_000.5, abs=300)
    assert monotonic == pytest.approx(true_monotonic, abs=300)
    assert healed == pytest.approx(true_wall, abs=300)


HOLDS_LOCK = """
import sys, apsw, time
db = apsw.Connection(sys.argv[1])
db.execute("BEGIN IMMEDIATE")
db.execute("INSERT INTO t VALUES (1)")
print("in the middle", flush=True)
time.sleep(600)
"""


async def test_a_writer_is_killed_in_the_middle_of_its_write(tmp_path: Path) -> None:
    # Given a process that holds the write lock
    path = tmp_path / "file.db"
    db = apsw.Connection(str(path))
    db.execute("PRAGMA journal_mode=wal; CREATE TABLE t(n)").fetchall()
    db.close()
    with speaking(HOLDS_LOCK, str(path)) as writer:
        # When
        hit = await kill_in_mid_write(path, [writer.pid], random.Random(1))
        # Then
        assert hit
        assert writer.wait(30) == -signal.SIGKILL
    assert apsw.Connection(str(path)).execute("SELECT count(*) FROM t").fetchall() == [(0,)]


async def test_processes_that_never_write_are_killed_all_the_same(tmp_path: Path) -> None:
    with speaking("import time; print('idle', flush=True); time.sleep(600)") as idle:
        assert not await kill_in_mid_write(tmp_path / "none.db", [idle.pid], random.Random(1))
        assert idle.wait(30) == -signal.SIGKILL


def test_a_tree_of_processes_is_found_from_the_top_down() -> None:
    program = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
print(child.pid, flush=True)
child.wait()
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as top:
        assert top.stdout is not None
        child = int(top.stdout.readline())
        found = proc.tree(top.pid)
        for pid in found:
            proc.send(pid, signal.SIGKILL)
    assert found == [top.pid, child]
    assert not proc.is_alive(top.pid)


@pytest.mark.parametrize("how", ["out-of-memory", "recursion"])
def test_a_pill_that_eats_memory_is_stopped_by_its_own_limit(how: str) -> None:
    program = f"""
from abaca.verify.pills import PILLS
try:
    PILLS[{how!r}]()
except BaseException as error:
    print(type(error).__name__)
    import resource
    print(resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=150, check=False)
    # It raises or dies, and the machine is unharmed; one that lives has its old limit again
    if done.returncode == 0:
        assert done.stdout.split()[1] == "True"
    else:
        assert done.returncode < 0


@pytest.mark.parametrize(("how", "status"), [("segfault", -11), ("abort", -6), ("exit-zero", 0), ("kill-self", -9)])
def test_a_deadly_pill_ends_its_process(how: str, status: int) -> None:
    program = f"from abaca.verify.pills import PILLS; PILLS[{how!r}](); print('still here')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == status
    assert "still here" not in done.stdout
