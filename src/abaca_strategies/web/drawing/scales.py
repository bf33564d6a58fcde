"""Where values lie in a picture, and what stands beside the axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

NOTHING = "\u2013"
LARGEST = 1e150
_DAY = 86_400.0
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_UNITS = ((1e12, "T"), (1e9, "G"), (1e6, "M"))


@dataclass(frozen=True, slots=True)
class Scale:
    """From values to coordinates, in a straight line."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        return round(self.start + (self.end - self.start) * (value - self.low) / (self.high - self.low), 2)


def scale(values: Sequence[float], start: float, end: float, *, room: float = 0.0, zero: bool = False) -> Scale:
    """One in which all of the values lie. ``room``: a share of it that stays free at each end; ``zero`` lies in it."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    if high - low <= abs(high) * 1e-12:
        half = abs(high) * 0.1 or 1.0
        low, high = low - half, high + half
    free = (high - low) * room
    low, high = (low if zero and low == 0 else low - free), (high if zero and high == 0 else high + free)
    return Scale(low, high, start, end)


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round values between the two."""
    span = high - low
    power = 10.0 ** math.floor(math.log10(span / most))
    step = next(each * power for each in _STEPS if each * power * most >= span * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    return [at * step for at in range(first, first + most + 2) if at * step <= high + step * 1e-9]


def time_ticks(low: float, high: float, most: int = 6) -> list[tuple[float, str]]:
    """Seconds since 1970, evenly spaced, with what is written below them."""
    with_hours = high - low < 3 * _DAY
    return [(at, moment(at, with_hours=with_hours)) for at in _even(low, high, most)]


def _even(low: float, high: float, most: int) -> list[float]:
    return [low + (high - low) * at / (most - 1) for at in range(most)]


def moment(seconds: float, *, with_hours: bool = False) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%m-%d %H:%M" if with_hours else "%Y-%m-%d")
    except (OverflowError, OSError, ValueError):
        return NOTHING


def seconds_of(time: str) -> float:
    """Seconds since 1970 of an instant or a day. Raises ``ValueError``."""
    found = datetime.fromisoformat(time)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def number(value: float | None) -> str:
    """For people: at most six digits that matter."""
    if value is None:
        return NOTHING
    size = abs(value)
    for unit, letter in _UNITS:
        if unit <= size < 1e15:
            return f"{value / unit:.4g}{letter}"
    if size >= 1e15:
        return f"{value:.3g}"
    if size >= 1000:
        return f"{value:,.0f}"
    return f"{0.0 if size < 1e-12 else value:.4g}"


def percent(value: float | None) -> str:
    return NOTHING if value is None else f"{value * 100:.2f}%"


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LARGEST and value == value
