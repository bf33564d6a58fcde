"""The examples run as their README says, and print what it shows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = ROOT / "examples" / "result_backend" / "README.md"
WHOLE = ("schedules", "durable_steps", "streams", "workflow", "large_results")
"""Examples that are one program, whose README shows all it prints."""
LOGGED = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \[")


def expected(program: str) -> list[str]:
    """The lines that the README shows for a program."""
    found = re.search(rf"^`{program}`:\n\n```\n(.*?)^```", README.read_text(), re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1].splitlines()


@pytest.mark.parametrize("program", ["rpc", "later", "batch"])
def test_an_example_prints_what_its_readme_shows(program: str, tmp_path: Path, sqlite_url: str) -> None:
    # Given an empty folder and a fresh store
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "ABACA_URL": sqlite_url}
    # When the example runs in it
    done = subprocess.run(
        [sys.executable, "-m", f"examples.result_backend.{program}"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=50,
    )
    # Then it ends well with the lines of the README, in order; the worker's log may stand between them
    assert done.returncode == 0, done.stderr
    shown = expected(program)
    assert [line for line in done.stdout.splitlines() if line in shown] == shown


@pytest.mark.parametrize("name", WHOLE)
def test_an_example_of_one_program_prints_what_its_readme_shows(name: str, tmp_path: Path, sqlite_url: str) -> None:
    # Given an empty folder and a fresh store
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "ABACA_URL": sqlite_url}
    readme = (ROOT / "examples" / name / "README.md").read_text()
    shown = re.findall(r"^prints[^\n]*\n\n```\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    # When the example runs in it
    done = subprocess.run(
        [sys.executable, "-m", f"examples.{name}"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=50,
    )
    # Then it ends well and prints that, beside what its worker logs
    assert done.returncode == 0, done.stderr
    assert ["".join(line for line in done.stdout.splitlines(keepends=True) if not LOGGED.match(line))] == shown
