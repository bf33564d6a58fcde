"""The example runs as its README says; and the first steps on the page do what the page shows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.command import Run
from tests.exampled import check_example

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "strategies.md"


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_the_example_prints_what_its_readme_shows(prepared: None, tmp_path: Path, sqlite_url: str) -> None:
    # Given an empty folder and a fresh store, When the example runs, Then it prints what it should
    check_example("strategies", tmp_path, ABACA_URL=sqlite_url)


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_the_first_steps_of_the_page_print_what_it_shows(prepared: None, run: Run, place: Path) -> None:
    # Given an empty folder, and each command of the page with the lines that it shows
    (place / "cross.py").unlink()
    (text,) = re.findall(r"```console\n(.*?)```", PAGE.read_text(), re.DOTALL)
    steps = [step.splitlines() for step in re.split(r"^\$ abaca ", text, flags=re.MULTILINE) if step]
    assert len(steps) >= 9
    for command, *shown in steps:
        # When it is typed
        answer = run(*shlex.split(command))
        # Then it works, and prints these lines in their order
        assert answer.status == 0, f"{command}: {answer.err}"
        said = [*answer.lines, *answer.err.splitlines()]
        assert [line for line in said if line in shown] == shown, f"{command}: {said}"
    assert (place / "report.html").stat().st_size > 10_000
