"""Every way an order can fill, worked out by hand."""

from __future__ import annotations

import pytest

from abaca_strategies.data import DataSet
from abaca_strategies.engine import Costs, Fill, Rules, Run, Sizing, run_signals
from abaca_strategies.failures import RulesError, StrategyError
from tests.strategies.bars import act, closes, flat, frame, market

FREE = Rules(cash=10_000)


def told(run: Run) -> list[tuple[int, float, float, str]]:
    """Bar, quantity, price and reason of each fill."""
    return [(fill.bar, fill.quantity, round(fill.price, 9), fill.reason) for fill in run.fills]


def only_fill(run: Run) -> Fill:
    (fill,) = run.fills
    return fill


def test_a_market_order_fills_at_the_next_open_with_fee_and_slippage() -> None:
    # Given 10 bps of fees, one unit of money per fill, and 50 bps of slippage
    rules = Rules(cash=10_000, costs=Costs(fee_bps=10, fee_fixed=1, slippage_bps=50))
    data = market((100, 101, 99, 100), (102, 104, 101, 103), (103, 105, 102, 104), (106, 107, 105, 106))
    # When 10 units are bought at the first close and sold at the third
    run = act(data, {0: lambda s: s.buy(10), 2: lambda s: s.close()}, rules)
    # Then they are bought at 102 + 0.51 and sold at 106 - 0.53, each side with its fee
    bought, sold = run.fills
    assert bought.bar == 1
    assert bought.price == pytest.approx(102.51, abs=1e-12)
    assert bought.fee == pytest.approx(10 * 102.51 * 0.001 + 1)
    assert bought.slippage == pytest.approx(10 * 0.51)
    assert sold.bar == 3
    assert [sold.price, sold.fee] == pytest.approx([105.47, 10 * 105.47 * 0.001 + 1])
    # And the account has what is left
    left = 10_000 - 1025.1 - 2.0251 + 1054.7 - 2.0547
    assert run.equity[-1] == pytest.approx(left, rel=1e-12)
    assert run.closed[0].pnl == pytest.approx(left - 10_000, rel=1e-9)
    assert run.equity[1] == pytest.approx(10_000 - 1025.1 - 2.0251 + 10 * 103)


@pytest.mark.parametrize(
    ("bar", "filled"),
    [
        ((100, 103, 96, 101), (95.0, None)),  # not reached
        ((100, 103, 94, 101), (95.0, 95.0)),  # reached within the bar
        ((92, 96, 90, 91), (95.0, 92.0)),  # opened beyond it: the gap is paid
        ((95, 96, 94, 95), (95.0, 95.0)),  # opened right at it
    ],
)
def test_a_stop_sells_at_its_price_or_at_an_open_beyond_it(
    bar: tuple[float, float, float, float], filled: tuple[float, float | None]
) -> None:
    stop, price = filled
    run = act(market(*flat(100, 100), bar), {0: lambda s: s.buy(10, stop_loss=stop)}, FREE)
    assert told(run)[1:] == ([] if price is None else [(2, -10.0, price, "stop_loss")])


@pytest.mark.parametrize(
    ("order", "bar", "price"),
    [
        ({"limit": 98.0}, (100, 101, 99, 100), None),
        ({"limit": 98.0}, (100, 101, 97, 100), 98.0),
        ({"limit": 98.0}, (96, 99, 95, 97), 96.0),  # opened below: better than asked for
        ({"stop": 105.0}, (100, 104, 99, 100), None),
        ({"stop": 105.0}, (100, 106, 99, 100), 105.0),
        ({"stop": 105.0}, (108, 109, 107, 108), 108.0),  # opened above: the gap is paid
        ({"stop": 105.0, "limit": 106.0}, (100, 107, 99, 100), 105.0),
        ({"stop": 105.0, "limit": 106.0}, (108, 109, 107, 108), None),  # armed, and the limit not reached
        ({"stop": 105.0, "limit": 106.0}, (108, 109, 105, 108), 106.0),  # armed by the open, then the limit
        ({"stop": 105.0, "limit": 104.0}, (100, 107, 99, 100), None),  # armed within: the limit waits a bar
    ],
)
def test_entries_by_limit_and_stop(
    order: dict[str, float], bar: tuple[float, float, float, float], price: float | None
) -> None:
    run = act(market(*flat(100), bar), {0: lambda s: s.buy(1, None, **order)}, FREE)
    assert [fill.price for fill in run.fills] == ([] if price is None else [price])


