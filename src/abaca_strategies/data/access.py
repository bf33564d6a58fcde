"""What a ``strategy()`` asks for its data with: the source system's three functions, over one data set, up to one
instant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from abaca_strategies.arrays import nanoseconds
from abaca_strategies.data.dataset import COLUMNS, DataSet
from abaca_strategies.data.resampling import resample
from abaca_strategies.failures import DataError

MAX_BARS = 10_000


class BarSource:
    """Data for strategies of the ``strategy()`` form. Nothing that was not known at ``as_of`` is ever handed out.

    A date as ``as_of`` lets the bars of that day pass; an instant only bars that have ended by then, by the usual
    distance of the set's bars. ``latest_only`` is for screening: each ticker gives its last ``min_bars`` bars and no
    more.
    """

    def __init__(self, data: DataSet, *, as_of: pd.Timestamp | str | None = None, latest_only: bool = False) -> None:
        self._data = data.known_at(as_of)
        self._latest_only = latest_only
        self._resampled: dict[str, DataSet] = {}

    def get_bar_data(
        self,
        timeframe: str = "1d",
        min_bars: int = 1,
        columns: Sequence[str] | None = None,
        filters: Mapping[str, object] | None = None,
        extended_hours: bool = False,
    ) -> pd.DataFrame:
        """Bars as one frame with ``ticker``, ``timestamp`` (whole seconds since 1970) and the columns asked for.

        Tickers with fewer than ``min_bars`` bars are left out. ``filters`` may name ``tickers`` and facts of the set
        such as ``sector``. ``extended_hours`` changes nothing here: a data set has the hours that it has.
        """
        if not 1 <= min_bars <= MAX_BARS:
            raise DataError(f"get_bar_data: min_bars is {min_bars}; it has to lie between 1 and {MAX_BARS}")
        wanted = [column for column in columns or COLUMNS if column not in ("ticker", "timestamp")]
        if unknown := [column for column in wanted if column not in COLUMNS]:
            raise DataError(f"get_bar_data: there is no column {unknown[0]!r}; there are {', '.join(COLUMNS)}")
        if timeframe not in self._resampled:
            self._resampled[timeframe] = resample(self._data, timeframe)
        parts = []
        for ticker in self._tickers(filters):
            frame = self._resampled[timeframe].bars[ticker]
            if len(frame) < min_bars:
                continue
            frame = frame.iloc[-min_bars:] if self._latest_only else frame
            seconds = nanoseconds(frame.index) // 1_000_000_000
            parts.append(frame[wanted].reset_index(drop=True).assign(ticker=ticker, timestamp=seconds))
        if not parts:
            return pd.DataFrame({column: np.empty(0) for column in ("ticker", "timestamp", *wanted)})
        return pd.concat(parts, ignore_index=True)[["ticker", "timestamp", *wanted]]

    def get_general_data(
        self, columns: Sequence[str] | None = None, filters: Mapping[str, object] | None = None
    ) -> pd.DataFrame:
        """The facts that the data set carries about its tickers, one row each; absent ones are missing values."""
        rows = [{"ticker": ticker, **self._data.info.get(ticker, {})} for ticker in self._tickers(filters)]
        frame = pd.DataFrame(rows, columns=None if rows else ["ticker"])
        return frame if columns is None else frame.reindex(columns=["ticker", *(c for c in columns if c != "ticker")])

    def get_fundamentals_data(
        self, columns: Sequence[str] | None = None, filters: Mapping[str, object] | None = None
    ) -> pd.DataFrame:
        """The same facts: a data set keeps fundamentals beside the others, as of no particular time."""
        return self.get_general_data(columns, filters)

    def _tickers(self, filters: Mapping[str, object] | None) -> list[str]:
        kept = list(self._data.tickers)
        for name, wanted in (filters or {}).items():
            allowed = list(wanted) if isinstance(wanted, list | tuple | set) else [wanted]
            if name in ("ticker", "tickers", "symbol", "symbols"):
                kept = [ticker for ticker in kept if ticker in allowed]
            else:
                kept = [ticker for ticker in kept if self._data.info.get(ticker, {}).get(name) in allowed]
        return kept
