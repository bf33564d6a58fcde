"""The page about strategies says what is so."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from abaca_strategies import errors
from abaca_strategies.settings import SETTINGS

PAGE = (Path(__file__).parents[2] / "docs" / "strategies.md").read_text()


@pytest.mark.timeout(120)
def test_the_quick_start_prints_what_the_page_shows(tmp_path: Path) -> None:
    # Given the program of the page and what it shows
    program, shown = re.findall(r"```(?:python|text)\n(.*?)```", PAGE, re.DOTALL)[:2]
    # When it runs in an empty folder, Then it prints that
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)
    assert (done.stdout, done.returncode) == (shown, 0), done.stderr


def test_every_setting_is_on_the_page() -> None:
    short = [setting.name.removeprefix("strategies") for setting in SETTINGS]
    assert [name for name in short if f"strategies{name}`" not in PAGE and f"`{name}`" not in PAGE] == []


def test_every_error_is_on_the_page() -> None:
    names = [name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert [name for name in names if f"`{name}`" not in PAGE] == []
