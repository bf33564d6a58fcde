"""``Limit``: how many jobs run at once or start in a time, as people write it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import msgspec

from abaca.durations import MAX_DURATION_MS, Duration, parse_duration
from abaca.errors import ArgumentError, ConfigError
from abaca.model import MOST_LIMITS, Value
from abaca.model import Limit as StoredLimit
from abaca.text import shown

MOST_AT_ONCE = 1_000_000
_PLAIN_BYTES = 100
_encode = msgspec.json.Encoder().encode


class LimitRule(Value, frozen=True, kw_only=True):
    """A limit as a task's options carry it, so that processes without the code can apply it too."""

    bucket: str
    concurrency: int | None = None
    rate: int | None = None
    period_ms: int = 1000
    burst: int = 1
    per: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """At most ``concurrency`` jobs at once, or ``rate`` starts in each ``period``, or both, over all workers.

    ``burst`` is how many may start at once after a rest; without it starts are spread evenly. ``per`` names an
    argument: each of its values has a limit of its own. ``name``: tasks whose limits have the same name share it;
    without it the limit is the task's. A job that is held back has the status ``blocked``, takes no slot and holds up
    no other.
    Raises ``ConfigError`` for values that cannot be used.
    """

    concurrency: int | None = None
    rate: int | None = None
    period: Duration = 1.0
    burst: int = 1
    per: str | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        if self.concurrency is None and self.rate is None:
            raise ConfigError("Limit(): give concurrency=, or rate= and period=")
        _check_number(self.concurrency, "concurrency", 0)
        _check_number(self.rate, "rate", 1)
        _check_number(self.burst, "burst", 1)
        if self.rate is None and self.burst != 1:
            raise ConfigError("Limit(burst=): it belongs to rate=, and there is none")
        period_ms = parse_duration(self.period, "Limit(period=)")
        if not 0 < period_ms <= MAX_DURATION_MS or (self.rate is not None and period_ms * 1000 < self.rate):
            raise ConfigError(f"Limit(period={shown(self.period)}): it is too short for {self.rate or 1} starts")

    def rule(self, task: str, number: int) -> LimitRule:
        bucket = f"task:{task}:{number}" if self.name is None else f"name:{self.name}"
        return LimitRule(
            bucket=bucket,
            concurrency=self.concurrency,
            rate=self.rate,
            period_ms=parse_duration(self.period, "Limit(period=)"),
            burst=self.burst,
            per=self.per,
        )


def limit_rules(limits: Sequence[Limit], task: str, parameters: Sequence[str]) -> tuple[LimitRule, ...]:
    """The limits of a task. Raises ``ConfigError`` naming the task for too many, or a ``per`` that is no parameter."""
    if isinstance(limits, Limit) or any(not isinstance(limit, Limit) for limit in limits):
        raise ConfigError(f"task {task!r}, limits: give a list of Limit(...)")
    if len(limits) > MOST_LIMITS:
        raise ConfigError(f"task {task!r}, limits: {len(limits)} are given, and {MOST_LIMITS} are possible")
    for limit in limits:
        if limit.per is not None and limit.per not in parameters:
            raise ConfigError(f"task {task!r}, Limit(per={limit.per!r}): it has no such parameter")
    return tuple(limit.rule(task, number) for number, limit in enumerate(limits, 1))


def limits_of_call(
    rules: Sequence[LimitRule], task: str, arguments: Mapping[str, Any], defaults: Mapping[str, Any]
) -> tuple[StoredLimit, ...]:
    """The limits that one call carries. Raises ``ArgumentError`` for a ``per`` argument that is no plain value."""
    return tuple(_limit(rule, task, arguments, defaults) for rule in rules)


def _limit(rule: LimitRule, task: str, arguments: Mapping[str, Any], defaults: Mapping[str, Any]) -> StoredLimit:
    bucket = rule.bucket
    if rule.per is not None:
        value = arguments.get(rule.per, defaults.get(rule.per))
        if value is not None and not isinstance(value, str | int | float | bool):
            raise ArgumentError(
                f"task {task!r}, argument {rule.per!r}: its limit goes by it, so it must be text or a number, "
                f"not {type(value).__name__}; nothing was enqueued"
            )
        bucket = f"{bucket}:{_named(value)}"
    return StoredLimit(
        bucket=bucket, concurrency=rule.concurrency, rate=rule.rate, period_ms=rule.period_ms, burst=rule.burst
    )


def _named(value: object) -> str:
    """A value as part of a bucket's name: as JSON, and a long one as its digest."""
    text = _encode(value)
    return text.decode() if len(text) <= _PLAIN_BYTES else blake2b(text, digest_size=16).hexdigest()


def _check_number(value: int | None, what: str, least: int) -> None:
    if value is not None and (type(value) is not int or not least <= value <= MOST_AT_ONCE):
        raise ConfigError(f"Limit({what}={shown(value)}): give a number from {least} to {MOST_AT_ONCE:,}")
