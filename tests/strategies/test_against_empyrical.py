"""Figures equal those of empyrical-reloaded (Apache-2.0), which needs scipy and so is no dependency of the tests.

Its figures are committed. ``python -m tests.strategies.test_against_empyrical`` writes them anew where it is installed.
"""

from __future__ import annotations

import importlib
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from abaca_strategies.arrays import Floats
from abaca_strategies.data import synthetic
from abaca_strategies.metrics import underwater
from abaca_strategies.metrics.figures import Figures
from abaca_strategies.metrics.returns import returns_figures, returns_of, versus_figures

FIGURES = Path(__file__).parent / "empyrical.json"
KINDS = ("gbm", "reverting", "jumps")
FREE = 0.0001
"""Per bar, in those of its figures that take one."""


@cache
def lines(kind: str) -> tuple[Floats, Floats]:
    data = synthetic(kind, seed=9, tickers=2, bars=800)  # type: ignore[arg-type]
    mine, theirs = (data.frame(ticker)["close"].to_numpy(dtype=np.float64) for ticker in data.tickers)
    return mine, theirs


def ours(kind: str) -> Figures:
    mine, theirs = lines(kind)
    found = returns_figures(mine, 252.0, FREE * 252)
    found.add(versus_figures(returns_of(mine), returns_of(theirs), 252.0, FREE * 252))
    found.put("max_drawdown", float(underwater(mine).min()))
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_figures_equal_those_of_empyrical(kind: str) -> None:
    committed = json.loads(FIGURES.read_text())
    found = ours(kind)
    for name, value in committed[kind].items():
        assert found[name] == pytest.approx(value, rel=1e-9), name


def theirs(kind: str) -> dict[str, float]:
    empyrical: Any = importlib.import_module("empyrical")
    returns, other = (returns_of(line) for line in lines(kind))
    compounded = empyrical.alpha(returns, other, risk_free=FREE)
    return {
        "total_return": empyrical.cum_returns_final(returns),
        "cagr": empyrical.cagr(returns),
        "volatility": empyrical.annual_volatility(returns),
        "sharpe": empyrical.sharpe_ratio(returns, risk_free=FREE),
        "sortino": empyrical.sortino_ratio(returns, required_return=FREE),
        "max_drawdown": empyrical.max_drawdown(returns),
        "omega": empyrical.omega_ratio(returns),
        "tail_ratio": empyrical.tail_ratio(returns),
        "value_at_risk": empyrical.value_at_risk(returns, cutoff=0.05),
        "beta": empyrical.beta(returns, other, risk_free=FREE),
        "alpha": ((compounded + 1) ** (1 / 252) - 1) * 252,  # theirs is compounded, ours is added up
    }


if __name__ == "__main__":
    version = importlib.import_module("empyrical").__version__
    rows = {kind: {name: float(value) for name, value in theirs(kind).items()} for kind in KINDS}
    FIGURES.write_text(json.dumps({"empyrical-reloaded": version, **rows}, indent=1) + "\n")
