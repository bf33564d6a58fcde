"""Strategies as classes: ``init()`` once, ``next()`` at the close of each bar."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from abaca_strategies.data import DataSet
from abaca_strategies.engine.broker import Broker
from abaca_strategies.engine.market import Market
from abaca_strategies.engine.records import Order
from abaca_strategies.engine.rules import Rules
from abaca_strategies.engine.run import Run, simulate
from abaca_strategies.engine.views import Bars, Line, View
from abaca_strategies.failures import StrategyError


class Strategy:
    """The base of event strategies. Where no ticker is named, the first of the data set is meant."""

    params: Mapping[str, Any]
    data: View
    _broker: Broker
    _bar: int = -1

    def init(self) -> None:
        """Called before the first bar: the place to make indicators."""

    def next(self) -> None:
        """Called at the close of each bar. Orders given here fill from the next bar on."""

    def indicator(self, make: Callable[[pd.DataFrame], Any], ticker: str | None = None) -> Line:
        """Numbers that ``make`` counts from a ticker's bars, shown bar by bar. It must look back only."""
        return self._bars(ticker).line(make)

    @property
    def cash(self) -> float:
        return self._broker.account.cash

    @property
    def equity(self) -> float:
        """At the close of the bar at hand."""
        return self._broker.equity(self._bar)

    def position(self, ticker: str | None = None) -> float:
        """Units held; below zero is short."""
        return self._broker.account.units[self._bars(ticker).number]

    def buy(self, quantity: float | None = None, ticker: str | None = None, **details: Any) -> Order:
        """Orders units; without ``quantity``, the size of the rules. ``details``: ``limit``, ``stop`` (both: an order
        that the stop arms), ``stop_loss`` and ``take_profit`` (prices of protective orders for the entry), ``tag``."""
        return self._order(1.0, quantity, ticker, details)

    def sell(self, quantity: float | None = None, ticker: str | None = None, **details: Any) -> Order:
        """The same, the other way."""
        return self._order(-1.0, quantity, ticker, details)

    def target(self, share: float, ticker: str | None = None) -> None:
        """Orders what is missing to a position of ``share`` times the size of the rules."""
        self._broker.aim(self._bars(ticker).number, share, self._now())

    def close(self, ticker: str | None = None) -> None:
        """Orders the whole position closed."""
        if held := self.position(ticker):
            self._broker.place(Order(0, self._bars(ticker).number, -held, self._now(), reduces=True))

    def cancel(self, order: Order) -> None:
        """Takes back an order that waits; one that has filled is left alone."""
        self._broker.cancel(order)

    def _now(self) -> int:
        if self._bar < 0:
            raise StrategyError("orders are given in next(), not in init()")
        return self._bar

    def _bars(self, ticker: str | None) -> Bars:
        return self.data.first if ticker is None else self.data[ticker]

    def _order(self, sign: float, quantity: float | None, ticker: str | None, details: dict[str, Any]) -> Order:
        if unknown := set(details) - {"limit", "stop", "stop_loss", "take_profit", "tag"}:
            raise StrategyError(f"an order has no {sorted(unknown)[0]!r}")
        number, bar = self._bars(ticker).number, self._now()
        units = self._broker.size(number, bar) if quantity is None else float(quantity)
        if units < 0:
            raise StrategyError(f"a quantity of {units} is below zero; call {'sell' if sign > 0 else 'buy'} instead")
        reason = (
            "stop" if details.get("stop") is not None else "limit" if details.get("limit") is not None else "market"
        )
        return self._broker.place(Order(0, number, sign * units, bar, reason, **details))  # type: ignore[arg-type]


def run_events(
    data: DataSet, strategy: type[Any], params: Mapping[str, Any] | None = None, rules: Rules | None = None
) -> Run:
    """Back-tests a class with ``init`` and ``next``. It may inherit from ``Strategy`` or be a plain class with those
    names."""
    rules, market = rules or Rules(), Market.of(data)
    kind = strategy if issubclass(strategy, Strategy) else type(strategy.__name__, (strategy, Strategy), {})
    made = kind()
    made.params, made.data = dict(params or {}), View(data, market)
    made._broker = Broker(market, rules)
    made.init()

    def decide(broker: Broker, bar: int) -> None:
        made._broker, made._bar, made.data.clock.bar = broker, bar, bar
        made.next()

    return simulate(market, rules, decide, None)
