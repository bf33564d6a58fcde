"""Figures against series worked out by hand, and against plain Python that shares no code with them."""

from __future__ import annotations

import math
import statistics
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from abaca_strategies.arrays import nanoseconds
from abaca_strategies.data import synthetic
from abaca_strategies.engine import Costs, Rules, run_signals
from abaca_strategies.metrics import (
    deflated_sharpe,
    drawdowns,
    expected_best_sharpe,
    measure,
    monthly_table,
    period_returns,
    periods_per_year,
    probabilistic_sharpe,
)
from abaca_strategies.metrics.figures import Figures, finite
from abaca_strategies.metrics.returns import returns_figures, returns_of
from tests.strategies.bars import act, closes, days, flat, market

EXACT = 1e-9
LINE = np.array([100.0, 110.0, 99.0, 99.0, 108.9, 130.68])
"""Returns of +10 %, -10 %, 0, +10 %, +20 %."""


def test_returns_worked_out_by_hand() -> None:
    # Given five returns whose mean is 6 %, and four to a year
    found = returns_figures(LINE, 4.0)
    # Then the squares of their distances from it are 16, 256, 36, 16 and 196 in hundredths: 520 / 4 = 130
    spread = math.sqrt(130) / 100
    assert found["total_return"] == pytest.approx(0.3068, rel=EXACT)
    assert found["cagr"] == pytest.approx(1.3068**0.8 - 1, rel=EXACT)
    assert found["volatility"] == pytest.approx(2 * spread, rel=EXACT)
    assert found["sharpe"] == pytest.approx(0.06 / spread * 2, rel=EXACT)
    # And the one loss of 10 % in five gives a downside of sqrt(0.01 / 5)
    assert found["sortino"] == pytest.approx(0.06 / math.sqrt(0.002) * 2, rel=EXACT)
    assert found["omega"] == pytest.approx(0.4 / 0.1, rel=EXACT)
    assert found["best_period"] == pytest.approx(0.2, rel=EXACT)
    assert found["positive_periods"] == pytest.approx(0.6, rel=EXACT)


def test_the_risk_free_rate_is_taken_off_each_bar() -> None:
    found = returns_figures(LINE, 4.0, risk_free=0.08)  # 2 % a bar
    below = math.sqrt((0.12**2 + 0.02**2) / 5)
    assert found["sharpe"] == pytest.approx(0.04 / (math.sqrt(130) / 100) * 2, rel=EXACT)
    assert found["sortino"] == pytest.approx(0.04 / below * 2, rel=EXACT)


def test_drawdowns_worked_out_by_hand() -> None:
    line = np.array([100.0, 90, 80, 100, 120, 108, 120, 60, 90])
    found = drawdowns(line)
    assert [(one.peak, one.valley, one.recovery, one.bars) for one in found] == [
        (0, 2, 3, 3),
        (4, 5, 6, 2),
        (6, 7, None, 2),
    ]
    assert [one.depth for one in found] == pytest.approx([-0.2, -0.1, -0.5])


def test_trades_worked_out_by_hand() -> None:
    # Given trades of +100, -50, +200 and -100 on 1000 each
    prices = flat(100, 100, 110, 100, 95, 100, 120, 100, 90, 90)
    steps = {n: (lambda s: s.buy(10)) if n % 2 == 0 else (lambda s: s.close()) for n in range(8)}
    run = act(market(*prices), steps, Rules(cash=10_000))
    found = measure(run).figures
    # Then they are what school arithmetic says
    assert [trade.pnl for trade in run.closed] == pytest.approx([100, -50, 200, -100])
    assert found["win_rate"] == 0.5
    assert found["profit_factor"] == pytest.approx(2.0)
    assert found["expectancy"] == pytest.approx(37.5)
    assert found["avg_trade"] == pytest.approx(0.0375)
    assert found["best_trade"] == pytest.approx(0.2)
    assert found["worst_trade"] == pytest.approx(-0.1)
    # Kelly: 1/2 - 1/2 / (0.15 / 0.075)
    assert found["kelly"] == pytest.approx(0.25, rel=EXACT)
    # SQN: 2 * 37.5 / sqrt of the squares of 62.5, 87.5, 162.5, 137.5 over three
    assert found["sqn"] == pytest.approx(75 / math.sqrt((62.5**2 + 87.5**2 + 162.5**2 + 137.5**2) / 3), rel=EXACT)
    assert (found["trades"], found["open_trades"]) == (4, 0)
    assert (found["longest_wins"], found["longest_losses"]) == (1, 1)
    assert found["avg_trade_days"] == 1
    assert found["exposure"] == pytest.approx(0.4)
    # Bought for 4000, sold for 4150, of equity that was 10,065 on average over 9/365 years
    mean = statistics.fmean(run.equity.tolist())
    assert found["turnover"] == pytest.approx(8150 / mean / (9 / 365), rel=EXACT)


