"""Small markets to work out by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from abaca_strategies.data import DataSet
from abaca_strategies.engine import Rules, Run, Strategy, run_events

Row = tuple[float, float, float, float]


def days(count: int, start: str = "2024-01-01") -> pd.DatetimeIndex:
    return pd.date_range(start, periods=count, freq="D", tz="UTC", name="time")


def frame(rows: Sequence[Row], start: str = "2024-01-01") -> pd.DataFrame:
    values = np.array(rows, dtype=np.float64)
    columns = {name: values[:, at] for at, name in enumerate(("open", "high", "low", "close"))}
    return pd.DataFrame({**columns, "volume": 1000.0}, index=days(len(rows), start))


def market(*rows: Row, **more: Sequence[Row]) -> DataSet:
    """``A`` with these bars (open, high, low, close), a day each, and further tickers by name."""
    return DataSet("small", {"A": frame(rows), **{ticker: frame(lines) for ticker, lines in more.items()}})


def flat(*prices: float) -> list[Row]:
    """Bars at which the price does not move."""
    return [(price, price, price, price) for price in prices]


def closes(values: Sequence[float], start: str = "2024-01-01") -> DataSet:
    lines = pd.DataFrame({"close": np.asarray(values, dtype=np.float64)}, index=days(len(values), start))
    return DataSet("closes", {"A": lines.assign(open=lines.close, high=lines.close, low=lines.close, volume=0.0)})


def act(data: DataSet, steps: dict[int, Callable[[Strategy], Any]], rules: Rules | None = None) -> Run:
    """Runs a strategy that does something at the closes of the bars named."""

    class Acting(Strategy):
        def next(self) -> None:
            if step := steps.get(self._bar):
                step(self)

    return run_events(data, Acting, None, rules)
