"""What happened in a back-test: orders, fills, closed trades, refusals. Bars and tickers are numbers here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Reason = Literal["market", "limit", "stop", "stop_loss", "take_profit", "margin_call"]


@dataclass(slots=True, eq=False)
class Order:
    """A wish to trade. ``quantity`` is signed: below zero sells."""

    number: int
    ticker: int
    quantity: float
    placed: int
    """The bar at whose close it was given."""
    reason: Reason = "market"
    limit: float | None = None
    stop: float | None = None
    stop_loss: float | None = None
    take_profit: float | None = None
    reduces: bool = False
    """Whether it may only make a position smaller."""
    partner: int = 0
    """Protective orders with the same number end each other."""
    inside: bool = False
    """Whether it was born within its bar rather than at the open or before it."""
    sized: bool = False
    """Whether the engine chose the quantity, from a target."""
    tag: str = ""


@dataclass(frozen=True, slots=True)
class Placed:
    """An order as it was given, whatever became of it."""

    bar: int
    ticker: int
    quantity: float
    limit: float | None
    stop: float | None


@dataclass(frozen=True, slots=True)
class Fill:
    order: int
    bar: int
    ticker: int
    quantity: float
    price: float
    """With slippage."""
    fee: float
    slippage: float
    """Money lost to slippage."""
    reason: Reason
    clipped: bool = False
    """Whether the account could not carry all that was asked for."""


@dataclass(frozen=True, slots=True)
class Trade:
    """A round trip, or what of it is still open at the end. Lots are closed in the order in which they were opened."""

    ticker: int
    quantity: float
    """Signed: below zero was a short sale."""
    entry_bar: int
    exit_bar: int
    entry_price: float
    exit_price: float
    fees: float
    """Of both sides."""
    pnl: float
    """After fees."""
    reason: str
    """Of the exit; ``open`` for what is valued at the last close."""
    tag: str = ""

    @property
    def is_open(self) -> bool:
        return self.reason == "open"

    @property
    def entry_value(self) -> float:
        return abs(self.quantity) * self.entry_price

    @property
    def returned(self) -> float:
        """Profit after fees as a share of the value at entry."""
        return self.pnl / self.entry_value if self.entry_value else 0.0


@dataclass(frozen=True, slots=True)
class Rejection:
    bar: int
    ticker: int
    quantity: float
    why: str
