"""Strategies that answer instances (``strategy()``): an event study of what followed, and a portfolio that trades
them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from abaca_strategies.arrays import SECOND, Floats
from abaca_strategies.data import DataSet
from abaca_strategies.engine.broker import Broker
from abaca_strategies.engine.market import Market
from abaca_strategies.engine.rules import Rules
from abaca_strategies.engine.run import Run, simulate
from abaca_strategies.failures import StrategyError
from abaca_strategies.models import MAX_INSTANCES

HORIZONS = (1, 5, 20)


@dataclass(frozen=True)
class Instances:
    """What ``strategy()`` found, sorted by time, then in the order in which it answered them."""

    rows: tuple[dict[str, Any], ...]
    """At most ``MAX_INSTANCES``, each with ``ticker`` and ``timestamp`` in seconds since 1970."""
    total: int
    positive: int
    """Those with a score above zero, or with no score; whether money was earned is another question
    (``EventStudy``)."""
    warnings: tuple[str, ...] = ()

    @property
    def truncated(self) -> bool:
        return self.total > len(self.rows)

    @classmethod
    def of(cls, answer: object, since: int | None = None) -> Instances:
        """Those from ``since`` on, in seconds since 1970, or all. Raises ``StrategyError`` for what is no list of
        instances. One without a timestamp is refused, not dated now."""
        if not isinstance(answer, Sequence) or isinstance(answer, str | bytes):
            raise StrategyError(f"strategy() answered {type(answer).__name__}; it has to answer a list of instances")
        rows = [_checked(number, row) for number, row in enumerate(answer)]
        rows = rows if since is None else [row for row in rows if row["timestamp"] >= since]
        rows.sort(key=lambda row: int(row["timestamp"]))
        kept = tuple(rows[:MAX_INSTANCES])
        notes = (
            () if len(kept) == len(rows) else (f"{len(rows)} instances; the first {MAX_INSTANCES} by time are kept",)
        )
        return cls(kept, len(rows), sum(_score(row) > 0 for row in rows), notes)


@dataclass(frozen=True)
class Horizon:
    """What followed instances after so many bars. Returns are of the direction of the instance, before costs."""

    bars: int
    count: int
    """Instances that have that many bars after them."""
    hit_rate: float | None
    """The share whose return is above zero."""
    mean: float | None
    median: float | None
    best: float | None
    worst: float | None


@dataclass(frozen=True)
class EventStudy:
    horizons: tuple[Horizon, ...]
    returns: tuple[dict[int, float], ...]
    """For each instance, its return by horizon; empty where its ticker or its bar is not in the data."""
    skipped: int
    """Instances whose ticker has no bar at or before their time."""


def _checked(number: int, row: object) -> dict[str, Any]:
    if not isinstance(row, Mapping):
        raise StrategyError(
            f"instance {number} is {type(row).__name__}; each has to be a dict with ticker and timestamp"
        )
    ticker, stamp = row.get("ticker"), row.get("timestamp")
    if not isinstance(ticker, str) or not ticker:
        raise StrategyError(f"instance {number} has no ticker; give each one the ticker it is about")
    if (
        isinstance(stamp, bool)
        or not isinstance(stamp, int | float | np.integer | np.floating)
        or not math.isfinite(stamp)
    ):
        raise StrategyError(
            f"instance {number} ({ticker}) has no timestamp in seconds since 1970; it is not dated for you"
        )
    return {**{str(key): value for key, value in row.items()}, "ticker": ticker, "timestamp": int(stamp)}


def _score(row: Mapping[str, Any]) -> float:
    score = row.get("score", 1.0)
    return float(score) if isinstance(score, int | float | np.number) and not isinstance(score, bool) else 1.0


def _side(row: Mapping[str, Any]) -> float:
    return -1.0 if str(row.get("direction", "long")).lower() in ("short", "-1") else 1.0


def study(market: Market, instances: Instances, horizons: Iterable[int] = HORIZONS) -> EventStudy:
    """What followed. The entry is the next bar's open after the instance's bar (its next close, where only closes are
    known), the exit the close ``h`` bars into the position: h = 1 is the close of the entry's own bar, or, with closes
    only, the one after it."""
    asked = tuple(dict.fromkeys(horizons))
    if any(bars < 1 for bars in asked):
        raise StrategyError("a horizon counts bars from 1")
    found: list[dict[int, float]] = []
    skipped = 0
    numbers = {ticker: number for number, ticker in enumerate(market.tickers)}
    lines = [market.times[rows] for rows in market.rows]
    for row in instances.rows:
        found.append({})
        at = _row_at(row, numbers, lines)
        if at is None:
            skipped += 1
            continue
        ticker, entry = at[0], at[1] + 1
        rows = market.rows[ticker]
        for bars in asked:
            leave = entry + bars - (0 if market.close_only else 1)
            if leave < len(rows):
                paid, got = market.open[rows[entry], ticker], market.close[rows[leave], ticker]
                found[-1][bars] = _side(row) * (float(got / paid) - 1)
    return EventStudy(tuple(_horizon(bars, found) for bars in asked), tuple(found), skipped)


def _row_at(row: Mapping[str, Any], numbers: Mapping[str, int], lines: Sequence[Any]) -> tuple[int, int] | None:
    """The ticker's number and the last of its own bars that begins at or before the instance."""
    ticker = numbers.get(row["ticker"])
    if ticker is None:
        return None
    at = int(np.searchsorted(lines[ticker], row["timestamp"] * SECOND + SECOND - 1, "right")) - 1
    return (ticker, at) if at >= 0 else None


