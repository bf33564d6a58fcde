"""When a failed run is tried again, and after how long."""

from __future__ import annotations

from collections.abc import Callable

from abaca.model import Backoff, Delays, ErrorInfo, Exponential, Fixed, Linear, Quadratic, RetryRule

DEFAULT_RULE = RetryRule()

NAMED_BACKOFFS: dict[str, Backoff] = {
    "none": Delays(),
    "fixed": Fixed(),
    "linear": Linear(),
    "quadratic": Quadratic(),
    "exponential": Exponential(),
}


def retries(rule: RetryRule, error: ErrorInfo) -> bool:
    """Whether the rule covers this error. The number of attempts is judged elsewhere."""
    if not rule.on:
        return True
    return any(kind in rule.on for kind in error.kinds)


def backoff_seconds(backoff: Backoff, attempt: int, rand: Callable[[], float]) -> float:
    """Seconds to wait after charged attempt ``attempt`` (the first is 1) failed. ``rand`` answers in [0, 1)."""
    match backoff:
        case Exponential(base=base, factor=factor, cap=cap, jitter=jitter):
            ceiling = _exponential(base, factor, cap, attempt)
            return ceiling * rand() if jitter == "full" else ceiling
        case Fixed(delay=delay):
            return delay
        case Linear(step=step, cap=cap):
            return min(cap, step * attempt)
        case Quadratic(step=step, cap=cap):
            return min(cap, step * attempt * attempt)
        case Delays(seconds=seconds):
            return seconds[min(attempt, len(seconds)) - 1] if seconds else 0.0


def _exponential(base: float, factor: float, cap: float, attempt: int) -> float:
    try:
        return min(cap, base * factor ** (attempt - 1))
    except OverflowError:
        return cap if base else 0.0
