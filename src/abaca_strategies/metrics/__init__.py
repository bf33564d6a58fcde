"""What a back-test is judged by. The formulas are in docs/strategies-metrics.md."""

from abaca_strategies.metrics.annual import periods_per_year
from abaca_strategies.metrics.deflated import (
    deflated_sharpe,
    deflated_sharpe_of,
    expected_best_sharpe,
    probabilistic_sharpe,
    sharpe_per_bar,
)
from abaca_strategies.metrics.drawdowns import Drawdown, drawdowns, underwater
from abaca_strategies.metrics.figures import Figures
from abaca_strategies.metrics.measuring import Measured, benchmark_line, measure
from abaca_strategies.metrics.periods import PeriodReturn, monthly_table, period_returns

__all__ = [
    "Drawdown",
    "Figures",
    "Measured",
    "PeriodReturn",
    "benchmark_line",
    "deflated_sharpe",
    "deflated_sharpe_of",
    "drawdowns",
    "expected_best_sharpe",
    "measure",
    "monthly_table",
    "period_returns",
    "periods_per_year",
    "probabilistic_sharpe",
    "sharpe_per_bar",
    "underwater",
]
