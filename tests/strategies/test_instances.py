"""Strategies that answer instances: what they may say, what followed, and the portfolio that trades them."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from abaca_strategies.data import DataSet, synthetic
from abaca_strategies.engine import Instances, Market, Rules, run_instances, study
from abaca_strategies.failures import StrategyError
from tests.strategies.bars import frame, market


def at(day: int) -> int:
    return int(datetime(2024, 1, day, tzinfo=UTC).timestamp())


BARS = [(10.0, 12.0, 9.0, 11.0), (12.0, 13.0, 11.0, 12.0), (15.0, 16.0, 14.0, 15.0), (18.0, 19.0, 17.0, 18.0)]


def test_what_followed_is_counted_from_the_next_open() -> None:
    # Given an instance on the first day, a short one on the second, one too late, and one of no ticker in the data
    found = Instances.of(
        [
            {"ticker": "A", "timestamp": at(1)},
            {"ticker": "A", "timestamp": at(2), "direction": "short"},
            {"ticker": "A", "timestamp": at(4)},
            {"ticker": "Z", "timestamp": at(1)},
        ]
    )
    result = study(Market.of(market(*BARS)), found, (1, 2))
    # Then the first was bought at 12 and was worth 12 and 15 at the closes after; the second lost from 15 on
    assert result.skipped == 1
    assert result.returns == ({1: 0.0, 2: pytest.approx(0.25)}, {}, {1: 0.0, 2: pytest.approx(-0.2)}, {})
    one, two = result.horizons
    assert (one.count, one.hit_rate) == (2, 0.0)
    assert (two.count, two.hit_rate) == (2, 0.5)
    assert [two.best, two.worst] == pytest.approx([0.25, -0.2])


def test_closes_alone_are_bought_at_the_next_close() -> None:
    data = DataSet("closes", {"A": frame([(c, c, c, c) for c in (10.0, 12.0, 15.0)])}, close_only=True)
    result = study(Market.of(data), Instances.of([{"ticker": "A", "timestamp": at(1)}]), (1,))
    assert result.horizons[0].mean == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (None, "answered NoneType"),
        ([3], "instance 0 is int"),
        ([{"timestamp": 5}], "has no ticker"),
        ([{"ticker": "A"}], "not dated for you"),
        ([{"ticker": "A", "timestamp": "now"}], "not dated for you"),
    ],
)
def test_what_is_no_instance_is_refused(answer: object, why: str) -> None:
    with pytest.raises(StrategyError, match=why):
        Instances.of(answer)


def test_more_instances_than_are_kept_are_counted() -> None:
    found = Instances.of([{"ticker": "A", "timestamp": n, "score": n % 2} for n in range(15_010)])
    assert (len(found.rows), found.total, found.positive, found.truncated) == (15_000, 15_010, 7_505, True)
    assert "the first 15000 by time are kept" in found.warnings[0]


def test_numbers_of_numpy_are_timestamps_too() -> None:
    assert Instances.of([{"ticker": "A", "timestamp": np.int64(5)}]).rows[0]["timestamp"] == 5


def test_the_portfolio_holds_each_instance_for_its_bars() -> None:
    found = Instances.of([{"ticker": "A", "timestamp": at(1)}])
    run = run_instances(market(*BARS), found, Rules(cash=1200), hold=2, slots=1)
    assert [(fill.bar, fill.price) for fill in run.fills] == [(1, 12.0), (3, 18.0)]
    assert run.equity[-1] == pytest.approx(1200 + 1200 / 12 * 0 + (1200 / 11 * 11 / 12) * 6)


def test_free_slots_go_to_the_highest_scores() -> None:
    data = synthetic(tickers=5, bars=40)
    stamp = int(data.frame("SYN01").index[5].timestamp())
    scores = {"SYN01": 0.2, "SYN02": 0.9, "SYN03": 0.5, "SYN04": 0.9, "SYN05": 0.1}
    found = Instances.of([{"ticker": t, "timestamp": stamp, "score": s} for t, s in scores.items()])
    run = run_instances(data, found, hold=3, slots=3)
    entered = {run.market.tickers[fill.ticker] for fill in run.fills if fill.quantity > 0}
    assert entered == {"SYN02", "SYN04", "SYN03"}
    assert not run.units[-1].any()
