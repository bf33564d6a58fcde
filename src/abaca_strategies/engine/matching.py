"""Whether, and at which price, an order fills within one bar. Pure."""

from __future__ import annotations

from typing import NamedTuple

from abaca_strategies.engine.records import Order


class Bar(NamedTuple):
    open: float
    high: float
    low: float
    close: float


def at_open(order: Order, price: float) -> float | None:
    """The price at which the order fills at the open, or None. A stop or limit that the open lies beyond fills there.

    A stop order with a limit is armed by the open and becomes a limit order.
    """
    buys = order.quantity > 0
    if order.stop is not None:
        if not (price >= order.stop if buys else price <= order.stop):
            return None
        if order.limit is None:
            return price
        order.stop = None
    if order.limit is None:
        return price
    return price if (price <= order.limit if buys else price >= order.limit) else None


def within(order: Order, bar: Bar) -> float | None:
    """The price at which the order fills between open and close, or None. It did not fill at the open.

    What came first within a bar is not known. A stop order with a limit that the stop's price lies beyond waits for the
    next bar.
    """
    buys = order.quantity > 0
    if order.stop is not None:
        if not (bar.high >= order.stop if buys else bar.low <= order.stop):
            return None
        reached, order.stop = order.stop, None if order.limit is not None else order.stop
        if order.limit is None:
            return reached
        return reached if (reached <= order.limit if buys else reached >= order.limit) else None
    if order.limit is None:
        return None
    return order.limit if (bar.low <= order.limit if buys else bar.high >= order.limit) else None
