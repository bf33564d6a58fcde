"""Checks of single options, each of which names what it refuses."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec

from abaca.durations import Duration, parse_duration
from abaca.errors import ConfigError
from abaca.model import Keep, RetryRule
from abaca.policy.builtin import BUILT_IN
from abaca.retryspec import Retry
from abaca.text import shown

Priority = int | Literal["low", "normal", "high"]
KeepSpec = Duration | Mapping[str, Duration]

NAMED_PRIORITIES = {"low": 25, "normal": 50, "high": 75}
MAX_TAGS = 32
_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,128}", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DEFAULT_RULE = RetryRule()
_DEFAULT_KEEP = Keep()


def check_name(value: str, what: str) -> str:
    if not _is(value, str) or not _NAME.fullmatch(value):
        raise ConfigError(
            f"{what}: {shown(value)} is not a usable name; use 1 to 128 letters, digits, '_', '.', ':' or '-'"
        )
    return value


def check_task_name(value: str) -> str:
    name = check_name(value, "task name")
    if name in BUILT_IN:
        raise ConfigError(f"task name: {name!r} is the name of a task that every worker has; give another with name=")
    return name


def check_text(value: str, what: str, limit: int) -> str:
    try:
        usable = 0 < len(value.encode()) <= limit and "\0" not in value
    except (AttributeError, UnicodeEncodeError):
        usable = False
    if not usable:
        raise ConfigError(f"{what}: {shown(value)} is not usable; give text of 1 to {limit} bytes of UTF-8")
    return value


def check_tags(values: Iterable[str]) -> tuple[str, ...]:
    if isinstance(values, str):
        raise ConfigError(f"tags: {shown(values)} is one text; give a list of them")
    tags = tuple(dict.fromkeys(check_text(value, "tags", 128) for value in values))
    if len(tags) > MAX_TAGS:
        raise ConfigError(f"tags: {len(tags)} are given and the limit is {MAX_TAGS}")
    return tags


def check_priority(value: Priority) -> int:
    if isinstance(value, str) and value in NAMED_PRIORITIES:
        return NAMED_PRIORITIES[value]
    if isinstance(value, int) and _is(value, int) and 0 <= value <= 100:
        return value
    raise ConfigError(f"priority: {shown(value)} is not usable; give 0 to 100, or 'low', 'normal' or 'high'")


def check_retry(value: Retry) -> RetryRule:
    if not _is(value, Retry):
        raise ConfigError(f"retry: {shown(value)} is not usable; give Retry(max_attempts=...)")
    return value.rule()


def check_keep(value: KeepSpec, by: Literal["job", "task", "app"] = "job") -> Keep:
    """One duration is for completed jobs and lengthens the others' where theirs is shorter; a mapping says each."""
    if not isinstance(value, Mapping):
        ms = parse_duration(value, "keep")
        return Keep(
            completed_ms=ms,
            cancelled_ms=max(ms, _DEFAULT_KEEP.cancelled_ms),
            failed_ms=max(ms, _DEFAULT_KEEP.failed_ms),
            by=by,
        )
    unknown = set(value) - {"completed", "cancelled", "failed"}
    if unknown:
        raise ConfigError(
            f"keep: {shown(min(unknown, key=str))} is no end of a job; use 'completed', 'cancelled' and 'failed'"
        )
    given = {f"{status}_ms": parse_duration(length, f"keep[{status!r}]") for status, length in value.items()}
    return msgspec.structs.replace(_DEFAULT_KEEP, by=by, **given)


def check_size(value: int, what: str, most: int) -> int:
    if not _is(value, int) or not 0 < value <= most:
        raise ConfigError(f"{what}: {shown(value)} is not usable; give a number of bytes from 1 to {most:,}")
    return value


def positive(value: Duration, what: str) -> int:
    ms = parse_duration(value, what)
    if ms == 0:
        raise ConfigError(f"{what}: it must be above zero")
    return ms


def instant(value: datetime, what: str) -> int:
    """Microseconds since the Unix epoch. Raises ``ConfigError`` for a datetime without a time zone."""
    if not _is(value, datetime) or value.tzinfo is None:
        raise ConfigError(f"{what}: {shown(value)} is not usable; give a datetime with a time zone")
    return (value - _EPOCH) // timedelta(microseconds=1)


def _is(value: object, kind: type) -> bool:
    """Whether an option is what its type says; callers without a type checker may pass anything."""
    return isinstance(value, kind) and not isinstance(value, bool)


def keep_unless_default(keep: Keep) -> Keep | None:
    """The app's keep, where its settings say anything of their own."""
    return None if keep == _DEFAULT_KEEP else msgspec.structs.replace(keep, by="app")


def none_if_default(rule: RetryRule | None) -> RetryRule | None:
    """An option that says what holds anyway costs nothing when it is left out."""
    return None if rule == _DEFAULT_RULE else rule
