"""What is told of a data set: its facts without its bars, and its bars page by page. Light to import."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from abaca_strategies.packed import Packed

BUILT_IN = "synthetic"
"""The data set that is always there, made from a seed: everything works without a network."""
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
    facts: list[str] = []
    """Names of what is known of its tickers, such as ``sector``."""
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
    facts: dict[str, dict[str, object]] = {}
    """What the set says of its tickers, such as ``sector``."""

    @property
    def packed(self) -> Packed:
        """As the runner takes it."""
        return Packed(digest=self.digest, content=self.path)


class NewestBar(msgspec.Struct, frozen=True, kw_only=True):
    """The last bar of a ticker that is known at an as-of time. Times are seconds since 1970."""

    time: int
    at: str
    """The same in RFC 3339."""
    close: float
    bucket: str
    """The beginning of the bar of a longer timeframe that it lies in, which goes from ``bucket_start`` to before
    ``bucket_end``."""
    bucket_start: int
    bucket_end: int


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
