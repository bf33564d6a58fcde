"""mypy --strict and pyright accept the right uses of the face and reject every wrong one."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CASES = Path(__file__).parent / "cases"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

Checker = Callable[[Path], dict[int, str]]


def mypy(path: Path) -> dict[int, str]:
    """The lines that mypy finds fault with, and the fault."""
    command = [sys.executable, "-m", "mypy", "--strict", "--no-pretty", "--hide-error-context", str(path)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200)
    assert run.returncode in (0, 1), run.stdout + run.stderr
    found = re.findall(rf"^{re.escape(str(path.relative_to(ROOT)))}:(\d+): error: (.*)$", run.stdout, re.MULTILINE)
    assert bool(found) == bool(run.returncode), run.stdout
    return {int(line): fault for line, fault in found}


def pyright(path: Path) -> dict[int, str]:
    settings = {"typeCheckingMode": "strict", "extraPaths": [str(ROOT / "src")], "pythonVersion": "3.11"}
    with tempfile.TemporaryDirectory() as folder:  # the project's own settings leave the cases out
        (Path(folder) / "pyrightconfig.json").write_text(json.dumps(settings))
        shutil.copy(path, folder)
        command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, "-p", folder]
        environment = os.environ | {"PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
        run = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment, timeout=200)
    answer = json.loads(run.stdout)
    assert answer["summary"]["filesAnalyzed"] == 1, run.stdout
    return {
        item["range"]["start"]["line"] + 1: item["message"]
        for item in answer["generalDiagnostics"]
        if item["severity"] == "error"
    }


@pytest.mark.parametrize("checker", [mypy, pyright])
def test_right_uses_are_accepted(checker: Checker) -> None:
    assert checker(CASES / "right.py") == {}


@pytest.mark.parametrize("checker", [mypy, pyright])
def test_wrong_uses_are_rejected_and_nothing_else(checker: Checker) -> None:
    # Given the lines marked as wrong
    path = CASES / "wrong.py"
    wrong = {number for number, line in enumerate(path.read_text().splitlines(), 1) if "# wrong: " in line}
    assert len(wrong) > 30
    # When a checker reads them
    found = checker(path)
    # Then it finds fault with exactly these
    assert wrong - found.keys() == set(), "accepted although wrong"
    assert {line: fault for line, fault in found.items() if line not in wrong} == {}
