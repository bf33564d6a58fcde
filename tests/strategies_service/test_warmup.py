"""Bars before a test part, which a strategy may look back on and on which it decides nothing."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest

from abaca_strategies.data import DataSet
from abaca_strategies.engine import Instances, Market, Rules, Run, Strategy, run_targets
from abaca_strategies.failures import RulesError
from abaca_strategies.metrics import measure
from abaca_strategies.running.inside.authored import ENTRIES, Authored
from abaca_strategies.running.inside.doing import Quiet, of_point
from abaca_strategies.running.inside.telling import Teller
from abaca_strategies.running.inside.trading import Access, Trader
from abaca_strategies.running.work import Point
from tests.strategies_service.authors import CROSS, FORMS
from tests.strategies_service.independent import small, targets_of

BARS, TEST = 300, 60
POINT = Point(number=0, bars=(BARS - TEST, BARS), warmup=BARS - TEST)
LONG = {"fast": 20, "slow": 50}


def authored(code: str, form: Any, access: Access) -> Authored:
    module = ModuleType("authored")
    vars(module).update(access.names(), Strategy=Strategy)
    exec(code, vars(module))  # noqa: S102 - the tests' own text
    entries = [name for name, known in ENTRIES.items() if known == form]
    return Authored(module, form, vars(module)[entries[0] if entries else "Breakout"])


def run_of(
    code: str, form: str, data: DataSet, point: Point, params: dict[str, Any] | None = None, rules: Rules | None = None
) -> Run:
    access = Access()
    made = authored(code, form, access)
    trader = Trader(made, access, of_point(data, point), Quiet(Teller(-1)), point.warmup)
    return trader.run(made.params(params or {}), rules or Rules(), hold=5, slots=10)[0]


def test_a_long_window_decides_from_the_first_test_bar_on_as_over_all_bars() -> None:
    # Given a cross with a window of 50 bars, and a test part of 60
    data = small(2, BARS)
    # When it is run there, with and without the bars before
    run = run_of(CROSS, "signals", data, POINT, LONG)
    cold = run_of(CROSS, "signals", data, Point(number=0, bars=POINT.bars), LONG)
    # Then all that it did is what the signals over all bars say of the test bars alone
    targets = np.column_stack([targets_of(CROSS, data, ticker, LONG) for ticker in data.tickers])
    part = of_point(data, Point(number=0, bars=POINT.bars))
    alone = run_targets(Market.of(part), targets[-TEST:] / 2, Rules())
    assert run.orders == alone.orders
    assert run.fills == alone.fills
    assert run.trades == alone.trades
    assert len(alone.orders) > 2
    assert min(order.bar for order in alone.orders) == 0
    assert min(order.bar for order in cold.orders) >= LONG["slow"] - 1
    # And the figures know of the test bars only
    assert measure(run).figures.values == measure(alone).figures.values
    assert (len(run.times), run.equity[0], run.rules.warmup) == (TEST, run.rules.cash, 0)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_trades_behind_its_warm_up_alone(form: str) -> None:
    # Given a strategy of each form, When it is run over the test part, and over all bars with a warm-up of its own
    data = small(2, BARS)
    run = run_of(FORMS[form], form, data, POINT)
    whole = run_of(FORMS[form], form, data, Point(number=0), rules=Rules(warmup=BARS - TEST))
    # Then both do the same
    assert list(run.equity) == list(whole.equity[-TEST:])
    assert [(fill.bar + BARS - TEST, fill.price) for fill in run.fills] == [(f.bar, f.price) for f in whole.fills]
    assert run.trades
    assert list(run.times) == list(whole.times[-TEST:])


def test_a_warm_up_that_is_asked_for_is_not_waited_for_twice() -> None:
    # Given rules with a warm-up of 250 bars, of which 240 come before the test part
    run = run_of(CROSS, "signals", small(2, BARS), POINT, rules=Rules(warmup=250))
    # Then ten are left of it
    assert run.rules.warmup == 10
    assert min(order.bar for order in run.orders) >= 10
    with pytest.raises(RulesError, match="warm-up"):
        run.begun_at(11)


def test_instances_of_the_warm_up_do_not_count() -> None:
    # Given instances of which one lies before the test part, When they are read, Then it is left out
    rows = [{"ticker": "A", "timestamp": stamp} for stamp in (5, 9, 10)]
    assert [row["timestamp"] for row in Instances.of(rows, since=9).rows] == [9, 10]
    assert Instances.of(rows).total == 3
