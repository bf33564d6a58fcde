"""Is this market data sound? A report in plain words, of errors that refuse the data and notes that only tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from abaca_strategies.arrays import DAY, Floats, Ints, nanoseconds
from abaca_strategies.data.dataset import COLUMNS
from abaca_strategies.data.timeframes import spacing_of
from abaca_strategies.failures import DataError

ROUNDING = 1e-6
"""Prices may lie outside their bar's range by this share: adjusted prices are rounded one by one."""
GAP_FACTOR = 5
"""A distance of more than this many usual ones is a gap; for daily data this lets long weekends pass."""
SPLIT_RATIO = 0.55
"""A close at or below this share of the one before, or above its inverse, may be a split that was not adjusted."""

Severity = Literal["error", "note"]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Problem:
    """One kind of fault in one ticker: how many bars have it and where the first is."""

    kind: str
    ticker: str
    severity: Severity
    count: int
    first: str
    """RFC 3339."""
    text: str

    def __str__(self) -> str:
        return f"{self.ticker}: {self.text} ({self.count}x, first at {self.first})"


@dataclass(frozen=True)
class Report:
    rows: int
    tickers: int
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        return not self.errors

    @property
    def errors(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self.problems if problem.severity == "error")

    def __str__(self) -> str:
        head = f"{self.rows} bars of {self.tickers} tickers: {'sound' if self.ok else 'not usable'}"
        return "\n".join([head, *(f"  {problem.severity}: {problem}" for problem in self.problems)])

    def refuse(self, name: str) -> None:
        """Raises ``DataError`` with the first ten errors, if there are any."""
        if self.errors:
            shown = "; ".join(str(problem) for problem in self.errors[:10])
            more = f"; and {len(self.errors) - 10} more" if len(self.errors) > 10 else ""
            raise DataError(f"data set {name!r} was not accepted: {shown}{more}")


def validate(bars: Mapping[str, pd.DataFrame]) -> Report:
    """What is wrong with the bars, ticker by ticker, errors first."""
    found = [problem for ticker, frame in bars.items() for problem in _problems(ticker, frame)]
    if not bars:
        found.append(Problem("empty", "-", "error", 0, "-", "there is no ticker in the data"))
    found.sort(key=lambda problem: problem.severity)  # stable: errors stay in the order of the tickers
    return Report(sum(len(frame) for frame in bars.values()), len(bars), tuple(found))


def _problems(ticker: str, frame: pd.DataFrame) -> Iterator[Problem]:
    missing = [column for column in COLUMNS if column not in frame.columns]
    if missing:
        yield Problem("columns", ticker, "error", len(missing), "-", f"columns are missing: {', '.join(missing)}")
        return
    if frame.empty:
        yield Problem("empty", ticker, "error", 0, "-", "there are no bars")
        return
    times = nanoseconds(frame.index)
    values = {column: frame[column].to_numpy(dtype=np.float64) for column in COLUMNS}
    for kind, severity, text, check in _CHECKS:
        mask = check(times, values)
        if count := int(np.count_nonzero(mask)):
            at = pd.Timestamp(int(times[int(np.argmax(mask))]), tz="UTC").strftime("%Y-%m-%dT%H:%M:%SZ")
            yield Problem(kind, ticker, severity, count, at, text)


def _after_first(mask: Mask) -> Mask:
    return np.concatenate(([False], mask))


def _backwards(times: Ints, values: Mapping[str, Floats]) -> Mask:
    return _after_first(np.diff(times) < 0)


def _twice(times: Ints, values: Mapping[str, Floats]) -> Mask:
    return _after_first(np.diff(times) == 0)


def _missing(times: Ints, values: Mapping[str, Floats]) -> Mask:
    return np.asarray(np.logical_or.reduce([~np.isfinite(values[column]) for column in COLUMNS]), dtype=np.bool_)


def _not_positive(times: Ints, values: Mapping[str, Floats]) -> Mask:
    return np.asarray(np.logical_or.reduce([values[column] <= 0 for column in COLUMNS[:4]]), dtype=np.bool_)


def _inverted(times: Ints, values: Mapping[str, Floats]) -> Mask:
    return values["high"] < values["low"]


def _outside(times: Ints, values: Mapping[str, Floats]) -> Mask:
    top, bottom = values["high"] * (1 + ROUNDING), values["low"] * (1 - ROUNDING)
    beyond = [(values[c] > top) | (values[c] < bottom) for c in ("open", "close")]
    return np.asarray(np.logical_or.reduce(beyond), dtype=np.bool_)


def _negative_volume(times: Ints, values: Mapping[str, Floats]) -> Mask:
    return values["volume"] < 0


def _gap(times: Ints, values: Mapping[str, Floats]) -> Mask:
    usual = spacing_of(times)
    longest = max(GAP_FACTOR * usual, 4 * DAY if usual < DAY else 0)  # nights and weekends are no gaps
    return _after_first(np.diff(times) > longest)


def _jump(times: Ints, values: Mapping[str, Floats]) -> Mask:
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = values["close"][1:] / values["close"][:-1]
    return _after_first((ratio <= SPLIT_RATIO) | (ratio >= 1 / SPLIT_RATIO))


_Check = Callable[[Ints, Mapping[str, Floats]], Mask]
_CHECKS: tuple[tuple[str, Severity, str, _Check], ...] = (
    ("not_monotone", "error", "a bar begins before the one above it", _backwards),
    ("duplicate", "error", "two bars begin at the same instant", _twice),
    ("missing_value", "error", "a price or volume is missing or not finite", _missing),
    ("not_positive", "error", "a price is zero or below", _not_positive),
    ("high_below_low", "error", "the high is below the low", _inverted),
    ("outside_range", "error", "open or close lies outside low and high", _outside),
    ("negative_volume", "error", "the volume is below zero", _negative_volume),
    ("gap", "note", f"bars are missing: a distance of more than {GAP_FACTOR} usual ones", _gap),
    ("jump", "note", "the close nearly halved or doubled: a split that was not adjusted?", _jump),
)
