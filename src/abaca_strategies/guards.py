"""Two checks of a strategy that cost little: does it use bars it has not seen, and does it trade before it knows
enough?"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from abaca_strategies.arrays import SECOND, nanoseconds
from abaca_strategies.data import DataSet
from abaca_strategies.engine import Instances, Run, signal_targets
from abaca_strategies.engine.targets import Params, Signals

CUTS = 8
TOLERANCE = 1e-9
"""Decisions that differ by less than this share are equal."""

Key = tuple[str, int, int]
"""Ticker, instant of the bar, and which of several decisions at that bar."""
Trace = Mapping[Key, float]
"""What a strategy decided, by when it decided it."""


@dataclass(frozen=True)
class Difference:
    """A decision that changed when later bars were taken away."""

    ticker: str
    time: int
    """Of the decision's bar."""
    cut: int
    """The instant of the last bar that was left."""
    whole: float | None
    """What was decided with all bars; None for nothing."""
    seen: float | None
    """What was decided without the later ones."""


@dataclass(frozen=True)
class LookAhead:
    differences: tuple[Difference, ...]
    cuts: int
    """How many shorter sets were tried."""
    decisions: int
    """How many decisions the whole data brought."""

    @property
    def ok(self) -> bool:
        return not self.differences


@dataclass(frozen=True)
class WarmUp:
    needed: int | None
    """Bars after which an earlier beginning of the data changes nothing; None where the beginning always matters."""
    early: int
    """Bars with a position among the first ``needed`` ones (of all bars, where ``needed`` is None)."""

    @property
    def ok(self) -> bool:
        return self.needed is not None and not self.early


def signals_trace(signals: Signals, params: Params | None = None) -> Callable[[DataSet], Trace]:
    """The decisions of ``signals(df, params)``: its target at each bar."""

    def trace(data: DataSet) -> Trace:
        found: dict[Key, float] = {}
        for ticker, frame in data.bars.items():
            if len(frame):
                targets = signal_targets(signals, frame, params or {}, ticker).tolist()
                times = nanoseconds(frame.index).tolist()
                found |= {(ticker, at, 0): target for at, target in zip(times, targets, strict=True)}
        return found

    return trace


def orders_trace(run: Callable[[DataSet], Run]) -> Callable[[DataSet], Trace]:
    """The decisions of whatever gives orders: their quantities, by the bar that they were given at."""

    def trace(data: DataSet) -> Trace:
        done = run(data)
        found: dict[Key, float] = {}
        for order in done.orders:
            ticker, at, number = done.market.tickers[order.ticker], int(done.times[order.bar]), 0
            while (ticker, at, number) in found:
                number += 1
            found[ticker, at, number] = order.quantity
        return found

    return trace


def instances_trace(strategy: Callable[[DataSet], object]) -> Callable[[DataSet], Trace]:
    """The decisions of a ``strategy()``: its instances, with their scores (1 without one)."""

    def trace(data: DataSet) -> Trace:
        found: dict[Key, float] = {}
        for row in Instances.of(strategy(data)).rows:
            score = row.get("score", 1.0)
            value = float(score) if isinstance(score, int | float) else 1.0
            key, number = (row["ticker"], row["timestamp"] * SECOND), 0
            while (*key, number) in found:
                number += 1
            found[(*key, number)] = value
        return found

    return trace


def look_ahead(trace: Callable[[DataSet], Trace], data: DataSet, *, cuts: int = CUTS) -> LookAhead:
    """Runs the strategy again on data cut off right after some of its decisions, and compares what it decided up to
    there.

    A strategy that looks only back decides the same. Half of the cuts follow bars where a decision changed, since
    there a look at the next bar shows; the rest are spread over the data.
    """
    whole = trace(data)
    places = _cuts(whole, data, cuts)
    found: list[Difference] = []
    for cut in places:
        seen = trace(data.between(None, pd.Timestamp(cut, tz="UTC")))
        keys = {key for key in (*whole, *seen) if key[1] <= cut}
        found += [
            Difference(key[0], key[1], cut, whole.get(key), seen.get(key))
            for key in sorted(keys)
            if not _equal(whole.get(key), seen.get(key))
        ]
    return LookAhead(tuple(found), len(places), len(whole))


def _cuts(whole: Trace, data: DataSet, count: int) -> list[int]:
    times = np.unique(np.concatenate([nanoseconds(frame.index) for frame in data.bars.values()]))
    before: dict[str, float] = {}
    turns = set()
    for ticker, at, number in sorted(whole, key=lambda key: key[1:]):
        value = whole[ticker, at, number]
        if value != before.get(ticker, 0.0) and not math.isnan(value):
            turns.add(int(times[max(int(np.searchsorted(times, at, "right")) - 1, 0)]))
        before[ticker] = value
    chosen = set(_spread(sorted(turns), count - count // 2))
    return sorted(chosen | set(_spread(times[len(times) // 4 : -1].tolist(), count // 2)))


def _spread(values: list[int], count: int) -> list[int]:
    if len(values) <= count:
        return values
    return [values[int(at)] for at in np.linspace(0, len(values) - 1, count)]


def _equal(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return (math.isnan(one) and math.isnan(other)) or math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=1e-12)


def warm_up(signals: Signals, data: DataSet, params: Params | None = None, *, starts: int = 3) -> WarmUp:
    """Runs ``signals`` on data that begin later, and counts the bars until it decides as it does with all of them.

    Recursive indicators forget their beginning slowly; a sum over everything never does.
    """
    needed, is_bounded, early = 0, True, 0
    targets = {
        ticker: signal_targets(signals, frame, params or {}, ticker)
        for ticker, frame in data.bars.items()
        if len(frame)
    }
    for ticker, whole in targets.items():
        frame = data.bars[ticker]
        for number in range(1, starts + 1):
            first = len(frame) * number // (2 * (starts + 1))  # in the first half, so that there are bars to agree on
            later = signal_targets(signals, frame.iloc[first:], params or {}, ticker)
            same = [_equal(a, b) for a, b in zip(whole[first:].tolist(), later.tolist(), strict=True)]
            last = len(same) - 1 - same[::-1].index(False) if False in same else -1
            if last >= len(same) * 9 // 10:
                is_bounded = False
            needed = max(needed, last + 1)
    for whole in targets.values():
        first_bars: Any = whole[:needed] if is_bounded else whole
        early += int(np.count_nonzero(np.nan_to_num(first_bars)))
    return WarmUp(needed if is_bounded else None, early)
