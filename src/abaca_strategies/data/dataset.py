"""A data set: bars by ticker, what they are, and the hash that names their content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd

from abaca_strategies.arrays import nanoseconds
from abaca_strategies.failures import DataError

COLUMNS = ("open", "high", "low", "close", "volume")
_HASH_FORM = b"abaca bars 1\n"
_DATE = len("2024-01-31")


@dataclass(frozen=True)
class DataSet:
    """Bars of one or more tickers.

    Each frame has float columns ``open high low close volume`` over a UTC index of the instants at which its bars
    *begin*; a bar is known when it has ended. A ``close_only`` set knows one price per bar: all four columns hold it,
    and orders fill at the next close.
    """

    name: str
    bars: Mapping[str, pd.DataFrame]
    close_only: bool = False
    origin: str = ""
    """Where the data come from and under which licence, for people."""
    info: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """Facts by ticker, such as ``sector``; ``get_general_data`` reads them."""

    @property
    def tickers(self) -> tuple[str, ...]:
        return tuple(self.bars)

    def __len__(self) -> int:
        return sum(len(frame) for frame in self.bars.values())

    def frame(self, ticker: str) -> pd.DataFrame:
        try:
            return self.bars[ticker]
        except KeyError:
            raise DataError(
                f"data set {self.name!r} has no ticker {ticker!r}; it has {', '.join(self.tickers)[:200]}"
            ) from None

    def only(self, tickers: Iterable[str]) -> DataSet:
        """The same set with these tickers, in the order given."""
        return replace(self, bars={ticker: self.frame(ticker) for ticker in tickers})

    def between(self, start: str | pd.Timestamp | None = None, end: str | pd.Timestamp | None = None) -> DataSet:
        """The bars that begin in ``start <= time <= end``; a date without a time as ``end`` means that whole day."""
        first, last = bounds(start, end)
        cut = {}
        for ticker, frame in self.bars.items():
            times = nanoseconds(frame.index)
            cut[ticker] = frame.iloc[int(np.searchsorted(times, first)) : int(np.searchsorted(times, last, "right"))]
        return replace(self, bars=cut)

    def known_at(self, as_of: str | pd.Timestamp | None) -> DataSet:
        """The bars that were known then: those of that whole day for a date, otherwise those that had ended."""
        if as_of is None:
            return self
        _, last = bounds(None, as_of)
        if isinstance(as_of, str) and len(as_of.strip()) == _DATE:
            return self.between(None, as_of)
        cut = {}
        for ticker, frame in self.bars.items():
            times = nanoseconds(frame.index)
            length = int(np.median(np.diff(times))) if len(times) > 1 else 0
            cut[ticker] = frame.iloc[: int(np.searchsorted(times + length, last, "right"))]
        return replace(self, bars=cut)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over tickers, times, values and facts, so that equal data have equal hashes wherever they came
        from."""
        total = hashlib.sha256(_HASH_FORM + (b"close-only\n" if self.close_only else b""))
        for ticker in sorted(self.bars):
            frame = self.bars[ticker]
            total.update(f"{ticker}\n{len(frame)}\n".encode())
            total.update(nanoseconds(frame.index).astype("<i8").tobytes())
            for column in COLUMNS:
                values = np.array(frame[column].to_numpy(), dtype="<f8")
                values[np.isnan(values)] = np.nan  # one bit pattern for what is missing
                total.update((values + 0.0).tobytes())  # and one for zero
        if any(self.info.values()):
            total.update(b"facts\n" + json.dumps(self.info, sort_keys=True, default=str).encode())
        return f"sha256:{total.hexdigest()}"


def bounds(start: str | pd.Timestamp | None, end: str | pd.Timestamp | None) -> tuple[int, int]:
    """A range of dates as instants, both inclusive. Raises ``DataError`` for a text that is no time."""
    first, last = -(1 << 63), (1 << 63) - 1
    if start is not None:
        first = _instant(start).value
    if end is not None:
        at = _instant(end)
        whole_day = isinstance(end, str) and len(end.strip()) == _DATE
        last = (at + pd.Timedelta(days=1)).value - 1 if whole_day else at.value
    return first, last


def _instant(text: str | pd.Timestamp) -> pd.Timestamp:
    try:
        at = pd.Timestamp(text)
    except (ValueError, TypeError) as error:
        raise DataError(f"{text!r} is no date or time ({error}); write 2024-01-31 or 2024-01-31T15:30:00Z") from error
    return (at.tz_localize("UTC") if at.tzinfo is None else at.tz_convert("UTC")).as_unit("ns")
