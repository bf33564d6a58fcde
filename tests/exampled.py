"""Runs an example of an application and holds it to its README."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def check_example(name: str, folder: Path, **environment: str) -> None:
    """It ends well in an empty folder, and prints what its README shows, beside what its worker logs."""
    readme = (ROOT / "examples" / name / "README.md").read_text()
    (shown,) = re.findall(r"^prints\n\n```\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-m", f"examples.{name}"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if line in shown.splitlines()] == shown.splitlines()
