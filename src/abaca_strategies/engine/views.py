"""What an event strategy sees: prices and indicators up to the bar at hand, and nothing after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, overload

import numpy as np
import pandas as pd

from abaca_strategies.arrays import Floats, Ints, nanoseconds
from abaca_strategies.data import DataSet
from abaca_strategies.engine.market import Market
from abaca_strategies.failures import StrategyError


class Clock:
    """How many bars of each ticker have been seen."""

    __slots__ = ("bar", "counts")

    def __init__(self, market: Market) -> None:
        self.bar = -1
        shape = market.close.shape
        self.counts: Ints = np.cumsum(~np.isnan(market.close), axis=0).reshape(shape)

    def seen(self, ticker: int) -> int:
        return int(self.counts[self.bar, ticker]) if self.bar >= 0 else 0


class Line:
    """One row of numbers, a number per bar, of which only those seen so far are there. ``line[-1]`` is the newest."""

    __slots__ = ("_array", "_clock", "_ticker")

    def __init__(self, array: Floats | Ints, clock: Clock, ticker: int) -> None:
        self._array, self._clock, self._ticker = array, clock, ticker

    @property
    def values(self) -> np.ndarray[Any, Any]:
        """Those seen so far, read-only."""
        return self._array[: self._clock.seen(self._ticker)]

    def __len__(self) -> int:
        return self._clock.seen(self._ticker)

    @overload
    def __getitem__(self, key: int) -> float: ...
    @overload
    def __getitem__(self, key: slice) -> np.ndarray[Any, Any]: ...
    def __getitem__(self, key: int | slice) -> float | np.ndarray[Any, Any]:
        if isinstance(key, slice):
            return np.asarray(self.values[key])
        count = self._clock.seen(self._ticker)
        at = key + count if key < 0 else key
        if not 0 <= at < count:
            raise IndexError(f"bar {key} of {count} that have been seen")
        return float(self._array[at])

    def __iter__(self) -> Iterator[float]:
        return iter(self.values.tolist())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        return np.array(self.values, dtype=dtype)


class Bars:
    """One ticker's bars up to now: ``open high low close volume`` and ``time`` (nanoseconds since 1970)."""

    def __init__(self, ticker: str, number: int, frame: pd.DataFrame, clock: Clock) -> None:
        self.ticker, self.number = ticker, number
        self._frame, self._clock = frame, clock
        lines = {name: frame[name].to_numpy(dtype=np.float64, copy=True) for name in frame.columns}
        for array in lines.values():
            array.flags.writeable = False
        self.open, self.high, self.low = (Line(lines[name], clock, number) for name in ("open", "high", "low"))
        self.close, self.volume = (Line(lines[name], clock, number) for name in ("close", "volume"))
        self.time = Line(nanoseconds(frame.index), clock, number)

    def __len__(self) -> int:
        return self._clock.seen(self.number)

    @property
    def frame(self) -> pd.DataFrame:
        """The bars seen so far as a frame; slower than the lines."""
        return self._frame.iloc[: len(self)]

    def line(self, make: Callable[[pd.DataFrame], Any]) -> Line:
        """An indicator, counted once over all bars and shown bar by bar. ``make`` must look back only."""
        values = np.array(make(self._frame.copy()), dtype=np.float64)
        if values.shape != (len(self._frame),):
            raise StrategyError(f"{self.ticker}: an indicator has {values.shape} values for {len(self._frame)} bars")
        values.flags.writeable = False
        return Line(values, self._clock, self.number)


class View(Mapping[str, Bars]):
    """The bars of all tickers by name; where there is only one ticker, its lines are here too."""

    def __init__(self, data: DataSet, market: Market) -> None:
        self.clock = Clock(market)
        self._bars = {
            ticker: Bars(ticker, number, data.bars[ticker], self.clock) for number, ticker in enumerate(market.tickers)
        }
        self.first = self._bars[market.tickers[0]]

    def __getitem__(self, ticker: str) -> Bars:
        if ticker not in self._bars:
            raise StrategyError(f"there is no ticker {ticker!r} in this run; there are {', '.join(self._bars)[:200]}")
        return self._bars[ticker]

    def __iter__(self) -> Iterator[str]:
        return iter(self._bars)

    def __len__(self) -> int:
        return len(self._bars)

    @property
    def open(self) -> Line:
        return self.first.open

    @property
    def high(self) -> Line:
        return self.first.high

    @property
    def low(self) -> Line:
        return self.first.low

    @property
    def close(self) -> Line:
        return self.first.close

    @property
    def volume(self) -> Line:
        return self.first.volume
