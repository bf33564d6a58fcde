"""``Retry``: how a task's failures are tried again, as people write it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from abaca.durations import MAX_DURATION_MS, Duration, parse_duration
from abaca.errors import ConfigError
from abaca.model import Backoff, Delays, RetryRule
from abaca.policy.retry import NAMED_BACKOFFS
from abaca.text import shown

BackoffName = Literal["none", "fixed", "linear", "quadratic", "exponential"]
# A plain Sequence[Duration] would let type checkers accept any text, a misspelt name included.
BackoffSpec = BackoffName | Backoff | list[Duration] | tuple[Duration, ...]
MAX_ATTEMPTS = 1_000_000
LONGEST_SECONDS = MAX_DURATION_MS / 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Try a failed job again.

    ``max_attempts`` counts charged runs, the first included. ``on`` limits it to these exception classes (or their
    qualified names) and their subclasses; empty means any ``Exception``. ``backoff`` is a name, a configured
    ``Exponential(...)`` and the like, or a list of durations of which the last one repeats.
    Raises ``ConfigError`` for values that cannot be used.
    """

    max_attempts: int = 4
    on: Sequence[type[BaseException] | str] = ()
    backoff: BackoffSpec = "exponential"

    def __post_init__(self) -> None:
        self.rule()

    def rule(self) -> RetryRule:
        attempts = self.max_attempts
        if type(attempts) is not int or not 1 <= attempts <= MAX_ATTEMPTS:
            raise ConfigError(f"Retry(max_attempts={shown(attempts)}): it counts runs, from 1 to {MAX_ATTEMPTS}")
        return RetryRule(max_attempts=attempts, backoff=_backoff(self.backoff), on=_names(self.on))


def _names(kinds: Sequence[type[BaseException] | str]) -> tuple[str, ...]:
    if isinstance(kinds, str | type):
        raise ConfigError(f"Retry(on={shown(kinds)}): give a sequence, such as on=(OSError,)")
    return tuple(_name(kind) for kind in kinds)


def _name(kind: type[BaseException] | str) -> str:
    if isinstance(kind, str) and kind:
        return kind if "." in kind else f"builtins.{kind}"
    if isinstance(kind, type) and issubclass(kind, BaseException):
        return f"{kind.__module__}.{kind.__qualname__}"
    raise ConfigError(f"Retry(on=...): {shown(kind)} is neither an exception class nor the name of one")


def _backoff(value: BackoffSpec) -> Backoff:
    if isinstance(value, str):
        if value not in NAMED_BACKOFFS:
            raise ConfigError(f"Retry(backoff={shown(value)}): unknown; use one of {', '.join(NAMED_BACKOFFS)}")
        return NAMED_BACKOFFS[value]
    if isinstance(value, Backoff):
        try:
            rule = msgspec.convert(msgspec.to_builtins(value), type(value))
        except (msgspec.MsgspecError, TypeError) as error:
            raise ConfigError(f"Retry(backoff={shown(value)}): {error}") from error
        for field, number in msgspec.structs.asdict(rule).items():
            numbers = number if isinstance(number, tuple) else (number,)
            if any(isinstance(n, float) and not 0 <= n <= LONGEST_SECONDS for n in numbers):  # also false for NaN
                raise ConfigError(
                    f"Retry(backoff={shown(value)}): {field} must be finite and not negative, and at most ten years"
                )
        return rule
    if isinstance(value, list | tuple):
        return Delays(seconds=tuple(parse_duration(item, "Retry(backoff=[...])") / 1000 for item in value))
    raise ConfigError(f"Retry(backoff={shown(value)}): give a name, a list of durations, or Exponential(...)")
