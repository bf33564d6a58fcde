"""Makes what is told of a data set out of its bars."""

from __future__ import annotations

import numpy as np
import pandas as pd

from abaca_strategies.arrays import SECOND, nanoseconds
from abaca_strategies.data import DataSet, Report, resample, spacing_of
from abaca_strategies.data.dataset import COLUMNS, bounds
from abaca_strategies.data.timeframes import Timeframe
from abaca_strategies.errors import Refused
from abaca_strategies.registry.dataviews import SHOWN, BarRow, BarsPage, Checked, DataSetView, NewestBar, Problem
from abaca_strategies.registry.facts import names_of
from abaca_strategies.results import instant

MAX_PROBLEMS = 100
MAX_BARS_PAGE = 5_000


def problems_of(report: Report) -> list[Problem]:
    return [
        Problem(
            kind=one.kind, ticker=one.ticker, severity=one.severity, count=one.count, first=one.first, text=one.text
        )
        for one in report.problems
    ]


def checked(report: Report) -> Checked:
    problems = problems_of(report)
    return Checked(
        ok=report.ok,
        rows=report.rows,
        tickers=report.tickers,
        problems=problems[:MAX_PROBLEMS],
        problem_count=len(problems),
    )


def view_of(data: DataSet, report: Report, *, created_at: str | None, is_built_in: bool = False) -> DataSetView:
    lines = [nanoseconds(frame.index) for frame in data.bars.values()]
    spacings = [spacing for line in lines if (spacing := spacing_of(line))]
    problems = problems_of(report)
    return DataSetView(
        name=data.name,
        digest=data.digest,
        rows=len(data),
        tickers=sorted(data.tickers)[:SHOWN],
        ticker_count=len(data.tickers),
        columns=["close"] if data.close_only else list(COLUMNS),
        close_only=data.close_only,
        first=instant(min(int(line[0]) for line in lines)),
        last=instant(max(int(line[-1]) for line in lines)),
        spacing_seconds=int(np.median(spacings)) // SECOND if spacings else 0,
        origin=data.origin,
        facts=names_of(data.info.values()),
        problems=problems[:MAX_PROBLEMS],
        problem_count=len(problems),
        created_at=created_at,
        is_built_in=is_built_in,
    )


def page_of_bars(
    data: DataSet,
    ticker: str,
    *,
    timeframe: str | None,
    start: str | None,
    end: str | None,
    cursor: str | None,
    limit: int,
) -> BarsPage:
    """Bars of one ticker of ``data``, which has it. ``cursor`` is the time of the last bar that was seen."""
    if not 1 <= limit <= MAX_BARS_PAGE:
        raise Refused("limit", f"it is {limit}; from 1 to {MAX_BARS_PAGE} can be asked for")
    one = data.only([ticker])
    one = (one if timeframe is None else resample(one, timeframe)).between(start, end)
    frame = one.bars[ticker]
    times = nanoseconds(frame.index)
    begun = 0 if cursor is None else int(np.searchsorted(times, bounds(cursor, None)[0], "right"))
    part = frame.iloc[begun : begun + limit]
    ends = begun + len(part)
    return BarsPage(
        ticker=ticker,
        timeframe=timeframe,
        items=_rows(part),
        total=len(frame),
        cursor=_exact(int(times[ends - 1])) if 0 < ends < len(frame) else None,
    )


def newest_of(data: DataSet, timeframe: str) -> dict[str, NewestBar]:
    """The last bar of each ticker that has one. Raises ``DataError`` for what is no timeframe."""
    frame = Timeframe.parse(timeframe)
    closes = {ticker: float(bars["close"].iloc[-1]) for ticker, bars in data.bars.items() if len(bars)}
    times = np.array([int(nanoseconds(data.bars[ticker].index)[-1]) for ticker in closes], dtype=np.int64)
    bins = frame.bins(times)
    starts, ends = frame.starts(bins), frame.starts(bins + 1)
    rows = zip(closes.items(), times.tolist(), starts.tolist(), ends.tolist(), strict=True)
    return {
        ticker: NewestBar(
            time=time // SECOND,
            at=instant(time),
            close=close,
            bucket=instant(start),
            bucket_start=start // SECOND,
            bucket_end=end // SECOND,
        )
        for (ticker, close), time, start, end in rows
    }


def _rows(part: pd.DataFrame) -> list[BarRow]:
    columns = [part[column].to_numpy(dtype=np.float64).tolist() for column in COLUMNS]
    times = nanoseconds(part.index).tolist()
    return [
        BarRow(time=instant(time), open=opened, high=high, low=low, close=close, volume=volume)
        for time, opened, high, low, close, volume in zip(times, *columns, strict=True)
    ]


def _exact(nanosecond: int) -> str:
    return f"{np.datetime_as_string(np.datetime64(nanosecond, 'ns'), unit='ns')}Z"
