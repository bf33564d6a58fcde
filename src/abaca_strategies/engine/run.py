"""The loop over the bars, and what a back-test leaves behind."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from abaca_strategies.arrays import Floats, Ints
from abaca_strategies.engine.broker import Broker
from abaca_strategies.engine.market import Market
from abaca_strategies.engine.records import Fill, Placed, Rejection, Trade
from abaca_strategies.engine.rules import Rules
from abaca_strategies.failures import RulesError


@dataclass(frozen=True)
class Run:
    """One finished back-test. Arrays have one row per bar of the market's line of time, valued at its close."""

    market: Market
    rules: Rules
    cash: Floats
    units: Floats
    """Bars by tickers."""
    orders: tuple[Placed, ...]
    """As the strategy gave them, in time; protective orders are not among them."""
    fills: tuple[Fill, ...]
    trades: tuple[Trade, ...]
    """Closed ones in the order of their ends, then what is still open at the last close."""
    rejections: tuple[Rejection, ...]
    warnings: tuple[str, ...] = field(default=())

    @cached_property
    def values(self) -> Floats:
        """The value of each position at each close, bars by tickers."""
        return np.where(self.units == 0, 0.0, self.units * np.nan_to_num(self.market.mark))

    @cached_property
    def equity(self) -> Floats:
        return np.asarray(self.cash + self.values.sum(axis=1), dtype=np.float64)

    @property
    def times(self) -> Ints:
        return self.market.times

    @property
    def closed(self) -> tuple[Trade, ...]:
        return tuple(trade for trade in self.trades if not trade.is_open)

    def begun_at(self, bar: int) -> Run:
        """The same run with ``bar`` as its first one. It has to lie within the warm-up, in which nothing happened."""
        if bar == 0:
            return self
        if bar > self.rules.warmup:
            raise RulesError(f"a run with {self.rules.warmup} bars of warm-up cannot begin at bar {bar}")
        return replace(
            self,
            market=self.market.begun_at(bar),
            rules=replace(self.rules, warmup=self.rules.warmup - bar),
            cash=self.cash[bar:],
            units=self.units[bar:],
            orders=tuple(replace(one, bar=one.bar - bar) for one in self.orders),
            fills=tuple(replace(one, bar=one.bar - bar) for one in self.fills),
            trades=tuple(
                replace(one, entry_bar=one.entry_bar - bar, exit_bar=one.exit_bar - bar) for one in self.trades
            ),
            rejections=tuple(replace(one, bar=one.bar - bar) for one in self.rejections),
        )


def simulate(market: Market, rules: Rules, decide: Callable[[Broker, int], None], wake: Iterable[int] | None) -> Run:
    """Runs through the bars: orders fill, then ``decide(broker, bar)`` is asked at the close for new ones.

    ``wake`` names the bars at which ``decide`` has anything to say, ascending; None is all of them. Bars at which
    nothing can happen are passed over.
    """
    broker = Broker(market, rules)
    count, states = len(market), _States(rules.cash, len(market.tickers))
    due = iter(range(count) if wake is None else wake)
    coming = next((bar for bar in due if bar >= rules.warmup), count)
    bar = 0
    while bar < count:
        fills = len(broker.fills)
        if broker.waiting:
            broker.open_bar(bar)
        if coming == bar:
            decide(broker, bar)
            coming = next(due, count)
        is_risky = _is_risky(broker)
        if is_risky:
            broker.check_margin(bar)
        if len(broker.fills) > fills:
            states.keep(bar, broker)
        bar = bar + 1 if broker.waiting or is_risky else max(coming, bar + 1)
    cash, units = states.lines(count)
    last = count - 1
    trades = (*broker.account.trades, *broker.account.still_open(last, market.mark[last].tolist()))
    rejections = tuple(broker.rejections)
    notes = tuple(_warnings(market, rules, broker))
    return Run(market, rules, cash, units, tuple(broker.placed), tuple(broker.fills), trades, rejections, notes)


def _is_risky(broker: Broker) -> bool:
    """Whether equity may fall below what the positions need: with short positions or borrowed money."""
    return any(units < 0 for units in broker.account.units) or broker.account.cash < 0


class _States:
    """Cash and units after each bar that changed them, spread over all bars at the end."""

    def __init__(self, cash: float, tickers: int) -> None:
        self._bars, self._cash, self._units = [0], [cash], [[0.0] * tickers]

    def keep(self, bar: int, broker: Broker) -> None:
        self._bars.append(bar)
        self._cash.append(broker.account.cash)
        self._units.append(list(broker.account.units))

    def lines(self, count: int) -> tuple[Floats, Floats]:
        at = np.searchsorted(np.array(self._bars), np.arange(count), side="right") - 1
        return np.array(self._cash)[at], np.array(self._units, dtype=np.float64)[at]


def _warnings(market: Market, rules: Rules, broker: Broker) -> list[str]:
    notes = []
    if market.close_only:
        notes.append("close-only data: one price per bar is known, so orders fill at the next close")
    if rules.fill == "close":
        notes.append("optimistic: market orders fill at the close they were decided on, which no real account gets")
    if clipped := sum(fill.clipped for fill in broker.fills):
        notes.append(f"{clipped} of {len(broker.fills)} fills were cut to what the account could carry")
    if refused := len(broker.rejections) - clipped:
        first = next((one for one in broker.rejections if not one.why.startswith("cut")), broker.rejections[0])
        notes.append(f"{refused} orders were refused; the first because {first.why}")
    if any(fill.reason == "margin_call" for fill in broker.fills):
        notes.append("margin call: equity no longer covered the positions, and all were closed at the next open")
    if broker.ruined:
        notes.append("the account was ruined: its equity reached zero, and it traded no more")
    return notes