def test_a_stop_order_with_a_limit_that_was_armed_fills_as_a_limit_later() -> None:
    run = act(
        market(*flat(100), (100, 107, 99, 106), (106, 107, 103, 105)), {0: lambda s: s.buy(1, stop=105, limit=104)}
    )
    assert told(run) == [(2, 1.0, 104.0, "stop")]


def test_slippage_moves_stops_and_leaves_limits_alone() -> None:
    rules = Rules(cash=10_000, costs=Costs(slippage_bps=100))
    limited = act(market(*flat(100), (100, 101, 97, 100)), {0: lambda s: s.buy(1, limit=98)}, rules)
    stopped = act(market(*flat(100), (100, 106, 99, 100)), {0: lambda s: s.buy(1, stop=105)}, rules)
    assert only_fill(limited).price == 98
    assert only_fill(stopped).price == pytest.approx(106.05)


def test_both_protective_orders_within_reach_means_the_stop() -> None:
    data = market(*flat(100, 100), (100, 112, 88, 100))
    run = act(data, {0: lambda s: s.buy(5, stop_loss=90, take_profit=110)}, FREE)
    assert told(run) == [(1, 5.0, 100.0, "market"), (2, -5.0, 90.0, "stop_loss")]


def test_the_profit_is_taken_at_its_price_and_ends_the_stop() -> None:
    data = market(*flat(100, 100), (100, 112, 95, 111), (111, 111, 80, 85))
    run = act(data, {0: lambda s: s.buy(5, stop_loss=90, take_profit=110)}, FREE)
    assert told(run) == [(1, 5.0, 100.0, "market"), (2, -5.0, 110.0, "take_profit")]


def test_an_entry_at_the_open_can_be_stopped_out_in_the_same_bar() -> None:
    run = act(market(*flat(100), (100, 101, 89, 95)), {0: lambda s: s.buy(5, stop_loss=90)}, FREE)
    assert told(run) == [(1, 5.0, 100.0, "market"), (1, -5.0, 90.0, "stop_loss")]


@pytest.mark.parametrize(
    ("order", "bar", "exits"),
    [
        # A limit entry at 95, then down to the stop: both in one bar, as the price has to pass 95 before 90
        ({"limit": 95.0, "stop_loss": 90.0}, (100, 100, 88, 92), [90.0]),
        # The high may have come before the entry, so its profit waits for the next bar
        ({"limit": 95.0, "take_profit": 99.0}, (100, 100, 94, 96), []),
        # A stop entry at 105 whose protective stop lies above the open: what is known is the worst
        ({"stop": 105.0, "stop_loss": 103.0}, (100, 106, 100, 104), [103.0]),
    ],
)
def test_protective_orders_of_an_entry_within_the_bar(
    order: dict[str, float], bar: tuple[float, float, float, float], exits: list[float]
) -> None:
    run = act(market(*flat(100), bar), {0: lambda s: s.buy(1, None, **order)}, FREE)
    assert [fill.price for fill in run.fills[1:]] == exits


def test_a_short_sale_earns_when_the_price_falls_and_pays_both_fees() -> None:
    rules = Rules(cash=10_000, costs=Costs(fee_bps=10))
    run = act(market(*flat(50, 50, 40, 40)), {0: lambda s: s.sell(100), 2: lambda s: s.close()}, rules)
    (trade,) = run.closed
    assert trade.quantity == -100
    assert trade.pnl == pytest.approx(100 * (50 - 40) - 5 - 4)
    assert run.equity.tolist() == pytest.approx([10_000, 9_995, 10_995, 10_991])
    assert run.cash[1] == pytest.approx(10_000 + 5_000 - 5)  # the sale brings cash in


