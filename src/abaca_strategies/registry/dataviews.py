"""What is told of a data set: its facts without its bars, and its bars page by page."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import pandas as pd

from abaca_strategies.arrays import SECOND, nanoseconds
from abaca_strategies.data import DataSet, Report, resample, spacing_of
from abaca_strategies.data.dataset import COLUMNS, bounds
from abaca_strategies.errors import Refused
from abaca_strategies.packed import Packed
from abaca_strategies.results import instant

MAX_PROBLEMS = 100
MAX_BARS_PAGE = 5_000
SHOWN = 50


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of fault in one ticker."""

    kind: str
    ticker: str
    severity: Literal["error", "note"]
    count: int
    first: str
    text: str


class DataSetView(msgspec.Struct, frozen=True, kw_only=True):
    """A data set without its bars."""

    name: str
    digest: str
    rows: int
    tickers: list[str]
    """At most ``SHOWN`` of them."""
    ticker_count: int
    columns: list[str]
    close_only: bool = False
    """One price per bar is known: orders fill at the next close."""
    first: str
    last: str
    spacing_seconds: int
    """The usual distance of two bars."""
    origin: str = ""
    problems: list[Problem] = []
    """Notes of the validation, such as gaps; data with errors are not taken."""
    problem_count: int = 0
    created_at: str | None = None
    is_built_in: bool = False


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What a data set would be told of if it was taken."""

    ok: bool
    rows: int
    tickers: int
    problems: list[Problem]
    problem_count: int


class DataSetPage(msgspec.Struct, frozen=True, kw_only=True):
    items: list[DataSetView]
    cursor: str | None = None


class DataFile(msgspec.Struct, frozen=True, kw_only=True):
    """A data set as a run gets it: the packed file (``data.packing``), which its digest names."""

    name: str
    digest: str
    path: Path
    close_only: bool
    tickers: tuple[str, ...]
    origin: str = ""

    @property
    def packed(self) -> Packed:
        """As the runner takes it."""
        return Packed(digest=self.digest, content=self.path)


class BarRow(msgspec.Struct, frozen=True, kw_only=True):
    time: str
    open: float
    high: float
    low: float
    close: float
    volume: float


class BarsPage(msgspec.Struct, frozen=True, kw_only=True):
    ticker: str
    timeframe: str | None
    items: list[BarRow]
    total: int
    """Bars in the range that was asked for."""
    cursor: str | None = None


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


def _rows(part: pd.DataFrame) -> list[BarRow]:
    columns = [part[column].to_numpy(dtype=np.float64).tolist() for column in COLUMNS]
    times = nanoseconds(part.index).tolist()
    return [
        BarRow(time=instant(time), open=opened, high=high, low=low, close=close, volume=volume)
        for time, opened, high, low, close, volume in zip(times, *columns, strict=True)
    ]


def _exact(nanosecond: int) -> str:
    return f"{np.datetime_as_string(np.datetime64(nanosecond, 'ns'), unit='ns')}Z"
