"""Clocks. Instants are microseconds since the Unix epoch; monotonic readings are seconds."""

from __future__ import annotations

import time
from typing import Protocol


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

    def advance(self, seconds: float) -> None:
        self._now += round(seconds * 1_000_000)
