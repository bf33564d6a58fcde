"""Rules that travel with a job as data: back-off, retries, retention."""

from __future__ import annotations

from typing import Literal

from abaca.model.base import DAY_MS, HOUR_MS, Value


class Exponential(Value, frozen=True, kw_only=True, tag="exponential"):
    """Wait ``base * factor ** (attempt - 1)`` seconds, at most ``cap``.

    ``jitter="full"`` draws uniformly between zero and that value, so that a thousand jobs which failed together do
    not come back together (Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015).
    """

    base: float = 2.0
    factor: float = 2.0
    cap: float = 300.0
    jitter: Literal["full", "none"] = "full"


class Fixed(Value, frozen=True, kw_only=True, tag="fixed"):
    """Wait the same number of seconds after every failure."""

    delay: float = 5.0


class Linear(Value, frozen=True, kw_only=True, tag="linear"):
    """Wait ``step * attempt`` seconds, at most ``cap``."""

    step: float = 5.0
    cap: float = 300.0


class Quadratic(Value, frozen=True, kw_only=True, tag="quadratic"):
    """Wait ``step * attempt ** 2`` seconds, at most ``cap``."""

    step: float = 1.0
    cap: float = 300.0


class Delays(Value, frozen=True, kw_only=True, tag="delays"):
    """Wait the listed seconds in order; the last one repeats. An empty list retries at once."""

    seconds: tuple[float, ...] = ()


Backoff = Exponential | Fixed | Linear | Quadratic | Delays


class RetryRule(Value, frozen=True, kw_only=True):
    """The retry rule as data. It travels with the job, so that any process can decide for any job.

    ``on`` holds qualified class names (``"builtins.OSError"``); a failure is retried when one of them is in the
    exception's MRO. Empty means any failure.
    """

    max_attempts: int = 4
    backoff: Backoff = Exponential()
    on: tuple[str, ...] = ()


class Keep(Value, frozen=True, kw_only=True):
    """How long an ended job and its result stay, by how it ended. Zero for ``completed_ms`` stores no result.

    ``by``: whether the call says it, the task's declaration or the app's; stored retention goes before the latter two.
    """

    completed_ms: int = HOUR_MS
    cancelled_ms: int = DAY_MS
    failed_ms: int = 7 * DAY_MS
    by: Literal["job", "task", "app"] = "job"
