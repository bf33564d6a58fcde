"""A data set as one block of bytes that opens in milliseconds: what is shown to strategies in the sandbox."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np
import pandas as pd

from abaca_strategies.arrays import nanoseconds
from abaca_strategies.data.dataset import COLUMNS, DataSet
from abaca_strategies.failures import DataError
from abaca_strategies.packed import LENGTH, MAGIC, Header, header_of

_ALIGNED = 8


def pack(data: DataSet) -> bytes:
    """Head, then for each ticker its times and its five columns, eight bytes a number."""
    header = Header(
        name=data.name,
        digest=data.digest,
        close_only=data.close_only,
        origin=data.origin,
        rows={ticker: len(frame) for ticker, frame in data.bars.items()},
        info={ticker: dict(facts) for ticker, facts in data.info.items()},
    )
    head = msgspec.json.encode(header)
    head += b" " * (-(len(MAGIC) + LENGTH.size + len(head)) % _ALIGNED)
    parts = [MAGIC, LENGTH.pack(len(head)), head]
    for frame in data.bars.values():
        parts.append(nanoseconds(frame.index).astype("<i8").tobytes())
        parts += [frame[column].to_numpy(dtype="<f8").tobytes() for column in COLUMNS]
    return b"".join(parts)


def unpack(content: bytes | memoryview) -> DataSet:
    """The data set again, over the same bytes. Raises ``DataError`` for what ``pack`` did not write."""
    header, at = header_of(content)
    bars: dict[str, pd.DataFrame] = {}
    try:
        for ticker, rows in header.rows.items():
            times = np.frombuffer(content, "<i8", rows, at)
            values = np.frombuffer(content, "<f8", rows * len(COLUMNS), at + 8 * rows)
            bars[ticker] = _frame(times, values.reshape(len(COLUMNS), rows))
            at += 8 * rows * (1 + len(COLUMNS))
    except ValueError as error:
        raise DataError(f"the packed data set {header.name!r} is cut off: {error}") from error
    return DataSet(header.name, bars, header.close_only, header.origin, _facts(header.info))


def _frame(times: np.ndarray, values: np.ndarray) -> pd.DataFrame:
    index = pd.DatetimeIndex(times.astype("datetime64[ns]"), name="time").tz_localize("UTC")
    return pd.DataFrame(values.T, index=index, columns=list(COLUMNS))


def _facts(info: Mapping[str, Mapping[str, object]]) -> dict[str, dict[str, object]]:
    return {ticker: dict(facts) for ticker, facts in info.items()}
