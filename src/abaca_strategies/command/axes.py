"""The parameters of a sweep, as people write them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import msgspec

from abaca import ConfigError
from abaca_strategies.command.plain import value_of
from abaca_strategies.requests import MAX_SWEEP_POINTS


def grid_of(words: Iterable[str]) -> dict[str, list[Any]] | None:
    """``fast=5,10,20``, ``fast=5:50:5`` (both ends included) and ``kind=["sma","ema"]``. Raises ``ConfigError``."""
    return {name: _values("--grid", name, text) for name, text in _named("--grid", words)} or None


def random_of(words: Iterable[str]) -> dict[str, Any] | None:
    """``fast=5:50``, ``stop=0.001:0.1:log``, and lists to choose from. Raises ``ConfigError``."""
    return {name: _drawn(name, text) for name, text in _named("--random", words)} or None


def _named(flag: str, words: Iterable[str]) -> list[tuple[str, str]]:
    found: dict[str, str] = {}
    for word in words:
        name, is_there, text = word.partition("=")
        if not is_there or not name.strip() or not text.strip():
            raise ConfigError(f"{flag}: {word!r} is no NAME=VALUES")
        if name in found:
            raise ConfigError(f"{flag}: {name} is given twice")
        found[name] = text
    return list(found.items())


def _values(flag: str, name: str, text: str) -> list[Any]:
    if text.startswith("["):
        return _listed(flag, name, text)
    if text.count(":") == 2:
        return _range(flag, name, text)
    return [value_of(part.strip()) for part in text.split(",")]


def _listed(flag: str, name: str, text: str) -> list[Any]:
    try:
        return msgspec.json.decode(text, type=list[Any])
    except msgspec.DecodeError as error:
        raise ConfigError(f"{flag}: {name} is no list in JSON: {error}") from error


def _range(flag: str, name: str, text: str) -> list[float | int]:
    low, high, step = (_number(flag, name, part) for part in text.split(":"))
    if step <= 0 or high < low:
        raise ConfigError(f"{flag}: {name}={text}: write LOW:HIGH:STEP with a step above 0")
    count = math.floor((high - low) / step + 1e-9) + 1
    if count > MAX_SWEEP_POINTS:
        raise ConfigError(f"{flag}: {name}={text} are {count:,} values; at most {MAX_SWEEP_POINTS:,} can be tried")
    values = [low + number * step for number in range(count)]
    return [one if isinstance(one, int) else round(one, 12) for one in values]


def _drawn(name: str, text: str) -> Any:
    low, colon, rest = text.partition(":")
    if not colon or text.startswith("["):
        return _values("--random", name, text)
    high, _, log = rest.partition(":")
    if log not in ("", "log"):
        raise ConfigError(f"--random: {name}={text}: write LOW:HIGH or LOW:HIGH:log")
    given = {"low": _number("--random", name, low), "high": _number("--random", name, high)}
    return given | {"log": True} if log else given


def _number(flag: str, name: str, text: str) -> float | int:
    value = value_of(text.strip())
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(f"{flag}: {name}: {text!r} is no number")
    return value
