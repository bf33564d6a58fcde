"""The prices of a data set laid side by side on one line of time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from abaca_strategies.arrays import Floats, Ints, nanoseconds
from abaca_strategies.data import DataSet
from abaca_strategies.failures import DataError


@dataclass(frozen=True)
class Market:
    """Prices as arrays of bars by tickers; NaN where a ticker has no bar. The line of time has every ticker's bars."""

    tickers: tuple[str, ...]
    times: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    mark: Floats
    """The last close known at each bar; NaN before a ticker's first."""
    rows: tuple[Ints, ...]
    """By ticker, the bars of the line that it has."""
    close_only: bool

    @classmethod
    def of(cls, data: DataSet) -> Market:
        """Raises ``DataError`` for a set with no bars, and for bars that are out of order."""
        lines = {ticker: nanoseconds(frame.index) for ticker, frame in data.bars.items()}
        if not any(len(line) for line in lines.values()):
            raise DataError(f"data set {data.name!r} has no bars in the range asked for")
        for ticker, line in lines.items():
            if np.any(np.diff(line) <= 0):
                raise DataError(f"{ticker}: bars are out of order or twice; validate the data set first")
        times = np.unique(np.concatenate(list(lines.values())))
        shape = (len(times), len(lines))
        prices = {column: np.full(shape, np.nan) for column in ("open", "high", "low", "close")}
        rows = []
        for number, (ticker, line) in enumerate(lines.items()):
            at = np.searchsorted(times, line)
            rows.append(at.astype(np.int64))
            for column, into in prices.items():
                into[at, number] = data.bars[ticker][column].to_numpy(dtype=np.float64)
        mark = _carried(prices["close"])
        return cls(
            data.tickers,
            times,
            prices["open"],
            prices["high"],
            prices["low"],
            prices["close"],
            mark,
            tuple(rows),
            data.close_only,
        )

    def __len__(self) -> int:
        return len(self.times)

    def begun_at(self, bar: int) -> Market:
        """Without the bars before ``bar``, of which the marks know still."""
        return Market(
            self.tickers,
            self.times[bar:],
            self.open[bar:],
            self.high[bar:],
            self.low[bar:],
            self.close[bar:],
            self.mark[bar:],
            tuple(rows[rows >= bar] - bar for rows in self.rows),
            self.close_only,
        )


def _carried(values: Floats) -> Floats:
    """Each column with its last value carried over the gaps."""
    known = np.where(np.isnan(values), 0, np.arange(len(values))[:, None])
    return np.take_along_axis(values, np.maximum.accumulate(known, axis=0), axis=0)
