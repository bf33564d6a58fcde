"""Takes orders and fills them bar by bar, never with anything but the bar at hand and those before it."""

from __future__ import annotations

import itertools
import math
from typing import Literal

from abaca_strategies.engine.account import Account
from abaca_strategies.engine.market import Market
from abaca_strategies.engine.matching import Bar, at_open, within
from abaca_strategies.engine.records import Fill, Order, Placed, Reason, Rejection
from abaca_strategies.engine.rules import Rules

DUST = 1e-9
"""A share of an order or a position too small to be meant."""
Moment = Literal["open", "inside", "close"]


class Broker:
    """One account's orders. ``open_bar`` fills what waits; ``place`` and ``aim`` are called at the close of a bar."""

    def __init__(self, market: Market, rules: Rules) -> None:
        self.market = market
        self.rules = rules
        self.account = Account(rules.cash, len(market.tickers))
        self.fills: list[Fill] = []
        self.rejections: list[Rejection] = []
        self.placed: list[Placed] = []
        self.waiting: list[Order] = []
        self.ruined = False
        self._numbers = itertools.count(1)
        self._fee = rules.costs.fee_bps / 1e4
        self._slip = rules.costs.slippage_bps / 1e4

    def open_bar(self, bar: int) -> None:
        """Fills waiting orders with this bar: at its open first, then within it, stops before limits."""
        bars = {order.ticker: self._bar(order.ticker, bar) for order in self.waiting}
        opens = [(order, here.open) for order in self.waiting if (here := bars[order.ticker]) is not None]
        opens.sort(key=lambda pair: (not self._closes(pair[0]), pair[0].number))  # closing first sets cash free
        for order, opened in opens:
            if order in self.waiting and (price := at_open(order, opened)) is not None:
                self._execute(order, price, bar, "open")
        tried: set[int] = set()
        for is_stop in (True, False, True):  # the last for the stops of entries that a limit made
            while (one := self._untried(tried, is_stop=is_stop)) is not None:
                tried.add(one.number)
                here = self._bar(one.ticker, bar)
                if here is None or (one.inside and one.placed == bar and one.limit is not None):
                    continue  # the price may have been there before the entry that was made within this bar
                if one.placed == bar and not one.inside and (price := at_open(one, here.open)) is not None:
                    self._execute(one, price, bar, "open")
                elif (price := within(one, here)) is not None:
                    self._execute(one, price, bar, "inside")

    def place(self, order: Order) -> Order:
        """Takes an order at the close of ``order.placed``. With ``fill="close"`` a market order fills there and
        then."""
        order.number = next(self._numbers)
        self.placed.append(Placed(order.placed, order.ticker, order.quantity, order.limit, order.stop))
        if self.ruined and not order.reduces:
            self._reject(order, order.placed, "the account is ruined")
        elif not math.isfinite(order.quantity) or order.quantity == 0:
            self._reject(order, order.placed, "the quantity is zero or not finite")
        elif self.rules.fill == "close" and order.stop is None and order.limit is None:
            price = self.market.close[order.placed, order.ticker]
            self.waiting.append(order)
            if not math.isnan(price):
                self._execute(order, float(price), order.placed, "close")
        else:
            self.waiting.append(order)
        return order

    def cancel(self, order: Order) -> None:
        if order in self.waiting:
            self.waiting.remove(order)

    def aim(self, ticker: int, target: float, bar: int) -> None:
        """Orders what is missing between the position and ``target``, a multiple of the size that the rules set."""
        if not self.rules.allow_short:
            target = max(target, 0.0)
        self.waiting = [order for order in self.waiting if not (order.sized and order.ticker == ticker)]
        wanted, held = self._size(ticker, target, bar), self.account.units[ticker]
        if abs(missing := wanted - held) > DUST * max(abs(wanted), abs(held)):
            self.place(Order(0, ticker, missing, bar, sized=True))

    def check_margin(self, bar: int) -> None:
        """At a close: where equity no longer covers the positions, all of them are closed at the next open."""
        prices = self.market.mark[bar].tolist()
        equity, gross = self.account.equity(prices), self.account.gross(prices)
        if gross == 0 or (equity > 0 and equity >= self.rules.floor * gross):
            return
        self.ruined = self.ruined or equity <= 0
        self.waiting = [order for order in self.waiting if order.reason == "margin_call"]
        called = {order.ticker for order in self.waiting}
        for ticker, units in enumerate(self.account.units):
            if units and ticker not in called:
                order = Order(next(self._numbers), ticker, -units, bar, "margin_call", reduces=True)
                self.waiting.append(order)

    def size(self, ticker: int, bar: int) -> float:
        """Units of a full position, from what is known at the close of ``bar``."""
        return self._size(ticker, 1.0, bar)

    def equity(self, bar: int) -> float:
        return self.account.equity(self.market.mark[bar].tolist())

    def _untried(self, tried: set[int], *, is_stop: bool) -> Order | None:
        return next((o for o in self.waiting if o.number not in tried and (o.stop is not None) == is_stop), None)

    def _bar(self, ticker: int, bar: int) -> Bar | None:
        market = self.market
        opened = float(market.open[bar, ticker])
        if math.isnan(opened):
            return None
        return Bar(
            opened, float(market.high[bar, ticker]), float(market.low[bar, ticker]), float(market.close[bar, ticker])
        )

    def _closes(self, order: Order) -> bool:
        return self.account.units[order.ticker] * order.quantity < 0

    def _size(self, ticker: int, target: float, bar: int) -> float:
        """Units of a target, from what is known at the close of ``bar``."""
        if target == 0:
            return 0.0
        sizing, price = self.rules.sizing, float(self.market.mark[bar, ticker])
        if sizing.kind == "fixed":
            return self._whole(target * sizing.amount)
        return self._whole(target * sizing.amount * max(self.equity(bar), 0.0) / price)

    def _whole(self, units: float) -> float:
        lot = self.rules.lot
        return units if not lot else math.copysign(math.floor(abs(units) / lot + DUST) * lot, units)

    def _execute(self, order: Order, price: float, bar: int, moment: Moment) -> None:
        """Fills what of the order the account can carry, then gives the entry its protective orders."""
        self.cancel(order)
        held, sign = self.account.units[order.ticker], math.copysign(1.0, order.quantity)
        closing = min(abs(order.quantity), abs(held)) if held * sign < 0 else 0.0
        opening = 0.0 if order.reduces else abs(order.quantity) - closing
        if not self.rules.allow_short and sign < 0:
            opening = 0.0
        slips = order.limit is None
        paid = price * (1 + sign * self._slip) if slips else price
        wanted, why = opening, ""
        if opening:
            opening, why = self._carried(order, closing, opening, paid, bar, moment)
        quantity = sign * (closing + opening)
        if why:
            self._reject(order, bar, why, sign * (wanted - opening) if opening else None)
        if not quantity:
            return
        fee = abs(quantity) * paid * self._fee + self.rules.costs.fee_fixed
        self.account.trade(order.ticker, quantity, paid, fee, bar, order.reason, order.tag)
        lost = abs(quantity) * abs(paid - price)
        self.fills.append(
            Fill(order.number, bar, order.ticker, quantity, paid, fee, lost, order.reason, clipped=bool(why))
        )
        self._after(order, sign * opening, paid, bar, moment)

    def _carried(
        self, order: Order, closing: float, opening: float, price: float, bar: int, moment: Moment
    ) -> tuple[float, str]:
        """How much of an opening quantity the account can carry, and why not all of it."""
        known = self.market.mark[max(bar - 1, 0)] if moment != "close" else self.market.mark[bar]
        prices = known.tolist()
        if moment != "close":
            opened = self.market.open[bar].tolist()
            prices = [old if math.isnan(new) else new for old, new in zip(prices, opened, strict=True)]
        account, costs = self.account, self.rules.costs
        if closing:  # the old position is gone before the new one is judged
            account = Account(self.account.cash, len(self.account.units))
            account.units = list(self.account.units)
            account.cash += account.units[order.ticker] * price - closing * price * self._fee
            account.units[order.ticker] = 0.0
        room = account.room(order.ticker, price, prices, self.rules.leverage, self._fee, costs.fee_fixed)
        if opening <= room * (1 + DUST):
            return opening, ""
        if self.rules.short_of_cash == "reject":
            return 0.0, f"the account can carry {room:.6g} units of {opening:.6g}"
        part = self._whole(room)
        if part <= DUST * opening:
            return 0.0, "the account can carry none of it"
        return part, f"cut to the {part:.6g} units of {opening:.6g} that the account can carry"

    def _after(self, order: Order, opened: float, price: float, bar: int, moment: Moment) -> None:
        ticker = order.ticker
        held = self.account.units[ticker]
        if order.partner:
            self.waiting = [other for other in self.waiting if other.partner != order.partner]
        if not held or abs(opened) >= abs(held) * (1 - DUST):  # flat, or all that is held is new
            self.waiting = [other for other in self.waiting if not (other.partner and other.ticker == ticker)]
        if opened:
            self._protect(order, opened, price, bar, moment)

    def _protect(self, order: Order, opened: float, price: float, bar: int, moment: Moment) -> None:
        """A stop order and a limit order on the two sides of an entry, of which the first to fill ends the other."""
        side = math.copysign(1.0, opened)
        stop, profit = order.stop_loss, order.take_profit
        if stop is None and self.rules.stop_loss is not None:
            stop = price * (1 - side * self.rules.stop_loss)
        if profit is None and self.rules.take_profit is not None:
            profit = price * (1 + side * self.rules.take_profit)
        levels: tuple[tuple[Reason, float | None], ...] = (("stop_loss", stop), ("take_profit", profit))
        for reason, level in levels:
            if level is not None:
                is_stop = reason == "stop_loss"
                self.waiting.append(
                    Order(
                        next(self._numbers), order.ticker, -opened, bar, reason,
                        stop=level if is_stop else None, limit=None if is_stop else level,
                        reduces=True, partner=order.number, inside=moment == "inside", tag=order.tag,
                    )
                )  # fmt: skip

    def _reject(self, order: Order, bar: int, why: str, quantity: float | None = None) -> None:
        self.rejections.append(Rejection(bar, order.ticker, order.quantity if quantity is None else quantity, why))
