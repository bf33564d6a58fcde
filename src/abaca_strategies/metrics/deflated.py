"""How likely a Sharpe ratio is more than luck: alone, and as the best of many trials."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist

import numpy as np

from abaca_strategies.arrays import Floats
from abaca_strategies.metrics.returns import moments

_EULER = 0.5772156649015329
_NORMAL = NormalDist()


def probabilistic_sharpe(returns: Floats, benchmark: float = 0.0) -> float | None:
    """The probability that the true Sharpe ratio *per bar* lies above ``benchmark`` (per bar too), given how long the
    record is and how skewed and fat-tailed its returns are. None without spread or with fewer than three returns.

    D. H. Bailey and M. López de Prado, "The Sharpe Ratio Efficient Frontier", Journal of Risk 15(2), 2012, equation 11.
    """
    if len(returns) < 3:
        return None
    spread = float(np.std(returns, ddof=1))
    skew, kurtosis = moments(returns)
    if spread <= 1e-15 or math.isnan(skew):
        return None
    return _probability(float(np.mean(returns)) / spread, skew, kurtosis, len(returns), benchmark)


def _probability(sharpe: float, skew: float, kurtosis: float, count: float, benchmark: float) -> float | None:
    under = 1 - skew * sharpe + (kurtosis - 1) / 4 * sharpe**2
    if under <= 0:
        return None
    return _NORMAL.cdf((sharpe - benchmark) * math.sqrt(count - 1) / math.sqrt(under))


def expected_best_sharpe(trials: Sequence[float]) -> float:
    """The best Sharpe ratio per bar to be expected from so many trials if none of them had any skill, from their
    spread.

    D. H. Bailey and M. López de Prado, "The Deflated Sharpe Ratio: Correcting for Selection Bias, Backtest
    Overfitting, and Non-Normality", Journal of Portfolio Management 40(5), 2014: sqrt(V) * ((1 - g) * Z(1 - 1/N) + g *
    Z(1 - 1/(N*e))), with Euler's constant g and the inverse Z of the normal distribution.
    """
    count = len(trials)
    if count < 2:
        return 0.0
    spread = float(np.std(np.asarray(trials, dtype=np.float64), ddof=1))
    if spread == 0:
        return 0.0
    first, second = _NORMAL.inv_cdf(1 - 1 / count), _NORMAL.inv_cdf(1 - 1 / (count * math.e))
    return spread * ((1 - _EULER) * first + _EULER * second)


def deflated_sharpe(returns: Floats, trials: Sequence[float]) -> float | None:
    """The probability that the chosen point's Sharpe ratio is more than the best of luck: ``probabilistic_sharpe``
    against ``expected_best_sharpe``. ``returns`` are the chosen point's, ``trials`` the Sharpe ratios per bar of all
    points tried.

    Same paper as ``expected_best_sharpe``. It takes trials as independent; points beside each other are not, which
    makes the figure severe.
    """
    return probabilistic_sharpe(returns, expected_best_sharpe(trials))


def sharpe_per_bar(figures: Mapping[str, float | None]) -> float | None:
    """The Sharpe ratio per bar of a run, from its figures; None where it has none."""
    sharpe, per_year = figures.get("sharpe"), figures.get("periods_per_year")
    return None if sharpe is None or not per_year else sharpe / math.sqrt(per_year)


def deflated_sharpe_of(figures: Mapping[str, float | None], trials: Sequence[float]) -> float | None:
    """``deflated_sharpe`` where the returns are gone: from the figures ``sharpe``, ``skew``, ``kurtosis`` (in excess),
    ``bars`` and ``periods_per_year`` of the chosen point. They say the same as its returns do, as long as the Sharpe
    ratios were counted without a risk-free rate; with one, both sides are in excess of it. None where one is missing.
    """
    sharpe, skew, excess, bars = (
        sharpe_per_bar(figures), figures.get("skew"), figures.get("kurtosis"), figures.get("bars")
    )  # fmt: skip
    if sharpe is None or skew is None or excess is None or bars is None or bars < 4:
        return None
    return _probability(sharpe, skew, excess + 3, bars - 1, expected_best_sharpe(trials))
