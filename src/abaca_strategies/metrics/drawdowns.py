"""How far, and for how long, equity lay below its highest value so far."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from abaca_strategies.arrays import DAY, Floats, Ints
from abaca_strategies.metrics.figures import Figures


@dataclass(frozen=True)
class Drawdown:
    """From the last bar at the peak to the first bar at or above it again. Bars are numbers in the line of time."""

    peak: int
    valley: int
    recovery: int | None
    """None while it lasts."""
    last: int
    """The bar of the recovery, or the last bar there is."""
    depth: float
    """At the valley, below zero: -0.2 is 20 % below the peak."""

    @property
    def bars(self) -> int:
        return self.last - self.peak

    def days(self, times: Ints) -> float:
        return float(times[self.last] - times[self.peak]) / DAY


def underwater(line: Floats) -> Floats:
    """At each bar, the distance to the highest value so far as a share of it, 0 or below."""
    return np.asarray(line / np.maximum.accumulate(line) - 1, dtype=np.float64)


def drawdowns(line: Floats) -> list[Drawdown]:
    """All of them, in time; those that began at the same peak are one."""
    under = underwater(line)
    below = np.concatenate(([False], under < 0, [False]))
    starts = np.flatnonzero(below[1:] & ~below[:-1])
    ends = np.flatnonzero(below[:-1] & ~below[1:])
    found = []
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        valley = start + int(np.argmin(under[start:end]))
        recovery = end if end < len(line) else None
        last = end if recovery is not None else len(line) - 1
        found.append(Drawdown(start - 1, valley, recovery, last, float(under[valley])))
    return found


def drawdown_figures(line: Floats, times: Ints, cagr: float | None) -> Figures:
    found, all_of_them = Figures(), drawdowns(line)
    none = "equity never fell"
    depths = [one.depth for one in all_of_them]
    found.put("max_drawdown", min(depths, default=0.0))
    found.put("avg_drawdown", sum(depths) / len(depths) if depths else 0.0)
    found.put("max_drawdown_days", max((one.days(times) for one in all_of_them), default=0.0))
    found.put("avg_drawdown_days", sum(one.days(times) for one in all_of_them) / len(depths) if depths else 0.0)
    found.put("max_drawdown_bars", float(max((one.bars for one in all_of_them), default=0)))
    found.put("ulcer_index", float(np.sqrt(np.mean(underwater(line) ** 2))))
    found.put("calmar", cagr / abs(min(depths)) if depths and cagr is not None else None, none)
    return found
