"""Places where a test may make something go wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from abaca.buggify import EXIT_STATUS, VARIABLE, arm, arm_from_environment, buggify, disarm


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    yield
    disarm()


def test_a_place_does_nothing_unless_armed() -> None:
    buggify("anywhere")


def test_an_armed_place_is_named_at_each_pass() -> None:
    # Given
    passed: list[str] = []
    arm(passed.append)
    # When
    buggify("here")
    buggify("there")
    disarm()
    buggify("here")
    # Then
    assert passed == ["here", "there"]


def test_without_the_variable_nothing_is_armed() -> None:
    arm_from_environment({})
    buggify("anywhere")


def test_a_variable_that_cannot_be_read_is_an_error() -> None:
    with pytest.raises(ValueError, match="often"):
        arm_from_environment({VARIABLE: "loop.before_settle=often"})


@pytest.mark.parametrize(("value", "status"), [("here", EXIT_STATUS), ("here=0", 7), ("elsewhere", 7), (None, 7)])
def test_the_environment_ends_a_real_process_at_the_place(value: str | None, status: int) -> None:
    # Given
    program = (
        "import os; from abaca.buggify import *; arm_from_environment(os.environ); buggify('here'); raise SystemExit(7)"
    )
    environment = {**os.environ, **({VARIABLE: value} if value is not None else {})}
    # When
    done = subprocess.run([sys.executable, "-c", program], env=environment, stdin=subprocess.DEVNULL, timeout=50)
    # Then
    assert done.returncode == status