def test_a_short_position_is_stopped_out_above_at_the_open_of_a_gap() -> None:
    run = act(market(*flat(50, 50), (60, 61, 59, 60)), {0: lambda s: s.sell(10, stop_loss=55)}, FREE)
    assert told(run)[1] == (2, 10.0, 60.0, "stop_loss")


def test_too_little_cash_cuts_an_order_to_what_can_be_paid() -> None:
    # Given 1000 in cash and a price that opens at 125, with fees of 1 % and 5 per fill
    rules = Rules(cash=1000, costs=Costs(fee_bps=100, fee_fixed=5))
    run = act(market(*flat(100, 125)), {0: lambda s: s.buy(10)}, rules)
    # Then (1000 - 5) / (125 * 1.01) units are bought, nothing is left, and the run says so
    fill = only_fill(run)
    assert fill.clipped
    assert fill.quantity == pytest.approx(995 / 126.25, rel=1e-12)
    assert run.cash[-1] == pytest.approx(0, abs=1e-9)
    assert any("cut to what the account could carry" in note for note in run.warnings)


def test_too_little_cash_refuses_the_order_where_the_rules_say_so() -> None:
    run = act(market(*flat(100, 125)), {0: lambda s: s.buy(10)}, Rules(cash=1000, short_of_cash="reject"))
    assert run.fills == ()
    assert run.rejections[0].quantity == 10
    assert "can carry 8 units of 10" in run.rejections[0].why


def test_lots_round_down_and_less_than_one_is_nothing() -> None:
    rules = Rules(cash=1000, lot=1, sizing=Sizing("percent", 1.0))
    assert only_fill(act(market(*flat(300, 300)), {0: lambda s: s.target(1.0)}, rules)).quantity == 3
    assert act(market(*flat(1300, 1300)), {0: lambda s: s.target(1.0)}, rules).fills == ()


def test_sizes_are_fixed_at_the_close_of_the_decision() -> None:
    data = market(*flat(100, 80))
    percent = act(data, {0: lambda s: s.target(0.5)}, FREE)
    fixed = act(data, {0: lambda s: s.target(-0.5)}, Rules(cash=10_000, sizing=Sizing("fixed", 30)))
    assert told(percent) == [(1, 50.0, 80.0, "market")]
    assert told(fixed) == [(1, -15.0, 80.0, "market")]


def test_margin_lets_more_be_bought_and_calls_when_equity_no_longer_covers_it() -> None:
    # Given half of a position's value as margin, and a quarter to keep it
    rules = Rules(cash=1000, margin=0.5)
    run = act(market(*flat(100, 100, 80, 60, 60)), {0: lambda s: s.buy(20)}, rules)
    # Then 20 units are bought with 1000 borrowed; at 60 equity is 200 of 1200, and all is sold at the next open
    assert told(run) == [(1, 20.0, 100.0, "market"), (4, -20.0, 60.0, "margin_call")]
    assert run.equity.tolist() == [1000, 1000, 600, 200, 200]
    assert any(note.startswith("margin call") for note in run.warnings)


def test_a_ruined_account_trades_no_more() -> None:
    rules = Rules(cash=1000)
    steps = {0: lambda s: s.sell(10), 4: lambda s: s.buy(1)}
    run = act(market(*flat(100, 100, 250, 250, 10, 10)), steps, rules)
    assert told(run) == [(1, -10.0, 100.0, "market"), (3, 10.0, 250.0, "margin_call")]
    assert run.equity[-1] == -500
    assert run.rejections[-1].why == "the account is ruined"


def test_the_cap_on_exposure_holds_over_all_tickers() -> None:
    data = market(*flat(100, 100, 100), B=flat(10, 10, 10))
    rules = Rules(cash=1000, max_exposure=0.6)
    run = act(data, {0: lambda s: (s.buy(4, "A"), s.sell(40, "B"))}, rules)
    assert [fill.quantity for fill in run.fills] == [4, pytest.approx(-20)]


