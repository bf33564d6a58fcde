"""What runs over HTTP: from the request to its result, by the real sandbox."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.http.stream import reading
from tests.strategies_service.authors import CROSS, INSTANCES, PEEKING
from tests.strategies_service.calling import Desk, code, desk_of

SLOW = """
import time

PARAMS = {"fast": 5, "slow": 20, "rest": 0.0, "unused": 0.0}

def signals(df, params):
    time.sleep(params["rest"])  # sleeps: it is what the sandbox runs
    return (df["close"].rolling(params["fast"]).mean() > df["close"].rolling(params["slow"]).mean()).astype(float)
"""
RAISES = "def signals(df, params):\n    return 1 / 0\n"


@pytest.fixture
async def desk(prepared: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    async with desk_of(tmp_path, monkeypatch, works=True) as desk:
        yield desk


@pytest.mark.timeout(120)
async def test_a_backtest_from_its_submission_to_its_trades(desk: Desk) -> None:
    # Given a strategy of a user
    ada, bob = await desk.of("ada"), await desk.of("bob")
    id = await ada.made()
    # When it is submitted and followed
    asked = await ada.post(f"/strategies/{id}/backtests", {"securities": ["SYN01"], "end_date": "2018-12-31"})
    job = asked.json()["job_id"]
    assert (asked.status_code, asked.headers["location"]) == (202, f"/api/v1/jobs/{job}")
    stages: list[str] = []
    states: list[str] = []
    async with reading(ada.api, f"/jobs/{job}/events", ada.headers) as reader:
        while states[-1:] != ["completed"]:
            _, kind, told = await reader.event()
            if kind == "progress":
                stages.append(told["data"]["stage"])
            if kind == "status":
                states.append(told["data"])
    assert stages, "its stages were told while it ran"
    # Then it is there with its figures, without what is long
    run = await ada.read(f"/backtests/{job}?wait=50")
    result = run["result"]
    assert (run["status"], result["success"], result["version"]) == ("completed", True, 1)
    assert (result["trades"], result["equity_curve"], result["instances"]) == ([], [], [])
    whole = (await ada.read(f"/backtests/{job}?full=true"))["result"]
    assert len(whole["trades"]) == result["trades_total"] > 10
    # And what is long comes page by page, and whole
    page = await ada.read(f"/backtests/{job}/trades?limit=7")
    trades = page["items"]
    while page["next_cursor"] is not None:
        page = await ada.read(f"/backtests/{job}/trades?limit=7&cursor={page['next_cursor']}")
        trades += page["items"]
    assert trades == whole["trades"]
    curve = await ada.read(f"/backtests/{job}/equity?limit=3")
    assert curve["items"] == whole["equity_curve"][:3]
    assert (await ada.read(f"/backtests/{job}/instances?limit=3"))["items"] == whole["instances"][:3]
    assert (await ada.read(f"/backtests/{job}/plots"))["plots"] == []
    # And it is listed for its user and compared with another run
    other = await ada.run(f"/strategies/{id}/backtests", {"symbols": ["SYN01"], "params": {"fast": 9}})
    listed = [each["job_id"] for each in (await ada.read(f"/backtests?strategy_id={id}"))["items"]]
    assert listed == [other["job_id"], job]
    compared = (await ada.post("/backtests/compare", {"runs": [job, other["job_id"]]})).json()
    assert compared["same_data"]
    assert compared["differing"]["params"] == [{}, {"fast": 9}]
    assert compared["figures"]["sharpe"] == [
        result["metrics"]["sharpe"],
        other["result"]["metrics"]["sharpe"],
    ]
    # And another user knows nothing of it
    assert code(await bob.get(f"/backtests/{job}")) == (404, "run_not_found")
    assert code(await bob.post("/backtests/compare", {"runs": [job]})) == (404, "run_not_found")
    assert (await bob.read("/backtests"))["items"] == []
    # And it is forgotten when it is asked
    dropped = await ada.call("DELETE", f"/backtests/{job}")
    assert dropped.json() == {"job_id": job, "cancelled": False}
    assert code(await ada.get(f"/backtests/{job}/trades")) == (410, "result_expired")
    assert len((await ada.read("/backtests"))["items"]) == 1


@pytest.mark.timeout(120)
async def test_a_version_runs_as_it_was_and_a_failure_is_an_answer(desk: Desk) -> None:
    # Given a strategy that raises since its second version
    id = await desk.made()
    await desk.call("PATCH", f"/strategies/{id}", {"python_code": RAISES})
    # When both versions run
    old = await desk.run(f"/strategies/{id}/backtests", {"version": 1, "symbols": ["SYN01"]})
    new = await desk.run(f"/strategies/{id}/backtests", {"symbols": ["SYN01"]})
    # Then the first is what it was, and the second says what went wrong, and where
    assert (old["result"]["success"], old["result"]["version"]) == (True, 1)
    assert (new["status"], new["result"]["success"], new["result"]["version"]) == ("completed", False, 2)
    assert "division by zero" in new["result"]["error_message"]
    # And a cell answers in the same way
    cell = await desk.run("/agent-runs", {"code": "print('x')\n1 + 1"})
    assert (cell["result"]["result"], cell["result"]["prints"]) == ([2], "x\n")
    assert (await desk.read(f"/agent-runs/{cell['job_id']}"))["result"]["executionID"] == cell["job_id"]
    assert [each["job_id"] for each in (await desk.read("/agent-runs"))["items"]] == [cell["job_id"]]
    assert code(await desk.get(f"/backtests/{cell['job_id']}")) == (404, "run_not_found")


async def test_a_prompt_is_written_by_a_job_and_a_bad_one_says_why(desk: Desk) -> None:
    words = "buy when the 20 day moving average crosses the 50 day one"
    good = await desk.run("/strategies", {"prompt": words})
    id = good["result"]["strategy"]["strategyId"]
    assert (await desk.read(f"/strategies/{id}"))["prompt"] == words
    # And the same strategy is written anew as its next version
    again = await desk.run("/strategies", {"prompt": words.replace("20", "10"), "strategy_id": id})
    assert again["result"]["strategy"]["version"] == 2
    # And what no template fits is a job that completed and says so
    bad = await desk.run("/strategies", {"prompt": "make me rich"})
    assert (bad["status"], bad["result"]["success"]) == ("completed", False)
    assert bad["result"]["error"]
    # And code makes a version at once
    direct = await desk.post("/strategies", {"strategy_id": id, "python_code": CROSS})
    assert (direct.status_code, direct.json()["version"]) == (200, 3)


@pytest.mark.timeout(180)
async def test_a_sweep_is_seen_while_it_runs_and_is_cancelled(desk: Desk) -> None:
    # Given a strategy whose points take their time
    id = await desk.made(SLOW)
    # When a small sweep is waited for
    grid = {"grid": {"fast": [3, 5, 30], "slow": [20, 40]}, "constraints": ["fast < slow"], "symbols": ["SYN01"]}
    found = await desk.run(f"/strategies/{id}/sweeps", grid)
    # Then its best point is the best of all that keep the constraints, and it is listed
    assert (found["state"], found["done"], found["total"], found["failed"]) == ("completed", 5, 5, 0)
    scores = [point["score"] for point in found["top"]]
    assert scores == sorted(scores, reverse=True)
    assert found["best"] == found["top"][0] == found["result"]["best"]
    assert [each["job_id"] for each in (await desk.read("/sweeps"))["items"]] == [found["id"]]
    # When a large one is cancelled after some of its points
    endless = {
        "random": {"unused": {"low": 0.0, "high": 1.0}},
        "count": 2000,
        "params": {"rest": 0.02},
        "symbols": ["SYN01"],
    }
    asked = await desk.post(f"/strategies/{id}/sweeps", endless, headers={"Idempotency-Key": "large"})
    again = await desk.post(f"/strategies/{id}/sweeps", endless, headers={"Idempotency-Key": "large"})
    sweep = asked.json()["id"]
    assert (asked.status_code, again.json()["id"]) == (202, sweep)
    while not (await desk.read(f"/sweeps/{sweep}?wait=0.5"))["done"]:
        pass
    cancelled = await desk.call("DELETE", f"/sweeps/{sweep}")
    # Then it has ended at once, with what it had found until then
    assert cancelled.json() == {"job_id": sweep, "cancelled": True}
    view = await desk.read(f"/sweeps/{sweep}?wait=50")
    assert view["state"] == "cancelled"
    assert 0 < view["done"] < 2000
    assert view["best"] is not None
    # And a check says what looks ahead
    peeking = await desk.made(PEEKING)
    checked = await desk.run(f"/strategies/{peeking}/lookahead-check", {"symbols": ["SYN01"], "cuts": 2})
    assert checked["result"]["looks_ahead"]
    assert (await desk.read(f"/checks/{checked['job_id']}"))["result"] == checked["result"]
    # And another user knows nothing of either
    ada = await desk.of("ada")
    assert code(await ada.get(f"/sweeps/{sweep}")) == (404, "run_not_found")
    assert code(await ada.get(f"/checks/{checked['job_id']}")) == (404, "run_not_found")


@pytest.mark.timeout(120)
async def test_a_screening_is_ranked_and_a_rule_is_made_muted_tested_and_deleted(desk: Desk) -> None:
    # Given a user's strategy
    ada, bob = await desk.of("ada"), await desk.of("bob")
    id = await ada.made(INSTANCES)
    # When the universe is screened
    screened = (await ada.run("/screens", {"strategyIds": [id]}))["result"]
    # Then tickers are ranked
    scores = [row["score"] for row in screened["ranked_results"]]
    assert screened["success"]
    assert scores == sorted(scores, reverse=True)
    assert len((await ada.read("/screens"))["items"]) == 1
    assert code(await bob.post("/screens", {"strategy_ids": [id]})) == (404, "strategy_not_found")
    # And a rule is the user's alone, from its creation to its end
    rule = {"strategyId": id, "every": "1h", "securities": ["SYN01"]}
    made = await ada.post("/alerts", rule, headers={"Idempotency-Key": "rule"})
    again = await ada.post("/alerts", rule, headers={"Idempotency-Key": "rule"})
    alert = made.json()["id"]
    assert (made.status_code, again.json()["id"]) == (201, alert)
    assert code(await bob.get(f"/alerts/{alert}")) == (404, "rule_not_found")
    assert (await bob.read("/alerts"))["items"] == []
    changed = await ada.call("PUT", f"/alerts/{alert}", {"strategy_id": id, "cron": "0 18 * * 1-5"})
    assert (changed.status_code, changed.json()["rule"]["cron"]) == (200, "0 18 * * 1-5")
    assert (await ada.post(f"/alerts/{alert}/mute", {})).json()["rule"]["is_muted"]
    assert [each["id"] for each in (await ada.read(f"/alerts?strategy_id={id}"))["items"]] == [alert]
    # And a test evaluates it at once and keeps nothing
    fired = await ada.run(f"/alerts/{alert}/test", {})
    assert (fired["result"]["success"], fired["result"]["is_test"]) == (True, True)
    assert (await ada.read(f"/alerts/{alert}/history"))["items"] == []
    assert (await ada.call("DELETE", f"/alerts/{alert}")).status_code == 204
    assert (await ada.read("/alerts"))["items"] == []
