"""The example runs as its README says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_the_example_prints_what_its_readme_shows(tmp_path: Path) -> None:
    # Given an empty folder and a fresh store
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "ABACA_URL": f"sqlite:///{tmp_path}/jobs.db",
        "ABACA_DOCUMENTS_EMBEDDER": "static",
    }
    readme = (ROOT / "examples" / "documents" / "README.md").read_text()
    (shown,) = re.findall(r"^prints\n\n```\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    # When the example runs in it
    done = subprocess.run(
        [sys.executable, "-m", "examples.documents"],
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
