"""The example runs as its README says; and the first steps on the page do what the page shows."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command import Run

ROOT = Path(__file__).parents[2]
README = ROOT / "examples" / "strategies" / "README.md"
PAGE = ROOT / "docs" / "strategies.md"


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_the_example_prints_what_its_readme_shows(prepared: None, tmp_path: Path, sqlite_url: str) -> None:
    # Given an empty folder and a fresh store
    (shown,) = re.findall(r"^prints\n\n```\n(.*?)^```", README.read_text(), re.MULTILINE | re.DOTALL)
    # When the example runs in it
    done = subprocess.run(
        [sys.executable, "-m", "examples.strategies"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "ABACA_URL": sqlite_url},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
    )
    # Then it ends well and prints that, beside what its worker logs
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if line in shown.splitlines()] == shown.splitlines()
