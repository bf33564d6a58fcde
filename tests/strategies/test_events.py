"""Event strategies: what they see, and what they may ask for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from abaca_strategies.data import DataSet, synthetic
from abaca_strategies.engine import Rules, Strategy, run_events
from abaca_strategies.failures import StrategyError
from tests.strategies.bars import act, closes, flat, frame, market


def test_a_plain_class_with_the_two_methods_is_a_strategy() -> None:
    class Plain:
        buy: Any

        def init(self) -> None:
            self.done = False

        def next(self) -> None:
            if not self.done:
                self.buy(1)
            self.done = True

    assert len(run_events(closes([1, 2, 3]), Plain).fills) == 1


def test_each_ticker_shows_its_own_bars_up_to_now_and_none_after() -> None:
    # Given a ticker that has no bar on the second day
    data = DataSet("x", {"A": frame(flat(1, 2, 3)), "B": frame(flat(10, 20, 30)).iloc[[0, 2]]})
    seen: list[Any] = []

    class Looks(Strategy):
        def init(self) -> None:
            self.twice = self.indicator(lambda bars: bars["close"] * 2, "B")
            seen.append((len(self.data["A"]), len(self.twice)))

        def next(self) -> None:
            b = self.data["B"]
            seen.append((list(self.data.close), list(b.close), self.twice[-1], len(b.frame), list(b.close[:1])))
            with pytest.raises(IndexError, match="have been seen"):
                b.close[len(b)]
            with pytest.raises(ValueError, match="read-only"):
                b.close.values[0] = 5

    # When it looks at every bar
    run_events(data, Looks)
    # Then it saw nothing in init, and then what had happened
    assert seen == [
        (0, 0),
        ([1.0], [10.0], 20.0, 1, [10.0]),
        ([1.0, 2.0], [10.0], 20.0, 1, [10.0]),
        ([1.0, 2.0, 3.0], [10.0, 30.0], 60.0, 2, [10.0]),
    ]


def test_lines_are_arrays_where_one_is_wanted() -> None:
    means: list[float] = []
    act(closes([1, 2, 3]), {2: lambda s: means.append(float(np.mean(s.data.close)))})
    assert means == [2.0]


def test_an_order_can_be_taken_back() -> None:
    kept: dict[str, Any] = {}
    steps = {0: lambda s: kept.update(order=s.buy(1, limit=90)), 1: lambda s: s.cancel(kept["order"])}
    assert act(market(*flat(100, 100), (100, 100, 80, 85)), steps).fills == ()


def test_the_first_bars_can_be_left_out() -> None:
    bars: list[int] = []

    class Counts(Strategy):
        def next(self) -> None:
            bars.append(len(self.data.close))

    run_events(closes([1, 2, 3, 4]), Counts, None, Rules(warmup=2))
    assert bars == [3, 4]


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (lambda s: s.buy(1, price=3), "has no 'price'"),
        (lambda s: s.buy(-1), "below zero; call sell instead"),
        (lambda s: s.position("Z"), "no ticker 'Z'"),
        (lambda s: s.indicator(lambda bars: [1.0, 2.0]), "2,.* values for 30 bars"),
    ],
)
def test_requests_that_make_no_sense_are_refused(wrong: Any, why: str) -> None:
    with pytest.raises(StrategyError, match=why):
        act(synthetic(tickers=1, bars=30), {3: wrong})


@pytest.mark.parametrize("early", [lambda s: s.buy(1), lambda s: s.target(1)])
def test_orders_are_not_given_before_the_first_bar(early: Any) -> None:
    class Early(Strategy):
        def init(self) -> None:
            early(self)

    with pytest.raises(StrategyError, match="not in init"):
        run_events(closes([1, 2]), Early)
