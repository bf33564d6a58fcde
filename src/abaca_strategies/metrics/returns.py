"""Figures of a row of returns, one per bar."""

from __future__ import annotations

import math

import numpy as np

from abaca_strategies.arrays import Floats
from abaca_strategies.metrics.figures import Figures, divide

TAIL = 0.05


def returns_of(line: Floats) -> Floats:
    """Returns from bar to bar. After a value of zero or below there is nothing left to earn with: -1, then zeros."""
    gone = np.flatnonzero(line <= 0)
    if len(gone):
        line = np.concatenate((line[: gone[0]], np.zeros(len(line) - gone[0])))
    before = line[:-1]
    return np.asarray(np.where(before > 0, line[1:] / np.where(before > 0, before, 1.0) - 1, 0.0), dtype=np.float64)


def returns_figures(line: Floats, per_year: float, risk_free: float = 0.0) -> Figures:
    """Growth, spread and their ratios. ``line`` is equity by bar; ``risk_free`` a rate per year."""
    found, returns = Figures(), returns_of(line)
    count, free = len(returns), risk_free / per_year
    few = "there are fewer than two returns"
    total = line[-1] / line[0] - 1
    years = count / per_year
    growth = (max(line[-1], 0.0) / line[0]) ** (1 / years) - 1 if years else math.nan
    mean = float(np.mean(returns)) if count else math.nan
    spread = float(np.std(returns, ddof=1)) if count > 1 else math.nan
    spread = 0.0 if spread <= 1e-15 else spread  # equal returns differ by rounding
    below = float(np.sqrt(np.mean(np.minimum(returns - free, 0.0) ** 2))) if count else math.nan
    found.put("total_return", total)
    found.put("cagr", growth, few)
    found.put("volatility", spread * math.sqrt(per_year), few)
    found.put("sharpe", divide(mean - free, spread) * math.sqrt(per_year), few if count < 2 else "returns never vary")
    found.put("sortino", divide(mean - free, below) * math.sqrt(per_year), "no return lies below the risk-free rate")
    _shape(found, returns, mean, few)
    return found


def _shape(found: Figures, returns: Floats, mean: float, few: str) -> None:
    count = len(returns)
    gains, losses = float(np.sum(np.maximum(returns, 0))), float(np.sum(np.maximum(-returns, 0)))
    found.put("omega", divide(gains, losses), "no return is below zero")
    skew, kurtosis = moments(returns)
    found.put("skew", skew, "returns never vary")
    found.put("kurtosis", kurtosis - 3, "returns never vary")
    worst = float(np.quantile(returns, TAIL)) if count else math.nan
    found.put("value_at_risk", worst, few)
    found.put("conditional_value_at_risk", float(np.mean(returns[returns <= worst])) if count else None, few)
    found.put("tail_ratio", divide(abs(float(np.quantile(returns, 1 - TAIL))), abs(worst)) if count else None, few)
    found.put("best_period", float(np.max(returns)) if count else None, few)
    found.put("worst_period", float(np.min(returns)) if count else None, few)
    found.put("mean_period", mean, few)
    found.put("positive_periods", float(np.mean(returns > 0)) if count else None, few)


def moments(returns: Floats) -> tuple[float, float]:
    """Skewness and kurtosis (3 for a normal distribution) with the moments of the population; NaN without any
    spread."""
    if len(returns) < 2:
        return math.nan, math.nan
    away = returns - np.mean(returns)
    second = float(np.mean(away**2))
    if second <= 1e-30:
        return math.nan, math.nan
    return float(np.mean(away**3)) / second**1.5, float(np.mean(away**4)) / second**2


def versus_figures(returns: Floats, benchmark: Floats, per_year: float, risk_free: float = 0.0) -> Figures:
    """Figures beside a benchmark over the same bars."""
    found, free = Figures(), risk_free / per_year
    flat = "the benchmark never varies, or there are fewer than two returns"
    beta = correlation = error = information = math.nan
    if len(returns) > 1:
        both = np.cov(returns, benchmark, ddof=1)
        beta = divide(float(both[0, 1]), float(both[1, 1])) if both[1, 1] > 1e-30 else math.nan
        correlation = divide(float(both[0, 1]), math.sqrt(float(both[0, 0] * both[1, 1])))
        apart = returns - benchmark
        error = float(np.std(apart, ddof=1))
        error = 0.0 if error <= 1e-15 else error
        information = divide(float(np.mean(apart)), error) * math.sqrt(per_year)
    mean, theirs = (float(np.mean(line)) if len(line) else math.nan for line in (returns, benchmark))
    found.put("beta", beta, flat)
    found.put("alpha", ((mean - free) - beta * (theirs - free)) * per_year, flat)
    found.put("correlation", correlation, flat)
    found.put("tracking_error", error * math.sqrt(per_year), flat)
    found.put("information_ratio", information, "the returns are those of the benchmark")
    found.put("treynor", divide((mean - free) * per_year, beta), "beta is zero or not defined")
    return found
