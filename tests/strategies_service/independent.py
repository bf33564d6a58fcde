"""A sweep's points run one by one by the engine, without the application."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from abaca_strategies.arrays import Floats
from abaca_strategies.data import DataSet, synthetic
from abaca_strategies.engine import Rules, run_signals, signal_targets
from abaca_strategies.metrics import measure
from abaca_strategies.registry.datasets import built_in

Figures = Mapping[str, float | None]


def whole(*symbols: str) -> DataSet:
    """The data that are built in."""
    return built_in().only(symbols)


def small(tickers: int = 2, bars: int = 300) -> DataSet:
    return synthetic(tickers=tickers, bars=bars)


def run_of(code: str, data: DataSet, params: Mapping[str, Any], rules: Rules | None = None) -> Any:
    """One back-test of code with ``signals``."""
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - the tests' own text
    return run_signals(data, names["signals"], {**names.get("PARAMS", {}), **params}, rules or Rules())


def targets_of(code: str, data: DataSet, ticker: str, params: Mapping[str, Any]) -> Floats:
    """What ``signals`` of code says of every bar of a ticker."""
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - the tests' own text
    return signal_targets(names["signals"], data.frame(ticker), {**names.get("PARAMS", {}), **params})


def figures_of(code: str, data: DataSet, params: Mapping[str, Any], rules: Rules | None = None) -> Figures:
    return measure(run_of(code, data, params, rules)).figures.values