def _horizon(bars: int, found: Sequence[Mapping[int, float]]) -> Horizon:
    values: Floats = np.array([row[bars] for row in found if bars in row])
    if not len(values):
        return Horizon(bars, 0, None, None, None, None, None)
    return Horizon(
        bars,
        len(values),
        float(np.mean(values > 0)),
        float(np.mean(values)),
        float(np.median(values)),
        float(np.max(values)),
        float(np.min(values)),
    )


def run_instances(
    data: DataSet,
    instances: Instances,
    rules: Rules | None = None,
    *,
    hold: int = 5,
    slots: int = 10,
) -> Run:
    """A portfolio of at most ``slots`` positions of equal weight: each instance is bought (or sold short, with
    ``direction: "short"``) at the next open and closed ``hold`` bars of its ticker later.

    Where there are more instances than free slots, higher scores come first, then the order of the instances. One whose
    ticker is held already is passed over.
    """
    if hold < 1 or slots < 1:
        raise StrategyError("hold and slots count from 1")
    rules, market = rules or Rules(), Market.of(data)
    numbers = {ticker: number for number, ticker in enumerate(market.tickers)}
    lines = [market.times[rows] for rows in market.rows]
    at_bar: dict[int, list[tuple[float, int, int, float]]] = {}
    for order, row in enumerate(instances.rows):
        if (at := _row_at(row, numbers, lines)) is not None:
            bar = int(market.rows[at[0]][at[1]])
            at_bar.setdefault(bar, []).append((-_score(row), order, at[0], _side(row)))
    ends: dict[int, list[int]] = {}
    held: dict[int, int] = {}

    def decide(broker: Broker, bar: int) -> None:
        for ticker in ends.pop(bar, []):
            held.pop(ticker)
            broker.aim(ticker, 0.0, bar)
        for _, _, ticker, side in sorted(at_bar.get(bar, [])):
            if ticker in held or len(held) >= slots:
                continue
            rows = market.rows[ticker]
            end = int(np.searchsorted(rows, bar)) + hold
            held[ticker] = bar
            if end < len(rows):
                ends.setdefault(int(rows[end]), []).append(ticker)
            broker.aim(ticker, side / slots, bar)

    return simulate(market, rules, decide, None)
