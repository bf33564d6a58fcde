"""Small data sets whose closes a test says, and strategies whose scores follow from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from abaca_strategies.data import DataSet

LAST = """
def strategy():
    bars = get_bar_data(timeframe="1d", min_bars=1, columns=["close"])
    return [
        {"ticker": row.ticker, "timestamp": int(row.timestamp), "score": float(row.close) / 100, "near": row.close > 50}
        for row in bars.groupby("ticker").tail(1).itertuples()
    ]
"""
"""Each ticker's score is a hundredth of its last close."""

HIGH = """
def strategy():
    bars = get_bar_data(timeframe="1d", min_bars=1, columns=["close"])
    last = bars.groupby("ticker").tail(1)
    return [
        {"ticker": row.ticker, "timestamp": int(row.timestamp), "score": 1.0}
        for row in last[last["close"] > 50].itertuples()
    ]
"""
"""An instance of score 1 for each ticker above 50."""

BROKEN = "def strategy():\n    raise ValueError('no idea')\n"


def market(
    name: str,
    closes: Mapping[str, Sequence[float]],
    *,
    start: str = "2024-01-01",
    every: str = "1D",
    info: Mapping[str, Mapping[str, object]] | None = None,
) -> DataSet:
    """Bars of one price each."""
    bars = {}
    for ticker, prices in closes.items():
        index = pd.date_range(start, periods=len(prices), freq=every, tz="UTC", name="time").as_unit("ns")
        columns = {column: [float(price) for price in prices] for column in ("open", "high", "low", "close")}
        bars[ticker] = pd.DataFrame({**columns, "volume": 1.0}, index=index)
    return DataSet(name, bars, info=info or {})
