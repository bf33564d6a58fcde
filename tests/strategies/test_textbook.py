"""Textbook strategies give the committed figures, over made-up prices and over real ones.

``python -m tests.strategies.test_textbook`` writes the figures anew, which only a new ``ENGINE_VERSION`` may need.
"""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from abaca_strategies.data import BarSource, DataSet, synthetic
from abaca_strategies.data.sample import load
from abaca_strategies.engine import (
    ENGINE_VERSION,
    Costs,
    Instances,
    Rules,
    Run,
    Sizing,
    Strategy,
    run_events,
    run_signals,
    run_weights,
)
from abaca_strategies.engine import run_instances as run_found
from abaca_strategies.metrics import measure
from tests.strategies import textbook
from tests.strategies.samples import sample_folder

FIGURES = Path(__file__).parent / "textbook.json"
RULES = Rules(costs=Costs(fee_bps=2, fee_fixed=1, slippage_bps=3))
KEPT = (
    "final_equity", "total_return", "cagr", "volatility", "sharpe", "sortino", "calmar", "max_drawdown", "avg_drawdown",
    "max_drawdown_days", "exposure", "turnover", "trades", "win_rate", "profit_factor", "expectancy", "sqn", "kelly",
    "alpha", "beta", "fees", "slippage", "benchmark_total_return", "probabilistic_sharpe",
)  # fmt: skip


def _instances(data: DataSet) -> Run:
    found = Instances.of(textbook.gap_down(BarSource(data).get_bar_data()))
    return run_found(data, found, RULES, hold=10, slots=5)


STRATEGIES: dict[str, Callable[[DataSet], Run]] = {
    "moving_average_cross": lambda data: run_signals(data, textbook.moving_average_cross, {}, RULES),
    "mean_reversion": lambda data: run_signals(data, textbook.mean_reversion, {}, RULES),
    "momentum": lambda data: run_weights(data, textbook.momentum, {}, RULES),
    "breakout": lambda data: run_events(data, textbook.Breakout, {}, RULES),
    "gap_down": _instances,
}
MADE_UP = ("gbm", "reverting", "jumps")
REAL = ("tech-stocks", "sp500-stocks")
FROM = {"sp500-stocks": "2017-01-01"}


@cache
def made_up(kind: str) -> DataSet:
    return synthetic(kind, seed=20, tickers=4, bars=1500)  # type: ignore[arg-type]


@cache
def real(name: str) -> DataSet:
    return load(name, sample_folder()).between(FROM.get(name))


def figures(data: DataSet, strategy: str) -> dict[str, Any]:
    measured = measure(STRATEGIES[strategy](data), risk_free=0.01)
    return {"data": data.digest, **{name: measured.figures[name] for name in KEPT}}


def check(data: DataSet, name: str, strategy: str) -> None:
    committed = json.loads(FIGURES.read_text())
    assert committed["engine"] == ENGINE_VERSION
    assert figures(data, strategy) == {
        key: pytest.approx(value, rel=1e-9, abs=1e-12) if isinstance(value, float) else value
        for key, value in committed[name][strategy].items()
    }


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("kind", MADE_UP)
def test_made_up_prices_give_the_committed_figures(kind: str, strategy: str) -> None:
    check(made_up(kind), kind, strategy)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("name", REAL)
def test_real_prices_give_the_committed_figures(name: str, strategy: str) -> None:
    check(real(name), name, strategy)


def test_the_same_cross_as_an_event_strategy_trades_the_same() -> None:
    # Given the cross as targets, and as a class that orders when the side changes
    class Cross(Strategy):
        def init(self) -> None:
            self.side = self.indicator(lambda bars: textbook.moving_average_cross(bars, {}).fillna(0))

        def next(self) -> None:
            if (self.side[-1] > 0) != (self.position() > 0):
                self.target(self.side[-1])

    # When both run over one ticker
    data = made_up("gbm").only(["SYN02"])
    by_targets = run_signals(data, textbook.moving_average_cross, {}, RULES)
    by_events = run_events(data, Cross, {}, RULES)
    # Then they are one account
    assert by_events.fills == by_targets.fills
    assert by_events.equity.tolist() == by_targets.equity.tolist()


def test_a_fixed_size_earns_what_a_vectorised_back_test_counts() -> None:
    # Given 100 units long or short, decided at each close and traded at the next open, for 7 bps
    data = made_up("jumps").only(["SYN03"])
    frame = data.frame("SYN03")
    moved = frame["close"].diff(10)
    side = moved.gt(0).astype(float) - moved.lt(0).astype(float)
    rules = Rules(cash=1e6, costs=Costs(fee_bps=7), sizing=Sizing("fixed", 100))
    # When the same is counted with whole columns: the night with the old position, the day with the new one
    held = side.shift(1).fillna(0) * 100
    night = held.shift(1).fillna(0) * (frame["open"] - frame["close"].shift(1)).fillna(0)
    day = held * (frame["close"] - frame["open"])
    paid = held.diff().fillna(0).abs() * frame["open"] * 7e-4
    expected = 1e6 + (night + day - paid).cumsum()
    # Then equity is the same at every bar
    run = run_signals(data, lambda df, p: side, None, rules)
    assert run.equity.tolist() == pytest.approx(expected.tolist(), rel=1e-12)


def test_the_example_of_the_page_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).parents[2] / "docs" / "strategies-metrics.md").read_text()
    program = tmp_path / "example.py"
    program.write_text(page.partition("```python\n")[2].partition("```")[0])
    runpy.run_path(str(program))
    assert float(capsys.readouterr().out) == pytest.approx(0.0, abs=5)


if __name__ == "__main__":
    found: dict[str, Any] = {"engine": ENGINE_VERSION}
    for chosen in (*MADE_UP, *REAL):
        over = made_up(chosen) if chosen in MADE_UP else real(chosen)
        found[chosen] = {strategy: figures(over, strategy) for strategy in STRATEGIES}
    FIGURES.write_text(json.dumps(found, indent=1) + "\n")
