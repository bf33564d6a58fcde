"""Clocks. Instants are microseconds since the Unix epoch; monotonic readings are seconds."""

from __future__ import annotations

import time
from typing import Protocol

from abaca.durations import Duration, parse_duration


class Clock(Protocol):
    def now(self) -> int:
        """The instant, in microseconds since the Unix epoch."""
        ...


class SystemClock:
    def now(self) -> int:
        return time.time_ns() // 1000


class ManualClock:
    """A clock that moves only when a test moves it. It starts at 2030-01-01T00:00:00Z."""

    def __init__(self, start: int = 1_893_456_000_000_000) -> None:
        self._now = start

    def now(self) -> int:
        return self._now

    def advance(self, distance: Duration) -> None:
        """Move by seconds, which may be negative: clocks do step back; or by a text such as ``"1h"``."""
        if isinstance(distance, int | float):
            self._now += round(distance * 1_000_000)
        else:
            self._now += parse_duration(distance, "advance") * 1000
