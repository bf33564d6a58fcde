"""``abaca strategies`` and ``abaca data``, as people type them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.command import Run
from tests.strategies_service.authors import CROSS, PEEKING

PRICES = "date,ticker,open,high,low,close,volume\n2024-01-02,A,1,2,1,2,10\n2024-01-03,A,2,3,2,3,10\n"


def test_a_strategy_from_its_file_to_its_end(run: Run, place: Path) -> None:
    # Given a strategy, made from a file and changed once
    made = run("strategies", "create", "cross.py", "--description", "two averages")
    assert (made.status, made.out, made.err) == (0, "1\n", "strategy 1, version 1: cross\n")
    (place / "cross.py").write_text(CROSS.replace('"slow": 20', '"slow": 30'))
    assert "version 2" in run("strategies", "create", "cross.py", "--strategy", "1").err
    assert "version 2" in run("strategies", "create", "cross.py", "--strategy", "1").err  # the same code is no version
    # Then it is listed and shown, each version as it was
    assert run("--json", "strategies", "list").json["items"][0]["newest"] == 2
    assert run("strategies", "show", "1", "--version", "1", "--code").out == CROSS
    assert run("--json", "strategies", "show", "1").json["pythonCode"] == (place / "cross.py").read_text()
    assert [line.split()[0] for line in run("strategies", "versions", "1").lines] == ["version", "2", "1"]
    changed = [
        line for line in run("strategies", "diff", "1").lines if line[:1] in "+-" and line[:3] not in ("+++", "---")
    ]
    assert changed == ['-PARAMS = {"fast": 5, "slow": 20}', '+PARAMS = {"fast": 5, "slow": 30}']
    assert "is the same" in run("strategies", "diff", "1", "2", "2").err
    # When it is deleted, it is gone
    missing = run("strategies", "rm", "1", "7")
    assert (missing.status, missing.err) == (1, "abaca: there is no strategy 7\n")
    assert run("strategies", "rm", "1").status == 0
    assert run("strategies", "list").out == "there are no strategies\n"


def test_a_prompt_is_written_by_a_worker_inside(run: Run, prepared: None) -> None:
    made = run("strategies", "create", "--prompt", "Buy when the 20 day moving average crosses above the 60 day")
    assert (made.status, made.out) == (0, "1\n")
    # And what no template knows makes none, with the reason
    none = run("strategies", "create", "--prompt", "Buy before earnings are reported")
    assert (none.status, none.out) == (1, "")
    assert "no strategy was made" in none.err


def test_code_is_validated_by_line_without_a_store(run: Run, place: Path) -> None:
    (place / "broken.py").write_text("def signals(df, params):\n    return (\n")
    (place / "peeking.py").write_text(PEEKING)
    said = run("strategies", "validate", "cross.py", "peeking.py", "broken.py")
    assert said.status == 1
    assert said.lines[0].startswith("peeking.py:3:")
    assert ": note: " in said.lines[0]
    assert said.lines[-1].startswith("broken.py:2:")
    assert run("strategies", "validate", "cross.py", "peeking.py").status == 0
    assert not (place / "jobs.db").exists()
    refused = run("strategies", "create", "broken.py")
    assert (refused.status, "line 2" in refused.err) == (1, True)


def test_data_are_made_taken_in_shown_and_deleted(run: Run, place: Path) -> None:
    # Given a data set of a seed, and one of a file
    made = run("data", "synth", "mine", "--bars", "50", "--tickers", "2", "--seed", "7")
    assert made.lines == ["mine: 100 bars of 2 tickers, 2015-01-05 to 2015-03-13"]
    (place / "prices.csv").write_text(PRICES)
    assert run("strategies", "data", "import", "prices.csv").status == 0
    # Then both are there beside the one that always is
    assert [each["name"] for each in run("--json", "data", "list").json["items"]] == ["synthetic", "mine", "prices"]
    shown = run("--json", "data", "show", "prices", "--bars", "1").json
    assert (shown["dataset"]["rows"], shown["bars"]["items"][0]["close"]) == (2, 2.0)
    # And other data do not take a name without being asked to
    (place / "prices.csv").write_text(PRICES.replace("2024-01-03", "2024-01-04"))
    taken = run("data", "import", "prices.csv")
    assert (taken.status, "has other data already" in taken.err) == (1, True)
    assert run("data", "import", "prices.csv", "--replace").status == 0
    # And data that are not sound are refused with each fault
    (place / "prices.csv").write_text(PRICES.replace("2,3,2,3", "2,1,2,3"))
    for words in (("data", "import", "prices.csv", "--name", "bad"), ("data", "import", "prices.csv", "--check")):
        bad = run(*words)
        assert (bad.status, "high" in bad.out) == (1, True)
    assert run("data", "rm", "prices", "mine").out == "deleted: prices, mine\n"
    assert run("data", "rm", "synthetic").status == 2


@pytest.mark.parametrize(
    "words",
    [
        ("strategies", "list"),
        ("strategies", "create"),
        ("strategies", "create", "cross.py", "--prompt", "x"),
        ("strategies", "create", "nothing.py"),
        ("strategies", "create", "cross.py", "--name", "two\nlines"),
        ("strategies", "validate"),
        ("strategies", "rm"),
        ("backtest", "run", "0"),
        ("backtest", "run", "1", "--from", "yesterday"),
        ("backtest", "run", "1", "--param", "fast"),
        ("backtest", "run", "1", "--rule", "cash=-1"),
        ("backtest", "run", "1", "--detach", "--wait", "3"),
        ("backtest", "run", "1", "--html", "nowhere/report.html"),
        ("backtest", "compare", "a"),
        ("sweep", "run", "1"),
        ("sweep", "run", "1", "--grid", "fast=5:1:1"),
        ("sweep", "run", "1", "--grid", "fast=1:100000:1"),
        ("sweep", "run", "1", "--grid", "fast=[1"),
        ("sweep", "run", "1", "--grid", "fast=1", "--random", "slow=1:2"),
        ("sweep", "run", "1", "--random", "fast=a:b"),
        ("sweep", "cancel"),
        ("screen",),
        ("screen", "1", "--limit", "0"),
        ("alerts", "create", "1"),
        ("alerts", "create", "1", "--every", "1h", "--cron", "* * * * *"),
        ("alerts", "mute"),
        ("data", "import", "nothing.csv"),
        ("data", "import", "cross.py"),
        ("data", "synth", "a/b"),
    ],
)
def test_what_makes_no_sense_is_told_and_nothing_is_done(run: Run, place: Path, words: tuple[str, ...]) -> None:
    told = run(*words)
    assert (told.status, told.out) == (2, "")
    assert told.err.startswith("abaca: ")
    assert "--name" in words or not (place / "jobs.db").exists()
