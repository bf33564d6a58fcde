"""A data set as a CSV file that ``read`` reads back to the same bytes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from abaca_strategies.arrays import nanoseconds
from abaca_strategies.data.dataset import DataSet


def to_csv(data: DataSet) -> bytes:
    """Long form with all columns, or, for close-only sets, a column of closes per ticker. Floats are exact."""
    if data.close_only:
        table = pd.DataFrame({ticker: frame["close"] for ticker, frame in data.bars.items()}).sort_index()
        table.insert(0, "time", _texts(table.index))
    else:
        parts = [
            frame.assign(ticker=ticker, time=_texts(frame.index))[["ticker", "time", *frame.columns]]
            for ticker, frame in data.bars.items()
        ]
        table = pd.concat(parts)
    return table.to_csv(index=False, lineterminator="\n").encode()


def _texts(index: pd.Index) -> np.ndarray:
    times = nanoseconds(index).astype("datetime64[ns]")
    return np.char.add(np.datetime_as_string(times, unit="ns"), "Z")
