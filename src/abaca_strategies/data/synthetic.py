"""Made-up prices from a seed, so that everything works with no network. The same arguments give the same bytes."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from abaca_strategies.arrays import DAY, SECOND, Floats, Ints
from abaca_strategies.data.dataset import DataSet
from abaca_strategies.data.resampling import resample
from abaca_strategies.data.timeframes import Timeframe
from abaca_strategies.failures import DataError

Kind = Literal["gbm", "reverting", "jumps"]
KINDS: tuple[Kind, ...] = ("gbm", "reverting", "jumps")
DAYS = 252
STEPS = 8
"""Steps of the price within a bar; the first is the move from the last close to the open."""
SESSION = (14 * 3600 + 1800, 21 * 3600)
"""When intraday bars are traded, in seconds of the UTC day."""


def synthetic(
    kind: Kind = "gbm",
    *,
    seed: int = 1,
    tickers: int = 4,
    bars: int = 2000,
    timeframe: str = "1d",
    start: str = "2015-01-05",
    drift: float = 0.07,
    volatility: float = 0.25,
    shared: float = 0.4,
    pull: float = 8.0,
    jumps: float = 6.0,
) -> DataSet:
    """Bars of a random walk: geometric Brownian (``gbm``), mean reverting (``reverting``), or with ``jumps``.

    ``drift`` and ``volatility`` are of the logarithm of the price and per year, ``shared`` is the correlation between
    tickers, ``pull`` how fast a mean-reverting price comes back (per year), ``jumps`` how many opening gaps a year
    has. Prices are rounded to four decimals, and the generator is numpy's frozen one, so that the content hash is the
    same on every machine.
    """
    if kind not in KINDS:
        raise DataError(f"{kind!r} is no kind of synthetic data; there are {', '.join(KINDS)}")
    if not 1 <= tickers <= 1000 or not 2 <= bars <= 2_000_000 or not 0 <= shared <= 1:
        raise DataError("synthetic data: 1 to 1000 tickers of 2 to 2,000,000 bars, with 0 <= shared <= 1")
    frame = Timeframe.parse(timeframe)
    if frame.unit in ("w", "m", "q", "y") or (frame.unit == "d" and frame.count > 1):
        days = -(-bars * frame.nanoseconds // DAY) * 5 // 7 + 40
        daily = synthetic(
            kind, seed=seed, tickers=tickers, bars=int(days), start=start, drift=drift, volatility=volatility,
            shared=shared, pull=pull, jumps=jumps,
        )  # fmt: skip
        longer = resample(daily, timeframe)
        cut = {ticker: part.iloc[:bars] for ticker, part in longer.bars.items()}
        return DataSet(f"synthetic-{kind}", cut, origin=longer.origin)
    times, per_year = _times(start, bars, frame)
    random = np.random.RandomState(seed)
    common = random.standard_normal((bars, STEPS))
    index = pd.DatetimeIndex(times.astype("datetime64[ns]"), name="time").tz_localize("UTC")
    made = {}
    for number in range(tickers):
        noise = np.sqrt(shared) * common + np.sqrt(1 - shared) * random.standard_normal((bars, STEPS))
        moves = noise * volatility / np.sqrt(per_year * STEPS) + drift / (per_year * STEPS)
        if kind == "jumps":
            gaps = random.random_sample(bars) < jumps / per_year
            moves[:, 0] += gaps * random.normal(0.0, 0.05, bars)
        first = np.log(20.0 + 180.0 * random.random_sample())
        path = _reverting(moves, first, pull / per_year) if kind == "reverting" else first + np.cumsum(moves)
        made[f"SYN{number + 1:02d}"] = _frame(np.exp(path).reshape(bars, STEPS), random, index)
    origin = f"synthetic {kind}, seed {seed}: made up by this program, no market"
    return DataSet(f"synthetic-{kind}", made, origin=origin)


def _reverting(moves: Floats, first: float, pull: float) -> Floats:
    """Logarithms of prices that are drawn back to ``first`` by the share ``pull`` of their distance in each bar."""
    keep = 1.0 - min(pull, 1.0)
    level, levels = 0.0, np.empty(len(moves))
    for bar, move in enumerate(moves.sum(axis=1).tolist()):
        levels[bar] = level
        level = level * keep + move
    return (first + levels[:, None] + np.cumsum(moves, axis=1)).ravel()


def _frame(paths: Floats, random: np.random.RandomState, index: pd.DatetimeIndex) -> pd.DataFrame:
    paths = np.maximum(np.round(paths, 4), 0.0001)
    high, low = paths.max(axis=1), paths.min(axis=1)
    volume = np.round(1e6 * np.exp(0.3 * random.standard_normal(len(paths))) * (1 + 20 * (high / low - 1)))
    return pd.DataFrame(
        {"open": paths[:, 0], "high": high, "low": low, "close": paths[:, -1], "volume": volume}, index=index
    )


def _times(start: str, bars: int, frame: Timeframe) -> tuple[Ints, float]:
    """The instants of the bars, Monday to Friday, and how many bars a year has."""
    day = np.datetime64(start, "D")
    if frame.unit == "d":
        days = np.busday_offset(day, np.arange(bars), roll="forward")
        return days.astype("datetime64[ns]").astype(np.int64), float(DAYS)
    step = frame.nanoseconds // SECOND
    per_day = max((SESSION[1] - SESSION[0]) // step, 1)
    count = -(-bars // per_day)
    days = np.busday_offset(day, np.arange(count), roll="forward")
    starts = days.astype("datetime64[ns]").astype(np.int64)
    inside = (SESSION[0] + step * np.arange(per_day)) * SECOND
    return (starts[:, None] + inside[None, :]).ravel()[:bars], float(DAYS * per_day)
