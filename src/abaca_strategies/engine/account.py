"""Cash, positions and lots, and how much an account may carry."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from abaca_strategies.engine.records import Trade

TINY = 1e-12
"""A share of a quantity that is the rounding of floats and no units."""


@dataclass(slots=True)
class Lot:
    """Units bought (or sold short) in one fill and not yet closed."""

    quantity: float
    price: float
    bar: int
    fee: float
    tag: str


class Account:
    """Positions are signed units by ticker. Short sales bring cash in; equity is what would be left if all was
    closed."""

    def __init__(self, cash: float, tickers: int) -> None:
        self.cash = cash
        self.units = [0.0] * tickers
        self.lots: list[deque[Lot]] = [deque() for _ in range(tickers)]
        self.trades: list[Trade] = []

    def equity(self, prices: Sequence[float]) -> float:
        return self.cash + sum(units * prices[k] for k, units in enumerate(self.units) if units)

    def gross(self, prices: Sequence[float]) -> float:
        return sum(abs(units) * prices[k] for k, units in enumerate(self.units) if units)

    def room(
        self, ticker: int, price: float, prices: Sequence[float], leverage: float, fee: float, fixed: float
    ) -> float:
        """How many units more of ``ticker`` the account can carry at ``price``, after their costs.

        After ``u`` units: gross + u*price <= leverage * (equity - u*price*fee - fixed), solved for ``u``.
        """
        at = list(prices)
        at[ticker] = price
        spare = leverage * (self.equity(at) - fixed) - self.gross(at)
        return max(spare / (price * (1 + leverage * fee)), 0.0)

    def trade(self, ticker: int, quantity: float, price: float, fee: float, bar: int, reason: str, tag: str) -> None:
        """Books a fill: closes lots of the other sign, oldest first, and opens a lot with what is left."""
        self.cash -= quantity * price + fee
        left, lots = quantity, self.lots[ticker]
        per_unit = fee / abs(quantity)
        while left and lots and lots[0].quantity * left < 0:
            lot = lots[0]
            part = min(abs(left), abs(lot.quantity))
            if abs(part - abs(lot.quantity)) <= TINY * part:
                part = abs(lot.quantity)
            signed = part if lot.quantity > 0 else -part
            paid = lot.fee * part / abs(lot.quantity)
            fees = paid + per_unit * part
            pnl = signed * (price - lot.price) - fees
            self.trades.append(Trade(ticker, signed, lot.bar, bar, lot.price, price, fees, pnl, reason, lot.tag or tag))
            left = 0.0 if abs(abs(left) - part) <= TINY * abs(quantity) else left + signed
            if part == abs(lot.quantity):
                lots.popleft()
            else:
                lot.quantity -= signed
                lot.fee -= paid
        if left:
            lots.append(Lot(left, price, bar, per_unit * abs(left), tag))
        self.units[ticker] = sum(lot.quantity for lot in lots)

    def still_open(self, bar: int, prices: Sequence[float]) -> list[Trade]:
        """What is held, valued at ``prices``, with the fees of the entries alone."""
        return [
            Trade(
                k, lot.quantity, lot.bar, bar, lot.price, prices[k], lot.fee,
                lot.quantity * (prices[k] - lot.price) - lot.fee, "open", lot.tag,
            )
            for k, lots in enumerate(self.lots)
            for lot in lots
        ]  # fmt: skip