def test_what_closes_fills_before_what_opens() -> None:
    data = market(*flat(100, 100, 100, 100), B=flat(10, 10, 10, 10))
    steps = {0: lambda s: s.buy(10, "A"), 2: lambda s: (s.buy(100, "B"), s.close("A"))}
    run = act(data, steps, Rules(cash=1000))
    assert [(fill.ticker, fill.quantity) for fill in run.fills] == [(0, 10), (0, -10), (1, 100)]
    assert not any(fill.clipped for fill in run.fills)


def test_a_turn_from_long_to_short_closes_one_trade_and_opens_another() -> None:
    run = act(market(*flat(100, 100, 110, 110)), {0: lambda s: s.buy(5), 1: lambda s: s.sell(8)}, FREE)
    closed, still = run.trades
    assert (closed.quantity, closed.pnl) == (5, 50)
    assert (still.quantity, still.entry_price, still.is_open) == (-3, 110, True)


def test_lots_are_closed_in_the_order_in_which_they_were_opened() -> None:
    steps = {0: lambda s: s.buy(10), 1: lambda s: s.buy(10), 2: lambda s: s.sell(15)}
    run = act(market(*flat(100, 100, 120, 130)), steps, FREE)
    assert [(t.quantity, t.entry_price, t.pnl) for t in run.closed] == [(10, 100, 300), (5, 120, 50)]
    assert run.trades[-1].quantity == 5


def test_the_close_of_the_decision_is_offered_and_flagged() -> None:
    run = act(
        market((100, 105, 99, 104), (110, 111, 109, 110)), {0: lambda s: s.buy(1)}, Rules(cash=1000, fill="close")
    )
    assert told(run) == [(0, 1.0, 104.0, "market")]
    assert any(note.startswith("optimistic") for note in run.warnings)


def test_close_only_data_fill_at_the_next_close_and_say_so() -> None:
    data = DataSet("closes", {"A": frame(flat(100, 103, 90))}, close_only=True)
    run = act(data, {0: lambda s: s.buy(1, stop_loss=95)}, FREE)
    assert told(run) == [(1, 1.0, 103.0, "market"), (2, -1.0, 90.0, "stop_loss")]
    assert any(note.startswith("close-only data") for note in run.warnings)


def test_an_order_waits_for_the_next_bar_that_its_ticker_has() -> None:
    b = frame(flat(10, 10, 10, 20)).iloc[[0, 3]]
    data = DataSet("gap", {"A": frame(flat(100, 100, 100, 100)), "B": b})
    run = act(data, {0: lambda s: s.buy(1, "B")}, FREE)
    assert told(run) == [(3, 1.0, 20.0, "market")]


def test_a_target_is_ordered_once_and_nan_leaves_it_alone() -> None:
    nan = float("nan")
    data = closes([100, 110, 120, 130, 140, 150])
    run = run_signals(data, lambda df, p: [nan, 1, 1, nan, 0, 0], None, Rules(cash=1100))  # type: ignore[arg-type,return-value]
    assert [(fill.bar, fill.price) for fill in run.fills] == [(2, 120), (5, 150)]
    assert [fill.quantity for fill in run.fills] == pytest.approx([1100 / 120, -1100 / 120])


@pytest.mark.parametrize(
    ("answer", "why"),
    [([1.0], "1,.* values; there are 3 bars"), ([500.0, 0, 0], "beyond 100"), (["x", 1, 2], "no series of numbers")],
)
def test_answers_that_are_no_targets_are_refused(answer: list[object], why: str) -> None:
    with pytest.raises(StrategyError, match=why):
        run_signals(closes([1, 2, 3]), lambda df, p: answer)  # type: ignore[arg-type,return-value]


@pytest.mark.parametrize("wrong", [{"cash": 0}, {"margin": 0}, {"margin": 1.5}, {"max_exposure": 2.0}, {"fill": "now"}])
def test_rules_that_contradict_themselves_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(RulesError):
        Rules(**wrong)  # type: ignore[arg-type]
