"""All figures of one run, beside a benchmark."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from abaca_strategies.arrays import DAY, Floats
from abaca_strategies.data import DataSet
from abaca_strategies.engine import Run
from abaca_strategies.engine.market import Market
from abaca_strategies.metrics.annual import periods_per_year
from abaca_strategies.metrics.deflated import probabilistic_sharpe
from abaca_strategies.metrics.drawdowns import drawdown_figures, underwater
from abaca_strategies.metrics.figures import Figures
from abaca_strategies.metrics.returns import returns_figures, returns_of, versus_figures
from abaca_strategies.metrics.trading import account_figures, trade_figures


@dataclass(frozen=True)
class Measured:
    """Figures, and the two lines that they were counted from."""

    figures: Figures
    line: Floats
    """Equity by bar, beginning with the cash at the start."""
    benchmark: Floats
    """What the same cash would have become in the benchmark."""


def benchmark_line(run: Run, other: DataSet | None = None) -> Floats:
    """Buy and hold, without costs, from the same cash: of ``other`` where given, otherwise of the run's own tickers.

    Each ticker gets an equal share at its first close; until then its share is cash.
    """
    marks = run.market.mark if other is None else _laid_over(run, Market.of(other))
    known = ~np.isnan(marks)
    first = marks[np.argmax(known, axis=0), np.arange(marks.shape[1])]
    grown = np.where(known, marks / first, 1.0)
    return np.asarray(run.rules.cash * grown.mean(axis=1), dtype=np.float64)


def _laid_over(run: Run, market: Market) -> Floats:
    """The marks of another market at the run's bars: the last that began at or before each."""
    at = np.searchsorted(market.times, run.times, "right") - 1
    return np.where((at >= 0)[:, None], market.mark[np.maximum(at, 0)], np.nan)


def measure(run: Run, benchmark: DataSet | None = None, risk_free: float = 0.0) -> Measured:
    """The figures of docs/strategies-metrics.md. ``risk_free`` is a rate per year."""
    line = run.equity.copy()
    line[0] = run.rules.cash
    times, per_year = run.times, periods_per_year(run.times)
    theirs = benchmark_line(run, benchmark)
    found, returns = Figures(), returns_of(line)
    found.put("bars", float(len(times)))
    found.put("duration_days", float(times[-1] - times[0]) / DAY)
    found.put("periods_per_year", per_year)
    found.put("initial_equity", run.rules.cash)
    found.put("final_equity", float(line[-1]))
    found.put("peak_equity", float(np.max(line)))
    found.add(returns_figures(line, per_year, risk_free))
    found.put(
        "probabilistic_sharpe", probabilistic_sharpe(returns), "returns never vary, or there are fewer than three"
    )
    found.add(drawdown_figures(line, times, found["cagr"]))
    found.add(account_figures(run, len(returns) / per_year))
    found.add(trade_figures(run))
    bought = returns_figures(theirs, per_year, risk_free)
    for name in ("total_return", "cagr", "volatility", "sharpe"):
        found.put(f"benchmark_{name}", bought[name], bought.flags.get(name, ""))
    found.put("benchmark_max_drawdown", float(np.min(underwater(theirs))))
    found.add(versus_figures(returns, returns_of(theirs), per_year, risk_free))
    return Measured(found, line, theirs)
