"""``abaca sweep``, ``screen``, ``alerts`` and ``abaca strategies check``, with a worker inside and the sandbox."""

from __future__ import annotations

from pathlib import Path

import pytest

from abaca_strategies.command.axes import grid_of, random_of
from tests.command import Run
from tests.strategies_service.authors import PEEKING


@pytest.fixture(autouse=True)
def _ready(prepared: None) -> None:
    """The Python that strategies run with is there."""


@pytest.fixture
def crossing(run: Run) -> Run:
    """With the strategy 1."""
    assert run("strategies", "create", "cross.py").status == 0
    return run


SWEEP = ("sweep", "run", "1", "--symbols", "SYN01", "--grid", "fast=5:15:5", "--grid", "slow=10,20")


def test_a_sweep_is_followed_shown_and_listed(crossing: Run) -> None:
    # When six points are tried, but for those that a constraint leaves out
    swept = crossing(*SWEEP, "--constraint", "fast < slow", "--folds", "2", "--follow")
    # Then the best, the map and the walk forward are told
    assert swept.status == 0, swept.err
    assert swept.lines[2].split() == ["state", "completed"]
    assert swept.lines[3].split()[:4] == ["runs", "12", "of", "12,"]
    assert swept.err.splitlines()[-1].startswith("12 of 12, best sharpe ")
    assert any(line.split() == ["slow", "\\", "fast", "5", "10", "15"] for line in swept.lines)
    assert sum(" to 20" in line for line in swept.lines) == 2
    # And it is shown again, and listed
    (listed,) = crossing("--json", "sweep", "list").json["items"]
    shown = crossing("--json", "sweep", "show", listed["job_id"]).json
    assert (shown["total"], shown["done"], shown["failed"]) == (12, 12, 0)
    assert shown["result"]["best"]["params"] == shown["best"]["params"]
    assert crossing("sweep", "show", "f" * 32).status == 1
    assert crossing("sweep", "cancel", listed["job_id"]).out.endswith("it had ended already\n")


def test_a_sweep_that_waits_is_cancelled(crossing: Run) -> None:
    detached = crossing(*SWEEP, "--detach")
    id = detached.out.strip()
    assert (detached.status, crossing("--json", "sweep", "show", id).json["state"]) == (0, "queued")
    assert crossing("sweep", "cancel", id).out == f"{id}: cancelled\n"
    assert crossing("sweep", "show", id).status == 3


def test_strategies_are_checked_and_tickers_screened(crossing: Run, place: Path) -> None:
    # Given a strategy that looks ahead beside one that does not
    assert crossing("strategies", "check", "1", "--symbols", "SYN01").status == 0
    (place / "peeking.py").write_text(PEEKING)
    crossing("strategies", "create", "peeking.py")
    peeking = crossing("strategies", "check", "2", "--symbols", "SYN01")
    assert (peeking.status, peeking.out.startswith("it looks ahead: ")) == (1, True)
    # When tickers are ranked, Then the best stand first and no more than were asked for
    screened = crossing("screen", "1", "--as-of", "2020-06-30", "--limit", "2")
    assert screened.status == 0, screened.err
    assert [line.split()[0] for line in screened.lines[1:]] == ["1", "2"]
    assert "of 8 tickers at 2020-06-30" in screened.err
    ranked = crossing("--json", "screen", "1", "--filter", "sector=energy").json["ranked_results"]
    assert {one["sector"] for one in ranked} <= {"energy"}


def test_a_rule_from_its_making_to_its_end(crossing: Run) -> None:
    # Given a rule
    made = crossing("--json", "alerts", "create", "1", "--every", "1h", "--name", "mine", "--id", "mine")
    assert (made.status, made.json["id"], made.json["rule"]["every"]) == (0, "mine", "1h")
    assert crossing("alerts", "create", "1", "--every", "1h", "--name", "mine", "--id", "mine").status == 0
    # When it is tried, Then it says what it would tell, and keeps nothing
    tested = crossing("alerts", "test", "mine")
    assert tested.status == 0, tested.err
    assert "8 tickers were looked at" in tested.err
    assert crossing("alerts", "history", "mine").out == "nothing was found yet\n"
    # And it is muted, shown and deleted
    assert crossing("alerts", "mute", "mine").out == "muted: mine\n"
    assert ["muted", "yes"] in [line.split() for line in crossing("alerts", "show", "mine").lines]
    assert crossing("alerts", "unmute", "mine").status == 0
    (listed,) = crossing("--json", "alerts", "list", "--strategy", "1").json["items"]
    assert listed["next_run_at"] is not None
    assert crossing("alerts", "rm", "mine").out == "deleted: mine\n"
    assert crossing("alerts", "show", "mine").status == 1
    assert crossing("alerts", "list").out == "there are no alert rules\n"


def test_what_people_write_for_the_axes_of_a_sweep() -> None:
    assert grid_of(["a=5:20:5", "b=0.1:0.3:0.1", 'c=["x",2]', "d=sma,3,0.5,true"]) == {
        "a": [5, 10, 15, 20],
        "b": [0.1, 0.2, 0.3],
        "c": ["x", 2],
        "d": ["sma", 3, 0.5, True],
    }
    assert random_of(["a=5:50", "b=0.001:0.1:log", "c=x,y"]) == {
        "a": {"low": 5, "high": 50},
        "b": {"low": 0.001, "high": 0.1, "log": True},
        "c": ["x", "y"],
    }
