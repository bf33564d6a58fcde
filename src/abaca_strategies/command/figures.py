"""A back-test's result as people read it."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from abaca.cli import clean, note, print_pairs, print_table
from abaca_strategies.models import BacktestResult
from abaca_strategies.registry import RunRecord

_SHARES = frozenset(
    ("total_return", "cagr", "volatility", "max_drawdown", "average_drawdown", "win_rate", "exposure", "alpha")
)
_HEADLINES = (
    *("total_return", "cagr", "volatility", "sharpe", "sortino", "calmar", "max_drawdown", "exposure"),
    *("trades", "win_rate", "profit_factor", "expectancy", "alpha", "beta"),
)
_TRADES = 10


def say_result(job_id: str, result: BacktestResult, name: str) -> None:
    """Its figures, its last trades, and what the strategy said."""
    summary = result.summary
    print_pairs(
        [
            ("strategy", f"{result.strategy_id} version {result.version} {name}".rstrip()),
            ("job", job_id),
            ("days", " to ".join(day for day in summary.date_range if day)),
            ("tickers", summary.symbols_processed),
            ("instances", f"{summary.total_instances:,}, {summary.positive_instances:,} positive"),
            ("data", result.data_hash),
            *((figure, shown(figure, result.metrics.get(figure))) for figure in _HEADLINES if figure in result.metrics),
        ]
    )
    if result.trades:
        sys.stdout.write("\n")
        rows = [
            (one.ticker, one.direction, one.entry_time[:16], one.exit_time[:16], f"{one.pnl:,.2f}",
             f"{one.returned:.2%}", one.exit_reason)
            for one in result.trades[-_TRADES:]
        ]  # fmt: skip
        print_table(("ticker", "", "from", "to", "profit", "return", "left by"), rows, "")
        if result.trades_total > len(rows):
            note(f"the last {len(rows)} of {result.trades_total:,} trades; --json has them all")
    for line in (result.strategy_prints or "").splitlines():
        sys.stdout.write(f"  {clean(line)}\n" if line else "\n")
    for warning in result.warnings:
        note(warning)
    if not result.success:
        for line in (result.error_message or "it left no answer").splitlines():
            note(line)


def shown(name: str, value: float | None) -> str:
    """A figure as people write it: shares in percent."""
    if value is None:
        return "-"
    if name in _SHARES:
        return f"{value:.2%}"
    return f"{value:,.0f}" if name == "trades" else f"{value:.4g}"


def columns(runs: list[RunRecord]) -> list[tuple[str, ...]]:
    """A row for each figure that one of the runs has, with a cell for each run."""
    names: Mapping[str, None] = dict.fromkeys(name for run in runs for name in run.figures)
    return [(name, *(shown(name, run.figures.get(name)) for run in runs)) for name in names]
