"""Strategies that look ahead, or trade before they know enough, are found out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest

from abaca_strategies.data import BarSource, DataSet, synthetic
from abaca_strategies.engine import Strategy, run_events
from abaca_strategies.guards import instances_trace, look_ahead, orders_trace, signals_trace, warm_up

Signals = Callable[[pd.DataFrame, Mapping[str, Any]], Any]
DATA = synthetic(tickers=2, bars=400)

HONEST: dict[str, Signals] = {
    "cross": lambda df, p: np.sign(df["close"].rolling(5).mean() - df["close"].rolling(20).mean()),
    "exponential": lambda df, p: np.sign(df["close"].ewm(span=10).mean() - df["close"].ewm(span=30).mean()),
    "breakout": lambda df, p: (df["close"] > df["high"].shift(1).rolling(20).max()).astype(float),
}
CHEATING: dict[str, Signals] = {
    "tomorrow": lambda df, p: np.sign(df["close"].shift(-1) - df["close"]),
    "centred": lambda df, p: np.sign(df["close"] - df["close"].rolling(11, center=True).mean()),
    "whole mean": lambda df, p: np.sign(df["close"] - df["close"].mean()),
    "backfill": lambda df, p: np.sign(df["close"] - df["close"].rolling(50).mean().bfill()),
}


@pytest.mark.parametrize("name", HONEST)
def test_strategies_that_look_back_pass(name: str) -> None:
    found = look_ahead(signals_trace(HONEST[name]), DATA)
    assert found.ok
    assert found.cuts >= 6


@pytest.mark.parametrize("name", list(CHEATING)[:3])
def test_strategies_that_look_ahead_are_found_with_the_bars_that_differ(name: str) -> None:
    found = look_ahead(signals_trace(CHEATING[name]), DATA)
    assert not found.ok
    first = found.differences[0]
    assert first.time <= first.cut
    assert first.whole != first.seen


def test_an_indicator_filled_from_behind_is_found_when_a_cut_is_early_enough() -> None:
    early = DATA.between(None, str(DATA.frame("SYN01").index[60].date()))
    assert not look_ahead(signals_trace(CHEATING["backfill"]), early, cuts=40).ok


class Peeks(Strategy):
    """An indicator that knows tomorrow's close."""

    shift = -1

    def init(self) -> None:
        self.move = self.indicator(lambda bars: bars["close"].diff().shift(self.shift))

    def next(self) -> None:
        if not np.isnan(self.move[-1]):
            self.target(float(np.sign(self.move[-1])))


class Follows(Peeks):
    shift = 0


def test_event_strategies_are_judged_by_their_orders() -> None:
    assert look_ahead(orders_trace(lambda data: run_events(data, Follows)), DATA).ok
    assert not look_ahead(orders_trace(lambda data: run_events(data, Peeks)), DATA).ok


def gaps(data: DataSet, shift: int) -> list[dict[str, Any]]:
    bars = BarSource(data).get_bar_data("1d", columns=["open", "close"])
    ratio = bars["close"].groupby(bars["ticker"]).transform(lambda line: line.shift(shift) / line)
    return bars[abs(ratio - 1) > 0.02][["ticker", "timestamp"]].to_dict("records")  # type: ignore[return-value]


def test_instances_are_judged_by_when_they_say_they_were() -> None:
    assert look_ahead(instances_trace(lambda data: gaps(data, 1)), DATA).ok
    assert not look_ahead(instances_trace(lambda data: gaps(data, -1)), DATA).ok


def test_the_warm_up_of_a_window_is_its_length() -> None:
    found = warm_up(HONEST["cross"], DATA)
    assert (found.needed, found.early, found.ok) == (19, 0, True)


def test_positions_taken_before_the_window_is_full_are_counted() -> None:
    found = warm_up(lambda df, p: np.sign(df["close"] - df["close"].rolling(30, min_periods=1).mean()), DATA)
    assert found.needed is not None
    assert not found.ok
    assert 0 < found.early <= 2 * found.needed


def test_what_depends_on_the_beginning_for_ever_needs_no_end_of_bars() -> None:
    found = warm_up(lambda df, p: (np.arange(len(df)) % 7 == 0).astype(float), DATA)
    assert found.needed is None
    assert not found.ok
