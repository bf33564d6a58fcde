"""Longer bars from shorter ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from abaca_strategies.arrays import nanoseconds
from abaca_strategies.data.dataset import COLUMNS, DataSet
from abaca_strategies.data.timeframes import Timeframe, spacing_of
from abaca_strategies.failures import DataError


def resample(data: DataSet, timeframe: str) -> DataSet:
    """The same data in bars of ``timeframe``: first open, highest high, lowest low, last close, volume added up.

    A bar is labelled with the instant at which it begins by the calendar, traded or not. Its last bar may be
    incomplete. Raises ``DataError`` where the data have longer bars than that.
    """
    wanted = Timeframe.parse(timeframe)
    bars = {}
    for ticker, frame in data.bars.items():
        usual = spacing_of(nanoseconds(frame.index))
        if usual > wanted.nanoseconds * 1.1:  # months have 28 to 31 days
            raise DataError(
                f"{ticker}: bars of {pd.Timedelta(usual)} cannot be made into shorter ones of {wanted}; "
                f"ask for a longer timeframe"
            )
        bars[ticker] = resample_frame(frame, wanted)
    return replace(data, bars=bars)


def resample_frame(frame: pd.DataFrame, timeframe: Timeframe) -> pd.DataFrame:
    if frame.empty:
        return frame
    bins = timeframe.bins(nanoseconds(frame.index))
    first = np.flatnonzero(np.concatenate(([True], bins[1:] != bins[:-1])))
    last = np.concatenate((first[1:], [len(bins)])) - 1
    values = {column: frame[column].to_numpy(dtype=np.float64) for column in COLUMNS}
    index = pd.DatetimeIndex(timeframe.starts(bins[first]).astype("datetime64[ns]"), name="time").tz_localize("UTC")
    return pd.DataFrame(
        {
            "open": values["open"][first],
            "high": np.maximum.reduceat(values["high"], first),
            "low": np.minimum.reduceat(values["low"], first),
            "close": values["close"][last],
            "volume": np.add.reduceat(values["volume"], first),
        },
        index=index,
    )
