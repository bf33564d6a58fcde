"""Durations as people write them, read into whole milliseconds."""

from __future__ import annotations

import math
import re
from datetime import timedelta

from abaca.errors import ConfigError
from abaca.text import shown

Duration = float | int | timedelta | str
"""Seconds, a ``timedelta``, or a text with a unit: ``"50ms"``, ``"30s"``, ``"5m"``, ``"1h"``, ``"2d"``."""

MAX_DURATION_MS = 3650 * 86_400_000
"""Ten years: longer than any duration that is meant."""

_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_TEXT = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)", re.ASCII)


def parse_duration(value: Duration, what: str) -> int:
    """Milliseconds, rounded up, so that a duration above zero never becomes zero.

    Raises ``ConfigError`` naming ``what`` for a value that is negative, not finite, above ten years, or no duration.
    """
    ms = _milliseconds(value, what)
    if not 0 <= ms <= MAX_DURATION_MS:  # also false for NaN
        raise ConfigError(f"{what}: {shown(value)} is not a usable duration; it must be between 0 and ten years")
    return math.ceil(round(ms, 6)) or int(ms > 0)


def _milliseconds(value: Duration, what: str) -> float:
    match value:
        case bool():
            pass
        case int() | float():
            return value * 1000
        case timedelta():
            return value / timedelta(milliseconds=1)
        case str() if found := _TEXT.fullmatch(value.strip()):
            return float(found[1]) * _UNITS[found[2]]
        case _:
            pass
    give = "a text needs a unit, as in" if isinstance(value, str) else "give seconds, a timedelta, or a text such as"
    raise ConfigError(f"{what}: {shown(value)} is not a duration; {give} '50ms', '30s', '5m' or '2d'")
