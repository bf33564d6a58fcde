"""Returns by calendar: months in a table, or any other period."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from abaca_strategies.arrays import Floats, Ints
from abaca_strategies.data.timeframes import Timeframe


@dataclass(frozen=True)
class PeriodReturn:
    start: int
    """The instant at which the period begins by the calendar."""
    value: float


def period_returns(line: Floats, times: Ints, timeframe: str) -> list[PeriodReturn]:
    """The return of each period that has bars, from the last value before it; the first from the line's first value."""
    frame = Timeframe.parse(timeframe)
    bins = frame.bins(times)
    last = np.flatnonzero(np.concatenate((bins[1:] != bins[:-1], [True])))
    ends = line[last]
    before = np.concatenate((line[:1], ends[:-1]))
    starts = frame.starts(bins[last])
    with np.errstate(divide="ignore", invalid="ignore"):
        values = np.where(before > 0, ends / before - 1, 0.0)
    return [PeriodReturn(int(start), float(value)) for start, value in zip(starts, values, strict=True)]


def monthly_table(line: Floats, times: Ints) -> dict[int, list[float | None]]:
    """By year, twelve months and the year as a whole; None for a month without bars."""
    table: dict[int, list[float | None]] = {}
    for one in period_returns(line, times, "1m"):
        month = int(np.datetime64(one.start, "ns").astype("datetime64[M]").astype(np.int64))
        table.setdefault(1970 + month // 12, [None] * 13)[month % 12] = one.value
    for one in period_returns(line, times, "1y"):
        year = 1970 + int(np.datetime64(one.start, "ns").astype("datetime64[Y]").astype(np.int64))
        table[year][12] = one.value
    return table
