"""The example runs as its README says, with all that this machine has."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.timeout(200)
@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not on PATH")
def test_the_example_prints_what_its_readme_shows(tmp_path: Path, sqlite_url: str) -> None:
    # Given an empty folder and a fresh store; where there is no sandbox, the sources are the example's own
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "ABACA_URL": sqlite_url,
        "ABACA_COMPILE_PREPARE": "false",
        "ABACA_COMPILE_ALLOW_UNSANDBOXED": "true",
    }
    readme = (ROOT / "examples" / "compile" / "README.md").read_text()
    (shown,) = re.findall(r"^prints\n\n```\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    # When the example runs in it
    done = subprocess.run(
        [sys.executable, "-m", "examples.compile"],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
    )
    # Then it ends well and prints that, beside what its worker logs
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if line in shown.splitlines()] == shown.splitlines()
