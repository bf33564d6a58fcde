"""Results carry the source system's names, fit into JSON, and say where they were cut."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest

from abaca_strategies.captured import Captured, failed
from abaca_strategies.data import BarSource, DataSet, synthetic
from abaca_strategies.engine import Instances, Market, Rules, run_instances, run_signals, study
from abaca_strategies.metrics import measure
from abaca_strategies.models import (
    AlertResult,
    BacktestResult,
    CreateStrategyResult,
    PythonAgentResult,
    RankedResult,
    ScreeningResult,
    Strategy,
    StrategyPlotData,
)
from abaca_strategies.results import backtest_result, equity_curve
from tests.strategies import textbook
from tests.strategies.bars import act, closes

DATA = synthetic("jumps", tickers=3, bars=600)


def by_signals() -> BacktestResult:
    run = run_signals(DATA, textbook.moving_average_cross, {"fast": 5, "slow": 20})
    captured = Captured(
        prints="hello\n", plots=[StrategyPlotData(plot_id=1, data={"layout": {}}, title_ticker="SYN01")]
    )
    return backtest_result(7, 2, DATA, run, measure(run), form="signals", captured=captured)


def by_instances(data: DataSet) -> BacktestResult:
    found = Instances.of(textbook.gap_down(BarSource(data).get_bar_data()))
    run = run_instances(data, found)
    what_followed = study(Market.of(data), found)
    return backtest_result(7, 1, data, run, measure(run), form="instances", found=(found, what_followed))


def floats(value: Any) -> list[float]:
    if isinstance(value, float):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [number for one in inner for number in floats(one)]


@pytest.mark.parametrize("result", [by_signals(), by_instances(DATA)], ids=["signals", "instances"])
def test_a_back_test_goes_through_json_unchanged(result: BacktestResult) -> None:
    text = msgspec.json.encode(result)
    assert msgspec.json.decode(text, type=BacktestResult) == result
    assert all(math.isfinite(number) for number in floats(msgspec.to_builtins(result)))


def test_the_source_systems_fields_are_at_the_top() -> None:
    told = msgspec.to_builtins(by_signals())
    assert list(told)[:9] == [
        "success", "strategy_id", "version", "instances", "summary",
        "strategy_prints", "strategy_plots", "response_images", "error_message",
    ]  # fmt: skip
    assert told["strategy_plots"] == [{"plotID": 1, "data": {"layout": {}}, "titleTicker": "SYN01"}]
    assert (told["strategy_id"], told["version"], told["data_hash"]) == (7, 2, DATA.digest)


def test_instances_of_a_trading_strategy_are_its_entries() -> None:
    result = by_signals()
    won = sum(trade.pnl > 0 for trade in result.trades)
    assert result.summary.total_instances == len(result.instances) == result.trades_total
    assert result.summary.positive_instances == result.summary.successful_classifications == won
    assert result.summary.date_range == [result.equity_curve[0].time[:10], result.equity_curve[-1].time[:10]]


def test_a_score_above_zero_and_a_profit_are_counted_apart() -> None:
    result = by_instances(DATA)
    summary = result.summary
    assert summary.positive_instances == summary.total_instances == len(result.instances)
    hits = [row for row in result.instances if row.get("forward_returns", {}).get("1", 0) > 0]
    assert summary.successful_classifications == len(hits) < summary.total_instances
    assert [row.bars for row in result.event_study] == [1, 5, 20]
    assert result.event_study[0].hit_rate == pytest.approx(len(hits) / result.event_study[0].count)


def test_the_success_rate_is_positive_of_total_and_zero_of_none() -> None:
    result = by_instances(DATA)
    assert result.summary.success_rate == 1.0
    assert failed(result.strategy_id, result.version, "no data").summary.success_rate == 0.0


def test_profits_by_ticker_add_up_to_the_whole() -> None:
    result = by_signals()
    total = result.metrics["final_equity"]
    assert total is not None
    assert sum(row["pnl"] for row in result.breakdown["ticker"].values()) == pytest.approx(total - 100_000)
    assert [len(row) for row in result.breakdown["month"].values()] == [13] * len(result.breakdown["month"])


def test_a_long_equity_curve_keeps_its_ends_and_its_depth() -> None:
    run = act(closes([100.0 + (n % 50) for n in range(400)]), {0: lambda s: s.target(1)}, Rules())
    measured = measure(run)
    points = equity_curve(run, measured, most=20)
    assert len(points) <= 20
    assert (points[0].equity, points[-1].equity) == (measured.line[0], measured.line[-1])
    assert min(point.drawdown for point in points) == measured.figures["max_drawdown"]


def test_instances_hold_nothing_that_json_cannot_say() -> None:
    rows = [{"ticker": "SYN01", "timestamp": 1420502400, "gap": float("nan"), "list": [math.inf, 1]}]
    found = Instances.of(rows)
    run = run_instances(DATA, found)
    done = backtest_result(
        1, 1, DATA, run, measure(run), form="instances", found=(found, study(Market.of(DATA), found))
    )
    assert (done.instances[0]["gap"], done.instances[0]["list"]) == (None, [None, 1])


def test_a_strategy_that_could_not_run_is_a_result_too() -> None:
    told = msgspec.to_builtins(failed(3, 1, "line 2: invalid syntax", Captured(prints="so far\n")))
    assert (told["success"], told["error_message"], told["strategy_prints"]) == (
        False,
        "line 2: invalid syntax",
        "so far\n",
    )


def test_the_other_results_have_the_source_systems_names() -> None:
    strategy = Strategy(strategy_id=1, name="x", python_code="pass", min_timeframe="1d")
    assert set(msgspec.to_builtins(strategy)) == {
        "strategyId", "userId", "name", "description", "prompt", "pythonCode", "score", "version", "createdAt",
        "isAlertActive", "alertThreshold", "alertUniverse", "minTimeframe", "alertLastTriggerAt",
    }  # fmt: skip
    agent = msgspec.to_builtins(PythonAgentResult(success=True, result=[1], execution_id="e"))
    assert list(agent) == ["success", "result", "prints", "plots", "responseImages", "executionID", "error"]
    row = msgspec.to_builtins(RankedResult(symbol="A", score=0.5, current_price=9.0))
    assert (row["symbol"], row["currentPrice"]) == ("A", 9.0)
    assert list(msgspec.to_builtins(ScreeningResult(success=True, ranked_results=[])))[:2] == [
        "success",
        "ranked_results",
    ]
    assert msgspec.to_builtins(AlertResult(success=False, error_message="no"))["error_message"] == "no"
    assert msgspec.to_builtins(CreateStrategyResult(success=True, strategy=strategy))["strategy"]["version"] == 1


def test_versions_and_ids_count_from_one() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"strategyId": 0, "name": "x", "pythonCode": ""}, type=Strategy)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"strategyId": 1, "name": "x", "pythonCode": "", "version": 0}, type=Strategy)
