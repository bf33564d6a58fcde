"""Processes die at named places of the product's code, only while the switch is on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from abaca.buggify import EXIT_STATUS
from abaca.verify.places import VARIABLE, deaths, switch, variable
from abaca.verify.plan import Plan

pytestmark = pytest.mark.timeout(180)
PASSES = """
import os
from abaca.buggify import buggify
from abaca.verify.places import arm_places
arm_places(os.environ)
buggify("elsewhere")
buggify("here")
print("alive")
"""


def passed(folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {VARIABLE: "here=1", "VERIFY_FOLDER": str(folder), "PYTHONPATH": ":".join(sys.path)}
    return subprocess.run(
        [sys.executable, "-c", PASSES], env=environment, capture_output=True, text=True, timeout=100, check=False
    )


def test_a_process_dies_at_its_place_while_the_switch_is_on(tmp_path: Path) -> None:
    # Given, when
    before = passed(tmp_path)
    switch(tmp_path, on=True)
    during = passed(tmp_path)
    switch(tmp_path, on=False)
    after = passed(tmp_path)
    # Then
    assert [run.returncode for run in (before, during, after)] == [0, EXIT_STATUS, 0]
    assert "alive" not in during.stdout
    assert deaths(tmp_path) == {"here": 1}


def test_chances_follow_from_how_many_are_to_die() -> None:
    def chances(places: int, *, on_sqlite: bool = True) -> dict[str, float]:
        plan = Plan(url="", folder=Path("x"), seed=1, places=places)
        parts = variable(plan, on_sqlite=on_sqlite).split(",")
        return {name: float(chance) for name, _, chance in (part.partition("=") for part in parts if part)}

    assert chances(0) == {}
    assert chances(24)["loop.before_settle"] > chances(12)["loop.before_settle"] > 0
    assert all(0 < chance <= 0.2 for chance in chances(1000).values())
    assert "sqlite.before_commit" in chances(6)
    assert "sqlite.before_commit" not in chances(6, on_sqlite=False)
