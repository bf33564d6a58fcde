"""Finds in a prompt which of the four templates it asks for, and with what numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

_NUMBER = r"(\d{1,4}(?:\.\d+)?)"
_LEVEL = rf"{_NUMBER}\b(?![- ]*(?:day|period|bar|week|month))"
_STOP = r"(?:stop(?:[- ]?loss(?:es)?)?|take[- ]?profit|profit[- ]target)\b"
_STOPS = re.compile(
    rf"(?:with |and )?(?:an? )?{_NUMBER}\s*(?:%|percent)\s*(?:trailing )?{_STOP}"
    rf"|{_STOP}\s*(?:of|at)?\s*{_NUMBER}\s*(?:%|percent)?"
)
_SHORT = re.compile(
    r"\bshort(?!er|[- ]?term|ing bars)(?:s|ing)?\b|\blong[-/ ]short\b|\bboth (?:ways|sides|directions)\b"
)
_LONG_ONLY = re.compile(r"\blong[- ]only\b|\bno short|\bwithout short|\bnever short|\bdo not short|\bdon't short")


@dataclass(frozen=True)
class Fit:
    """A template, what its parameters are, and a name for it."""

    template: str
    name: str
    params: Mapping[str, Any]


class Unfit(Exception):
    """The prompt asks for a template with numbers that cannot be. The text says which."""


@dataclass(frozen=True)
class Template:
    words: re.Pattern[str]
    about: str
    """What it does, for people."""
    read: Callable[[str], Fit]


def without_stops(prompt: str) -> tuple[str, bool]:
    """The prompt in small letters without what it says of stop losses and targets, and whether it said any."""
    text = prompt.lower()
    left = _STOPS.sub(" ", text)
    return left, left != text


def _cross(text: str) -> Fit:
    numbers = [int(one) for one in re.findall(r"\b(\d{1,4})\b(?!\s*(?:%|percent))", text)]
    fast, slow = _averages(list(dict.fromkeys(numbers)))
    if fast < 1 or fast == slow:
        raise Unfit(f"a moving-average cross needs two averages of at least one bar; {fast} and {slow} were found")
    kind = "exponential" if re.search(r"\bema\b|\bemas\b|exponential", text) else "simple"
    params = {"fast": fast, "slow": slow, "kind": kind, "short": wants_short(text)}
    return Fit("moving_average_cross", f"{kind.capitalize()} moving averages {fast}/{slow}", params)


def _averages(numbers: list[int]) -> tuple[int, int]:
    """The bars of both averages: the first two numbers, or one number and what goes with it."""
    if not numbers:
        return 20, 50
    one, *more = numbers
    if more:
        return min(one, more[0]), max(one, more[0])
    return (one, one * 5 // 2) if one < 50 else (max(one // 4, 1), one)


def _rsi(text: str) -> Fit:
    period = _first(text, rf"rsi\s*\(?\s*{_NUMBER}(?!\s*(?:%|percent))(?:\b|\))", rf"{_NUMBER}[- ]*(?:day|period|bar)")
    low = _first(text, rf"(?:below|under|less than|<|oversold(?: at| below)?)\s*{_LEVEL}")
    high = _first(text, rf"(?:above|over|more than|greater than|>|overbought(?: at| above)?)\s*{_LEVEL}")
    low, high = 30.0 if low is None else low, 70.0 if high is None else high
    whole = 14 if period is None else int(period)
    if whole < 2 or not 0 < low < high < 100:
        raise Unfit(f"an RSI needs 2 or more bars and 0 < low < high < 100; {whole}, {low:g} and {high:g} were found")
    params = {"period": whole, "low": low, "high": high, "short": wants_short(text)}
    return Fit("rsi", f"RSI {whole}, {low:g} to {high:g}", params)


def _breakout(text: str) -> Fit:
    enter = _first(
        text,
        rf"{_NUMBER}[- ]*(?:day|bar|period|session)s?\b(?! ?lows?)",
        rf"(?:donchian|channel|last|past)\D{{0,12}}{_NUMBER}",
    )
    weeks, months = _first(text, rf"{_NUMBER}[- ]*weeks?"), _first(text, rf"{_NUMBER}[- ]*months?")
    if enter is None and (weeks or months):
        enter = weeks * 5 if weeks else (months or 0) * 21
        enter = 252.0 if weeks == 52 or months == 12 else enter
    leave = _first(text, rf"{_NUMBER}[- ]*(?:day|bar|period|session)s?\b ?lows?")
    whole = 55 if enter is None else int(enter)
    out = max(whole // 2, 1) if leave is None else int(leave)
    if whole < 1 or out < 1:
        raise Unfit(f"a breakout looks back at least one bar; {whole} and {out} were found")
    params = {"enter": whole, "leave": out, "short": wants_short(text)}
    return Fit("breakout", f"Breakout {whole}/{out}", params)


def _gap(text: str) -> Fit:
    percent = _first(text, rf"{_NUMBER}\s*(?:%|percent)")
    way = "down" if re.search(r"gap\w*\s+(?:\w+\s+)?down|down[- ]?gap|opens? (?:\w+ )?lower", text) else "up"
    fades = re.search(r"\bfad(?:e|es|ing)\b|\brevers|\bfill", text) is not None
    sells = re.search(r"\b(?:sell|short)\b", text) is not None and not re.search(r"\bbuy\b", text)
    buys = re.search(r"\bbuy\b", text) is not None
    if buys or sells:
        direction = "long" if buys else "short"
    else:
        direction = "long" if (way == "up") != fades else "short"
    share = 3.0 if percent is None else percent
    if not 0 < share < 100:
        raise Unfit(f"a gap lies between 0 and 100 percent; {share:g} was found")
    params = {"gap": way, "percent": share, "direction": direction, "timeframe": "1d"}
    return Fit("gap", f"Gap {way} of {share:g}%, {direction}", params)


def wants_short(text: str) -> bool:
    return _SHORT.search(text) is not None and _LONG_ONLY.search(text) is None


def _first(text: str, *patterns: str) -> float | None:
    for pattern in patterns:
        if (match := re.search(pattern, text)) is not None:
            return float(match[1])
    return None


TEMPLATES: Mapping[str, Template] = {
    "moving_average_cross": Template(
        re.compile(
            r"moving[- ]averages?|\b[se]mas?\b|\bma cross|golden cross|death cross"
            r"|\baverages?\b[^.]*\bcross|\bcross\w*\b[^.]*\baverages?\b"
        ),
        "a fast moving average that crosses a slow one",
        _cross,
    ),
    "rsi": Template(
        re.compile(r"\brsi\b|relative strength index|\boversold\b|\boverbought\b"),
        "an RSI that falls below one level and rises above another",
        _rsi,
    ),
    "gap": Template(re.compile(r"\bgaps?\b|\bgapped\b|\bgapping\b"), "a gap between a close and the next open", _gap),
    "breakout": Template(
        re.compile(
            r"\bbreak(?:s|ing)?[- ]?outs?\b|\bbreakouts?\b|\bdonchian\b|\bnew highs?\b"
            r"|\b\d+[- ](?:day|week|month|bar) highs?\b"
        ),
        "a breakout above the highest high of so many bars",
        _breakout,
    ),
}
BEYOND = re.compile(
    r"\b(earnings|dividends?|news|sentiment|macd|bollinger|stochastic|vwap|atr|adx|fundamentals?|p/?e ratio|market cap"
    r"|options?|pairs?|cointegrat\w*|machine learning|neural|volume|sector|fibonacci|ichimoku)\b"
)
"""What no template knows. A strategy that passed over it would not be what was asked for."""