def test_every_figure_equals_plain_python() -> None:
    # Given a run of some length
    data = synthetic("jumps", seed=5, tickers=2, bars=700)
    rules = Rules(costs=Costs(fee_bps=5, slippage_bps=5))
    run = run_signals(data, lambda df, p: np.sign(df["close"] - df["close"].rolling(20).mean()), None, rules)
    measured = measure(run, risk_free=0.02)
    equity, theirs = run.equity.tolist(), measured.benchmark.tolist()
    # When its figures are counted again, with lists and the statistics module
    for name, value in plain(equity, theirs, 0.02).items():
        # Then they agree
        assert measured.figures[name] == pytest.approx(value, rel=EXACT), name
    won = sum(t.pnl for t in run.closed if t.pnl > 0)
    lost = -sum(t.pnl for t in run.closed if t.pnl < 0)
    assert measured.figures["profit_factor"] == pytest.approx(won / lost, rel=EXACT)
    assert measured.figures["fees"] == pytest.approx(sum(fill.fee for fill in run.fills), rel=EXACT)


def plain(equity: list[float], theirs: list[float], risk_free: float) -> dict[str, float]:
    mine, other = ([b / a - 1 for a, b in pairwise(line)] for line in (equity, theirs))
    free, year = risk_free / 252, 252
    excess = [r - free for r in mine]
    mean, spread = statistics.fmean(excess), statistics.stdev(mine)
    downside = math.sqrt(sum(min(r, 0) ** 2 for r in excess) / len(excess))
    beta = statistics.covariance(mine, other) / statistics.variance(other)
    alpha = (mean - beta * (statistics.fmean(other) - free)) * year
    apart = [a - b for a, b in zip(mine, other, strict=True)]
    peak, depth, square = 0.0, 0.0, 0.0
    for value in equity:
        peak = max(peak, value)
        depth = min(depth, value / peak - 1)
        square += (value / peak - 1) ** 2
    growth = (equity[-1] / equity[0]) ** (year / len(mine)) - 1
    centre = statistics.fmean(mine)
    second, third, fourth = (sum((r - centre) ** n for r in mine) / len(mine) for n in (2, 3, 4))
    cut = statistics.quantiles(mine, n=20, method="inclusive")[0]
    tail = [r for r in mine if r <= cut]
    return {
        "total_return": equity[-1] / equity[0] - 1,
        "cagr": growth,
        "volatility": spread * math.sqrt(year),
        "sharpe": mean / spread * math.sqrt(year),
        "sortino": mean / downside * math.sqrt(year),
        "max_drawdown": depth,
        "calmar": growth / -depth,
        "ulcer_index": math.sqrt(square / len(equity)),
        "skew": third / second**1.5,
        "kurtosis": fourth / second**2 - 3,
        "value_at_risk": cut,
        "conditional_value_at_risk": statistics.fmean(tail),
        "beta": beta,
        "alpha": alpha,
        "correlation": statistics.correlation(mine, other),
        "tracking_error": statistics.stdev(apart) * math.sqrt(year),
        "information_ratio": statistics.fmean(apart) / statistics.stdev(apart) * math.sqrt(year),
        "treynor": mean * year / beta,
        "mean_period": centre,
    }


def test_what_has_no_value_is_null_with_a_reason() -> None:
    # Given one trade that won, and an account that never fell
    run = act(market(*flat(100, 100, 110, 120)), {0: lambda s: s.buy(1), 2: lambda s: s.close()}, Rules(cash=1000))
    measured = measure(run)
    # Then ratios over nothing are null, and say why
    for name, why in {
        "profit_factor": "infinite: no trade lost",
        "sortino": "infinite: no return lies below the risk-free rate",
        "calmar": "equity never fell",
        "kelly": "there has to be a trade that won and one that lost",
        "sqn": "fewer than two trades",
    }.items():
        assert measured.figures[name] is None
        assert measured.figures.flags[name] == why
    assert all(value is None or math.isfinite(value) for value in measured.figures.values.values())


@pytest.mark.parametrize("count", [1, 2, 3])
def test_runs_of_almost_nothing_have_figures_too(count: int) -> None:
    measured = measure(act(closes([100.0] * count), {}, None))
    assert measured.figures["total_return"] == 0
    assert all(value is None or math.isfinite(value) for value in measured.figures.values.values())


