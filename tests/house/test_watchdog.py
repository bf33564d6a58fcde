"""A test run ends by itself, whatever a test does."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PATIENCE = (6.0, 60.0)
"""Seconds in which the first test has failed and the second one hangs: as a rule, and on a busy machine."""
pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

HANGS = """
import pathlib, threading

def test_that_fails():
    assert not "this one failed before"

def test_that_hangs():
    pathlib.Path(__file__).with_name("hangs").touch()
    threading.Event().wait()
"""


def run(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_it.py").write_text(HANGS)
    (folder / "pytest.ini").write_text("[pytest]\n")
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "tests.watchdog",
            "-n",
            "1",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:cov",
            *words,
            str(folder),
        ],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
    )


def test_a_run_whose_time_is_over_says_where_it_stands_and_reports_what_failed(tmp_path: Path) -> None:
    # Given: a run with a test that hangs and whose own timeout is far away
    # When: the time of the run is over
    done = run(tmp_path, "-o", "timeout=0", ABACA_TEST_UNTIL=str(time.time() + PATIENCE[0]))
    if not (tmp_path / "hangs").exists():
        done = run(tmp_path, "-o", "timeout=0", ABACA_TEST_UNTIL=str(time.time() + PATIENCE[1]))

    # Then: it has ended with a failure, the stack of the hanging test, and the failures so far
    assert done.returncode != 0
    assert "in test_that_hangs" in done.stderr
    assert "the time of the test run is over" in done.stdout
    assert "this one failed before" in done.stdout
    assert "crashed while running 'test_it.py::test_that_hangs'" in done.stdout


def test_a_timeout_that_nobody_hears_ends_the_process_and_fails_the_test(tmp_path: Path) -> None:
    # Given: a test that hangs, and no other timeout
    # When: the last resort's time is over
    done = run(tmp_path, "-o", "timeout=0", "-o", "faulthandler_timeout=2", "-o", "faulthandler_exit_on_timeout=true")

    # Then: the test is named as the one that failed, and its stack was written
    assert done.returncode != 0
    assert "in test_that_hangs" in done.stderr
    assert "crashed while running 'test_it.py::test_that_hangs'" in done.stdout
