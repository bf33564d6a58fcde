"""Many points of one strategy: which to try, what they say together, and how much of the best is luck. All pure."""

from abaca_strategies.metrics.deflated import (
    deflated_sharpe,
    deflated_sharpe_of,
    expected_best_sharpe,
    probabilistic_sharpe,
    sharpe_per_bar,
)
from abaca_strategies.sweeps.choosing import Scored, best, heat_map
from abaca_strategies.sweeps.folds import Fold, walk_forward
from abaca_strategies.sweeps.points import MAX_POINTS, Constraint, Span, grid, random_points

__all__ = [
    "MAX_POINTS",
    "Constraint",
    "Fold",
    "Scored",
    "Span",
    "best",
    "deflated_sharpe",
    "deflated_sharpe_of",
    "expected_best_sharpe",
    "grid",
    "heat_map",
    "probabilistic_sharpe",
    "random_points",
    "sharpe_per_bar",
    "walk_forward",
]
