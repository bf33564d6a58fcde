"""Round numbers for axes."""

from __future__ import annotations

import math

_STEPS = (1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0)


def nice_top(most: float, least_top: float = 1.0) -> float:
    """The smallest of 1, 2, 3, 4, 6 and 8 times a power of ten that is below neither ``most`` nor ``least_top``."""
    most = max(most, least_top)
    power = 10.0 ** math.floor(math.log10(most))
    return next(step * power for step in _STEPS if step * power >= most * (1 - 1e-9))


def ticks(top: float) -> tuple[float, float, float]:
    """Where the lines of a plot are: its top, its middle, its floor."""
    return top, top / 2, 0.0
