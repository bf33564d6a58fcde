"""Nothing that is still to come changes what has been done: the engine trades on bars that it has seen."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from abaca_strategies.data import DataSet
from abaca_strategies.engine import Costs, Rules, Run, Sizing, Strategy, run_events, run_targets
from abaca_strategies.engine.market import Market
from tests.strategies.bars import Row, frame

PRICE = st.integers(min_value=50, max_value=150).map(float)
BAR = st.tuples(PRICE, PRICE, PRICE, PRICE).map(lambda p: (p[0], max(p), min(p), p[3]))
LINES = st.lists(BAR, min_size=6, max_size=24)
RULES = st.builds(
    Rules,
    cash=st.just(1000.0),
    costs=st.builds(Costs, fee_bps=st.sampled_from([0, 10]), slippage_bps=st.sampled_from([0, 25])),
    sizing=st.sampled_from([Sizing(), Sizing("fixed", 3)]),
    fill=st.sampled_from(["open", "close"]),
    margin=st.sampled_from([1.0, 0.4]),
    lot=st.sampled_from([0.0, 1.0]),
    short_of_cash=st.sampled_from(["clip", "reject"]),
    stop_loss=st.sampled_from([None, 0.05]),
    take_profit=st.sampled_from([None, 0.08]),
)


class Restless(Strategy):
    """Orders of every kind, chosen by the prices it has seen and by nothing else."""

    def next(self) -> None:
        seen = self.data.close
        choice = random.Random(f"{seen[-1]} {len(seen)} {self.params['seed']}")
        for ticker in self.data:
            bars = self.data[ticker]
            price = bars.close[-1]
            match choice.randrange(8):
                case 0:
                    self.target(choice.uniform(-1, 1), ticker)
                case 1:
                    self.buy(choice.randrange(1, 9), ticker, limit=price * choice.uniform(0.9, 1.05))
                case 2:
                    self.sell(choice.randrange(1, 9), ticker, stop=price * choice.uniform(0.9, 1.05))
                case 3:
                    self.buy(2, ticker, stop_loss=price * 0.95, take_profit=price * 1.1)
                case 4:
                    self.close(ticker)
                case 5:
                    self.buy(2, ticker, stop=price * 1.02, limit=price * 1.04)


def done_before(run: Run, bar: int) -> tuple[Any, ...]:
    return (
        [fill for fill in run.fills if fill.bar < bar],
        [order for order in run.orders if order.bar < bar],
        [trade for trade in run.closed if trade.exit_bar < bar],
        run.equity[:bar].tolist(),
        run.cash[:bar].tolist(),
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(first=LINES, second=LINES, rules=RULES, seed=st.integers(0, 99), data=st.data())
def test_another_future_changes_nothing_that_was_done_before(
    first: list[Row], second: list[Row], rules: Rules, seed: int, data: st.DataObject
) -> None:
    # Given two tickers, and the same with their future cut off, or another future in its place
    count = min(len(first), len(second))
    bar = data.draw(st.integers(1, count - 1))
    other = data.draw(st.lists(BAR, min_size=0, max_size=6))
    whole = DataSet("whole", {"A": frame(first[:count]), "B": frame(second[:count])})
    changed = DataSet("changed", {"A": frame(first[:bar] + other), "B": frame(second[:bar] + other[::-1])})
    # When a strategy that depends on what it has seen runs over both
    runs = [run_events(each, Restless, {"seed": seed}, rules) for each in (whole, changed)]
    # Then all that was done before is the same
    assert done_before(runs[0], bar) == done_before(runs[1], bar)


@pytest.mark.parametrize("sizing", [Sizing(), Sizing("fixed", 3)], ids=lambda s: s.kind)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(lines=LINES, rules=RULES, seed=st.integers(0, 99), data=st.data())
def test_a_decision_at_the_last_bar_that_is_known_is_the_same_whatever_follows(
    sizing: Sizing, lines: list[Row], rules: Rules, seed: int, data: st.DataObject
) -> None:
    # Given targets that turn at the last bar before the cut
    rules, bar = replace(rules, sizing=sizing), data.draw(st.integers(5, len(lines) - 1))
    targets = np.random.RandomState(seed).choice([-1.0, 0.0, 0.5, 1.0, np.nan], size=(len(lines), 1))
    targets[bar - 2 : bar, 0] = [-0.5, 0.5]
    # When they are traded over the whole and over what lies before the cut
    whole = run_targets(Market.of(DataSet("whole", {"A": frame(lines)})), targets, rules)
    cut = run_targets(Market.of(DataSet("cut", {"A": frame(lines[:bar])})), targets[:bar], rules)
    # Then all orders, fills and values before it are the same
    assert done_before(whole, bar) == done_before(cut, bar)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(first=LINES, second=LINES, rules=RULES, seed=st.integers(0, 99))
def test_money_is_neither_made_nor_lost_by_the_books(
    first: list[Row], second: list[Row], rules: Rules, seed: int
) -> None:
    # Given any run
    count = min(len(first), len(second))
    both = DataSet("both", {"A": frame(first[:count]), "B": frame(second[:count])})
    run = run_events(both, Restless, {"seed": seed}, rules)
    # Then the trades' profits, fees included, are the change of equity, and the fills the change of units
    assert np.isclose(sum(trade.pnl for trade in run.trades), run.equity[-1] - rules.cash, rtol=0, atol=1e-6)
    for ticker in range(2):
        moved = sum(fill.quantity for fill in run.fills if fill.ticker == ticker)
        assert np.isclose(moved, run.units[-1, ticker], rtol=0, atol=1e-6)
    # And limit orders never filled at a worse price than theirs, nor anything within its bar outside of it
    for fill in run.fills:
        low, high = run.market.low[fill.bar, fill.ticker], run.market.high[fill.bar, fill.ticker]
        slip = rules.costs.slippage_bps / 1e4 + 1e-9
        assert low * (1 - slip) <= fill.price <= high * (1 + slip)
