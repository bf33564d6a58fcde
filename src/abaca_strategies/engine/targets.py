"""Strategies that answer target positions: ``signals(df, params)`` per ticker, ``weights(closes, params)`` for all at
once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from abaca_strategies.arrays import Floats
from abaca_strategies.data import DataSet
from abaca_strategies.engine.broker import Broker
from abaca_strategies.engine.market import Market
from abaca_strategies.engine.rules import Rules
from abaca_strategies.engine.run import Run, simulate
from abaca_strategies.failures import StrategyError

Params = Mapping[str, Any]
Signals = Callable[[pd.DataFrame, Params], "pd.Series[Any] | np.ndarray[Any, Any]"]
Weights = Callable[[pd.DataFrame, Params], pd.DataFrame]
LARGEST = 100.0
"""The largest target. What lies above is taken for a mistake, such as a price in place of a position."""


def run_signals(data: DataSet, signals: Signals, params: Params | None = None, rules: Rules | None = None) -> Run:
    """Back-tests ``signals`` on each ticker, each with an equal share of the account.

    ``signals`` gets one ticker's bars and answers the position to hold *after* each bar's close: 1 is a full share
    long, -1 short, 0 flat, NaN leaves things as they are. It is called once with all bars; ``guards.look_ahead`` finds
    out whether it used later ones.
    """
    market = Market.of(data)
    targets = np.full((len(market), len(market.tickers)), np.nan)
    for number, ticker in enumerate(market.tickers):
        if len(market.rows[number]):
            targets[market.rows[number], number] = signal_targets(signals, data.bars[ticker], params or {}, ticker)
    return run_targets(market, targets / len(market.tickers), rules)


def run_weights(data: DataSet, weights: Weights, params: Params | None = None, rules: Rules | None = None) -> Run:
    """Back-tests ``weights``, which gets the closes of all tickers (a column each, the last known carried over gaps)
    and answers the share of the account to hold in each after each bar; NaN leaves things as they are."""
    market = Market.of(data)
    index = pd.DatetimeIndex(market.times.astype("datetime64[ns]"), name="time").tz_localize("UTC")
    closes = pd.DataFrame(market.mark.copy(), index=index, columns=pd.Index(market.tickers))
    answer = weights(closes, params or {})
    if not isinstance(answer, pd.DataFrame):
        raise StrategyError(
            f"weights() answered {type(answer).__name__}; it has to answer a frame like the one it gets"
        )
    return run_targets(market, answer.reindex(index=index, columns=closes.columns).to_numpy(dtype=np.float64), rules)


def run_targets(market: Market, targets: Floats, rules: Rules | None = None) -> Run:
    """Back-tests an array of targets, bars by tickers. An order is given where a target differs from the one before
    it, so that a position which drifts with the price is not traded back every bar."""
    rules = rules or Rules()
    if targets.shape != market.close.shape:
        raise StrategyError(f"targets have the shape {targets.shape}; the market has {market.close.shape}")
    if np.isinf(targets).any() or float(np.nanmax(np.abs(targets), initial=0.0)) > LARGEST:
        raise StrategyError(f"a target lies beyond {LARGEST:g}: answer a share of the position, such as -1 to 1")
    known = np.where(np.isnan(market.mark), np.nan, targets)
    changed = _changes(known, rules.warmup)
    by_bar: dict[int, list[int]] = {}
    for bar, ticker in np.argwhere(changed).tolist():
        by_bar.setdefault(bar, []).append(ticker)

    def decide(broker: Broker, bar: int) -> None:
        for ticker in by_bar[bar]:
            broker.aim(ticker, float(known[bar, ticker]), bar)

    return simulate(market, rules, decide, sorted(by_bar))


def signal_targets(signals: Signals, frame: pd.DataFrame, params: Params, ticker: str = "") -> Floats:
    """What ``signals`` answers for one ticker, as floats; a shorter series is laid over the bars by its index."""
    answer = signals(frame.copy(), params)
    if isinstance(answer, pd.Series) and not answer.index.equals(frame.index):
        answer = answer.reindex(frame.index)
    try:
        values = np.asarray(answer, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise StrategyError(f"{ticker}: signals() answered something that is no series of numbers: {error}") from error
    if values.shape != (len(frame),):
        raise StrategyError(f"{ticker}: signals() answered {values.shape} values; there are {len(frame)} bars")
    return values


def _changes(targets: Floats, warmup: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Where a target differs from the last one before it that was not NaN; the first is compared with flat."""
    seen = targets.copy()
    seen[:warmup] = np.nan
    filled = np.vstack([np.zeros((1, seen.shape[1])), seen])
    known = np.where(np.isnan(filled), 0, np.arange(len(filled))[:, None])
    before = np.take_along_axis(filled, np.maximum.accumulate(known, axis=0), axis=0)[:-1]
    return np.asarray(~np.isnan(seen) & (seen != before), dtype=np.bool_)