def test_after_ruin_there_is_nothing_left_to_earn_with() -> None:
    assert returns_of(np.array([100.0, 50, -20, 40])).tolist() == [-0.5, -1.0, 0.0]
    assert returns_figures(np.array([100.0, 50, -20, 40]), 252.0)["total_return"] == pytest.approx(-0.6)


@pytest.mark.parametrize(
    ("index", "count"),
    [
        (pd.bdate_range("2024-01-01", periods=300), 252),
        (pd.date_range("2024-01-01", periods=300), 365),
        (pd.date_range("2024-01-01", periods=60, freq="W"), 52),
        (pd.date_range("2024-01-01", periods=60, freq="MS"), 12),
        (pd.date_range("2020-01-01", periods=20, freq="QS"), 4),
        (pd.date_range("2000-01-01", periods=9, freq="YS"), 1),
        (pd.date_range("2024-01-01", periods=240, freq="h"), 365 * 24),
        (pd.date_range("2024-01-01", periods=1), 252),
    ],
)
def test_bars_per_year(index: pd.DatetimeIndex, count: float) -> None:
    assert periods_per_year(nanoseconds(index)) == count


def test_intraday_bars_count_by_the_day() -> None:
    data = synthetic(tickers=1, bars=26 * 10, timeframe="15")
    assert periods_per_year(nanoseconds(data.frame("SYN01").index)) == 252 * 26


def test_months_and_years() -> None:
    times = nanoseconds(pd.DatetimeIndex(["2023-12-29", "2024-01-31", "2024-02-15", "2024-02-29", "2024-04-30"]))
    line = np.array([100.0, 110, 100, 99, 198])
    table = monthly_table(line, times)
    assert table[2023] == [None] * 11 + [0.0, 0.0]
    assert table[2024][:4] == pytest.approx([0.1, -0.1, None, 1.0])
    assert table[2024][12] == pytest.approx(0.98)
    weeks = period_returns(line, times, "1w")
    assert datetime.fromtimestamp(weeks[1].start / 1e9, UTC).date().isoformat() == "2024-01-29"


def test_the_probabilistic_sharpe_of_the_paper() -> None:
    # Given moments as in the paper's numerical example (2012, exhibit 1 style): 24 months, skewed and fat-tailed
    returns = np.array([0.03, -0.02, 0.04, 0.01, -0.05, 0.06, 0.02, 0.00, -0.01, 0.03, 0.02, -0.03] * 2)
    mean, spread = statistics.fmean(returns), statistics.stdev(returns)
    away = [r - mean for r in returns.tolist()]
    second, third, fourth = (sum(a**n for a in away) / 24 for n in (2, 3, 4))
    ratio, skew, kurtosis = mean / spread, third / second**1.5, fourth / second**2
    z = ratio * math.sqrt(23) / math.sqrt(1 - skew * ratio + (kurtosis - 1) / 4 * ratio**2)
    # Then it is the normal distribution at that place
    assert probabilistic_sharpe(returns) == pytest.approx((1 + math.erf(z / math.sqrt(2))) / 2, rel=EXACT)


def test_the_deflated_sharpe_falls_with_the_number_of_trials() -> None:
    returns = np.random.RandomState(3).normal(0.0008, 0.01, 1000)
    few, many = [0.01, 0.02, 0.05, 0.08], [0.01, 0.02, 0.05, 0.08] * 50
    assert expected_best_sharpe([0.1]) == 0
    assert expected_best_sharpe([0.1, 0.1]) == 0
    alone, some, all_of_them = (
        probabilistic_sharpe(returns),
        deflated_sharpe(returns, few),
        deflated_sharpe(returns, many),
    )
    assert alone is not None
    assert some is not None
    assert all_of_them is not None
    assert alone > some > all_of_them


def test_the_expected_best_of_ten_trials() -> None:
    """The published example: a variance of 1 over ten trials gives 1.5746, the maximum of ten normal draws."""
    trials = np.array([-1.5, -1.0, -0.5, 0, 0.5, 1.0, 1.5, 0.25, -0.25, 0.0])
    unit = (trials / np.std(trials, ddof=1)).tolist()
    assert expected_best_sharpe(unit) == pytest.approx(1.5746, abs=2e-4)


def test_nothing_but_numbers_reaches_json() -> None:
    found = Figures()
    found.put("x", float("nan"), "why")
    found.put("y", float("-inf"), "why")
    assert found.values == {"x": None, "y": None}
    assert finite({"a": [math.inf, 1.0, {"b": math.nan}]}) == {"a": [None, 1.0, {"b": None}]}
    assert len(days(3)) == 3
