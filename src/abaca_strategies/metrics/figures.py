"""Named numbers that may go into JSON: what is not finite becomes nothing, with the reason beside it."""

from __future__ import annotations

import math

NO_VALUE = "not defined for these data"


class Figures:
    """Numbers by name. ``flags`` says why one of them is None."""

    def __init__(self) -> None:
        self.values: dict[str, float | None] = {}
        self.flags: dict[str, str] = {}

    def put(self, name: str, value: float | None, why: str = NO_VALUE) -> None:
        """Notes a number. One that is None, NaN or infinite becomes None, flagged with ``why``."""
        if value is None or not math.isfinite(value):
            self.values[name] = None
            self.flags[name] = f"infinite: {why}" if value is not None and math.isinf(value) else why
        else:
            self.values[name] = float(value)

    def __getitem__(self, name: str) -> float | None:
        return self.values[name]

    def add(self, other: Figures) -> None:
        self.values |= other.values
        self.flags |= other.flags


def divide(over: float, under: float) -> float:
    """``over / under``; infinite with its sign where ``under`` is zero, NaN for 0/0."""
    if under:
        return over / under
    return math.copysign(math.inf, over) if over else math.nan


def finite(value: object) -> object:
    """A JSON value with every float that is not finite as None, inside lists and dicts too."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [finite(inner) for inner in value]
    return value
