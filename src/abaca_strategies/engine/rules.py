"""The settings of a back-test: costs, sizes, how orders fill, and what the account may carry."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from abaca_strategies.failures import RulesError


@dataclass(frozen=True, slots=True)
class Costs:
    """What each fill costs. Basis points are of the traded value; ``fee_fixed`` is money per fill.

    Slippage moves the price of market and stop orders against the account, also beyond the bar's range; a limit order
    fills at its price or better.
    """

    fee_bps: float = 0.0
    fee_fixed: float = 0.0
    slippage_bps: float = 0.0

    def __post_init__(self) -> None:
        for name in ("fee_bps", "fee_fixed", "slippage_bps"):
            _between(f"costs.{name}", getattr(self, name), 0, 10_000 if name != "fee_fixed" else math.inf)


@dataclass(frozen=True, slots=True)
class Sizing:
    """How many units a target of 1 is.

    ``percent``: ``amount`` of the account's equity (1.0 is all of it). ``fixed``: ``amount`` units. A size
    is fixed when the order is given, from the equity and the close of that bar.
    """

    kind: Literal["percent", "fixed"] = "percent"
    amount: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in ("percent", "fixed"):
            raise RulesError(f"sizing.kind is {self.kind!r}; there are percent and fixed")
        _between("sizing.amount", self.amount, 0, math.inf)


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of one back-test.

    ``fill="open"``: a market order fills at the next bar's open. ``fill="close"``: at the close that it was decided on,
    which no real account gets; the result is flagged as optimistic.
    """

    cash: float = 100_000.0
    costs: Costs = field(default_factory=Costs)
    sizing: Sizing = field(default_factory=Sizing)
    fill: Literal["open", "close"] = "open"
    margin: float = 1.0
    """The share of a position's value that equity has to cover when it is opened; 1.0 is no borrowing."""
    maintenance: float | None = None
    """The share below which everything is sold at the next open; half of ``margin`` unless given."""
    max_exposure: float | None = None
    """The cap of the gross value of all positions, as a multiple of equity; ``1 / margin`` unless given."""
    allow_short: bool = True
    lot: float = 0.0
    """Quantities are cut down to multiples of this; 0 allows any fraction."""
    short_of_cash: Literal["clip", "reject"] = "clip"
    """What happens to an order that the account cannot carry: as much as it can, or nothing."""
    stop_loss: float | None = None
    """A stop order for each entry, this share of the fill's price away; an order's own comes first."""
    take_profit: float | None = None
    """The same with a limit order on the other side."""
    warmup: int = 0
    """Bars at the beginning in which nothing is decided."""

    def __post_init__(self) -> None:
        _between("cash", self.cash, 1e-9, math.inf)
        _between("margin", self.margin, 0.01, 1)
        if self.maintenance is not None:
            _between("maintenance", self.maintenance, 0, self.margin)
        if self.max_exposure is not None:
            _between("max_exposure", self.max_exposure, 0, 1 / self.margin)
        _between("lot", self.lot, 0, math.inf)
        _between("warmup", self.warmup, 0, math.inf)
        if self.fill not in ("open", "close") or self.short_of_cash not in ("clip", "reject"):
            raise RulesError("fill is 'open' or 'close', and short_of_cash 'clip' or 'reject'")
        if self.stop_loss is not None:
            _between("stop_loss", self.stop_loss, 1e-6, 1)
        if self.take_profit is not None:
            _between("take_profit", self.take_profit, 1e-6, math.inf)

    @property
    def leverage(self) -> float:
        """The gross value of positions that one unit of equity may carry."""
        return 1 / self.margin if self.max_exposure is None else self.max_exposure

    @property
    def floor(self) -> float:
        """Equity below this share of the gross value of positions ends in a margin call."""
        return self.margin / 2 if self.maintenance is None else self.maintenance


def _between(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:  # NaN fails too
        raise RulesError(f"{name} is {value}; it has to lie between {low:g} and {high:g}")
