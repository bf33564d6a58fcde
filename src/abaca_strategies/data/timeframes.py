"""Timeframes as the strategies write them: ``"1"`` to ``"60"`` are minutes, then ``Nh Nd Nw Nm Nq Ny``."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from abaca_strategies.arrays import DAY, SECOND, Ints
from abaca_strategies.failures import DataError

_TEXT = re.compile(r"([1-9]\d{0,3})([hdwmqy]?)")
_LIMITS = {"": 60, "h": 24, "d": 366, "w": 53, "m": 120, "q": 40, "y": 10}
_LENGTH = {"": 60 * SECOND, "h": 3600 * SECOND, "d": DAY, "w": 7 * DAY}
_MONTHS = {"m": 1, "q": 3, "y": 12}
_MONDAY = -3 * DAY
"""The Monday before 1970-01-01, which was a Thursday."""


@dataclass(frozen=True)
class Timeframe:
    """So many units. Bars are counted from 1970-01-01 UTC (weeks from the Monday before), so that where the data begin
    changes no bar."""

    count: int
    unit: str

    @classmethod
    def parse(cls, text: str) -> Timeframe:
        """Raises ``DataError`` for what is no timeframe."""
        match = _TEXT.fullmatch(text.strip())
        if match is None or int(match[1]) > _LIMITS[match[2]]:
            raise DataError(
                f"{text!r} is no timeframe: write minutes as '1' to '60', or a number with h, d, w, m, q or y, "
                f"such as '4h' or '1d'"
            )
        return cls(int(match[1]), match[2])

    def __str__(self) -> str:
        return f"{self.count}{self.unit}"

    @property
    def nanoseconds(self) -> int:
        """The usual length of a bar; months count 30 days."""
        return self.count * (_LENGTH[self.unit] if self.unit in _LENGTH else _MONTHS[self.unit] * 30 * DAY)

    def bins(self, times: Ints) -> Ints:
        """The number of the bar that each instant falls into."""
        if self.unit in _LENGTH:
            start = _MONDAY if self.unit == "w" else 0
            return (times - start) // (self.count * _LENGTH[self.unit])
        months = times.astype("datetime64[ns]").astype("datetime64[M]").astype(np.int64)
        return months // (self.count * _MONTHS[self.unit])

    def starts(self, bins: Ints) -> Ints:
        """The instants at which those bars begin."""
        if self.unit in _LENGTH:
            start = _MONDAY if self.unit == "w" else 0
            return bins * (self.count * _LENGTH[self.unit]) + start
        months = bins * (self.count * _MONTHS[self.unit])
        return months.astype("datetime64[M]").astype("datetime64[ns]").astype(np.int64)


def spacing_of(times: Ints) -> int:
    """The median distance of neighbouring bars in nanoseconds; 0 for fewer than two bars."""
    return int(np.median(np.diff(times))) if len(times) > 1 else 0
