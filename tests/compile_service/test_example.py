"""The example runs as its README says, with all that this machine has."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.exampled import check_example


@pytest.mark.slow
@pytest.mark.timeout(200)
@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not on PATH")
def test_the_example_prints_what_its_readme_shows(tmp_path: Path, sqlite_url: str) -> None:
    # Given an empty folder and a fresh store; where there is no sandbox, the sources are the example's own
    unsandboxed = {"ABACA_COMPILE_PREPARE": "false", "ABACA_COMPILE_ALLOW_UNSANDBOXED": "true"}
    # When the example runs in it, Then it prints what it should
    check_example("compile", tmp_path, ABACA_URL=sqlite_url, **unsandboxed)
