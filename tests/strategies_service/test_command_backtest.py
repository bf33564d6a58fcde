"""``abaca backtest``, with a worker inside and the sandbox."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.command import Run

RAISING = "def signals(df, params):\n    raise ValueError('no idea')\n"


@pytest.fixture(autouse=True)
def _ready(prepared: None) -> None:
    """The Python that strategies run with is there."""


def test_a_strategy_is_run_shown_and_compared_without_a_server(run: Run, place: Path) -> None:
    # Given a strategy
    run("strategies", "create", "cross.py")
    words = ("backtest", "run", "1", "--from", "2018-01-01", "--to", "2019-12-31", "--symbols", "SYN01,SYN02")
    # When it is run twice, once with other parameters and costs
    plain = run("--json", *words)
    changed = run(*words, "--param", "fast=10", "--rule", "costs.fee_bps=20", "--follow", "--html", "report.html")
    # Then each says its figures, and the steps were followed
    assert (plain.status, changed.status) == (0, 0)
    result = plain.json["result"]
    assert (result["success"], result["summary"]["symbols_processed"]) == (True, 2)
    assert result["summary"]["date_range"][0] >= "2018-01-01"
    assert any(line.startswith("total_return ") for line in changed.lines)
    assert "result" in changed.err
    # And both are listed, shown again and compared by the ids of their jobs
    listed = run("--json", "backtest", "list", "--strategy", "1").json["items"]
    assert [one["request"]["params"] for one in listed] == [{"fast": 10}, {}]
    first, second = listed[1]["job_id"], listed[0]["job_id"]
    again = run("--json", "backtest", "show", first, "--html", "again.html")
    assert again.json == plain.json
    # And a report is one file, with its pictures inside and the code that ran
    for report in ((place / "report.html").read_text(), (place / "again.html").read_text()):
        assert report.startswith("<!DOCTYPE html>")
        assert "<svg" in report
        assert "rolling" in report
        assert "http://" not in report.replace("http://www.w3.org/", "")
    compared = run("backtest", "compare", first, second).lines
    assert compared[0].split() == [first, second]
    assert ["params", "-", "fast=10"] in [line.split() for line in compared]
    assert any(line.split()[0] == "sharpe" for line in compared)


def test_a_strategy_that_fails_says_why(run: Run, place: Path) -> None:
    (place / "raising.py").write_text(RAISING)
    run("strategies", "create", "raising.py")
    failed = run("backtest", "run", "1")
    assert failed.status == 1
    assert "no idea" in failed.err
    assert "line 2" in failed.err


def test_one_that_is_not_waited_for_waits_for_a_worker(run: Run) -> None:
    # Given a back-test that is enqueued alone
    run("strategies", "create", "cross.py")
    detached = run("backtest", "run", "1", "--symbols", "SYN01", "--detach")
    job = detached.out.strip()
    assert (detached.status, len(job)) == (0, 32)
    # Then it has no result yet, and what is missing is told before a job is made
    waiting = run("backtest", "show", job)
    assert (waiting.status, "has not ended" in waiting.err) == (1, True)
    for words, why in (
        (("1", "--version", "3"), "no version 3"),
        (("1", "--symbols", "NONE"), "has no NONE"),
        (("1", "--dataset", "mine"), "no data set mine"),
        (("2",), "no strategy 2"),
    ):
        missing = run("backtest", "run", *words)
        assert (missing.status, why in missing.err) == (1, True), missing.err
    assert len(run("--json", "jobs").json["jobs"]) == 1
    # And a worker that comes later runs it, here the one of the next command
    assert run("backtest", "run", "1", "--symbols", "SYN02").status == 0
    assert run("backtest", "show", job).status == 0


def test_the_time_to_wait_ends_before_the_job(run: Run, place: Path) -> None:
    (place / "endless.py").write_text("def signals(df, params):\n    while True:\n        pass\n")
    run("strategies", "create", "endless.py")
    over = run("backtest", "run", "1", "--wait", "1.5")
    assert (over.status, "goes on" in over.err) == (4, True)
