"""Four strategies of every textbook, in the three forms, for tests and examples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from abaca_strategies.engine import Strategy

Params = Mapping[str, Any]


def moving_average_cross(df: pd.DataFrame, params: Params) -> pd.Series:
    """Long while the fast average lies above the slow one."""
    fast = df["close"].rolling(params.get("fast", 20)).mean()
    slow = df["close"].rolling(params.get("slow", 100)).mean()
    return (fast > slow).astype(float).where(slow.notna())


def mean_reversion(df: pd.DataFrame, params: Params) -> pd.Series:
    """Against a close two deviations from its average, until it is back there."""
    average = df["close"].rolling(params.get("window", 20)).mean()
    score = (df["close"] - average) / df["close"].rolling(params.get("window", 20)).std()
    target = pd.Series(np.nan, index=df.index)
    target[score < -params.get("entry", 2.0)] = 1.0
    target[score > params.get("entry", 2.0)] = -1.0
    target[(score * score.shift(1) <= 0)] = 0.0
    return target.ffill()


def momentum(closes: pd.DataFrame, params: Params) -> pd.DataFrame:
    """At each month's first close, the best third over a year without its last month, in equal parts."""
    past = closes.shift(params.get("skip", 21)) / closes.shift(params.get("window", 252)) - 1
    rank = past.rank(axis=1, ascending=False, method="first")
    held = max(len(closes.columns) // 3, 1)
    weights = (rank <= held).astype(float) / held
    month = pd.DatetimeIndex(closes.index).tz_localize(None).to_numpy().astype("datetime64[M]")
    is_first = np.concatenate(([True], month[1:] != month[:-1]))
    return weights.where(past.notna().all(axis=1) & pd.Series(is_first, index=closes.index), np.nan, axis=0)


class Breakout(Strategy):
    """Buys by a stop order at the highest high of the last bars, sells below the lowest low of fewer."""

    def init(self) -> None:
        enter, leave = self.params.get("enter", 55), self.params.get("leave", 20)
        self.top = {t: self.indicator(lambda b: b["high"].rolling(enter).max(), t) for t in self.data}
        self.bottom = {t: self.indicator(lambda b: b["low"].shift(1).rolling(leave).min(), t) for t in self.data}
        self.entries: dict[str, Any] = {}

    def next(self) -> None:
        for ticker in self.data:
            if not len(self.top[ticker]) or np.isnan(self.top[ticker][-1]):
                continue
            if old := self.entries.pop(ticker, None):
                self.cancel(old)
            if self.position(ticker):
                if self.data[ticker].close[-1] <= self.bottom[ticker][-1]:
                    self.close(ticker)
            else:
                units = self.equity / len(self.data) / self.data[ticker].close[-1]
                top, bottom = self.top[ticker][-1], self.bottom[ticker][-1]
                self.entries[ticker] = self.buy(units, ticker, stop=top, stop_loss=bottom, tag="breakout")


def gap_down(bars: pd.DataFrame) -> list[dict[str, Any]]:
    """Instances: a close at least three percent below the one before, scored by how much."""
    before = bars.groupby("ticker", sort=False)["close"].shift(1)
    fall = 1 - bars["close"] / before
    found = bars.assign(score=(fall * 10).clip(upper=1.0))[fall > 0.03]
    return found[["ticker", "timestamp", "score"]].to_dict("records")  # type: ignore[return-value]
