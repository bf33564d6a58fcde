"""Reads what plotly would draw: the kinds of traces that are drawn here, out of JSON that code of users made.

Nothing in it is trusted: every value is checked, and what does not fit makes the figure one that is not drawn.
"""

from __future__ import annotations

import base64
import binascii
import math
import sys
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from abaca_strategies.web.drawing.scales import is_number, seconds_of

KINDS = ("scatter", "scattergl", "line", "bar", "candlestick", "ohlc", "histogram", "heatmap")
MOST_TRACES = 40
MOST_POINTS = 20_000
"""Of one trace."""
_TYPES = {"f8": "d", "f4": "f", "i1": "b", "u1": "B", "i2": "h", "u2": "H", "i4": "i", "u4": "I", "i8": "q", "u8": "Q"}
_BINS = 60


class NotDrawn(ValueError):
    """The figure is not drawn here, and why."""


@dataclass(frozen=True, slots=True)
class Trace:
    """``x`` are numbers, instants or words; ``columns`` has the numbers beside them: ``y``, or the four prices."""

    kind: str
    name: str
    x: list[Any]
    columns: dict[str, list[float | None]]
    mode: str = "lines"
    panel: str = ""
    z: tuple[tuple[float | None, ...], ...] = ()
    rows: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Figure:
    title: str
    x_title: str
    y_title: str
    traces: list[Trace]


def read_figure(data: Mapping[str, Any]) -> Figure:
    """Raises ``NotDrawn``."""
    try:
        return _read(data)
    except NotDrawn:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError, binascii.Error) as error:
        raise NotDrawn("its data are none that can be read here") from error


def _read(data: Mapping[str, Any]) -> Figure:
    traces, layout = data.get("data"), data.get("layout")
    if not isinstance(traces, list) or not traces:
        raise NotDrawn("it has no traces")
    if len(traces) > MOST_TRACES:
        raise NotDrawn(f"it has {len(traces)} traces, and {MOST_TRACES} are drawn here")
    layout = layout if isinstance(layout, dict) else {}
    found = [_trace(each, at) for at, each in enumerate(traces)]
    return Figure(
        title=words(layout.get("title")),
        x_title=words(_under(layout, "xaxis").get("title")),
        y_title=words(_under(layout, "yaxis").get("title")),
        traces=found,
    )


def _under(layout: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = layout.get(name)
    return found if isinstance(found, dict) else {}


def words(title: Any) -> str:
    """A title is text, or an object that has one."""
    if isinstance(title, dict):
        title = title.get("text")
    return title[:300] if isinstance(title, str) else ""


def _trace(given: Any, at: int) -> Trace:
    if not isinstance(given, dict):
        raise NotDrawn("a trace of it is no object")
    kind = given.get("type", "scatter")
    if not isinstance(kind, str) or kind not in KINDS:
        raise NotDrawn(f"traces of the kind {str(kind)[:40]!r} are not drawn here")
    if given.get("orientation") == "h":
        raise NotDrawn("bars that lie are not drawn here")
    name = given.get("name")
    shared: dict[str, Any] = {
        "name": name[:100] if isinstance(name, str) and name else f"trace {at + 1}",
        "panel": f"{str(given.get('xaxis', 'x'))[:8]}/{str(given.get('yaxis', 'y'))[:8]}",
    }
    if kind == "heatmap":
        return _heatmap(given, shared)
    if kind == "histogram":
        return _histogram(given, shared)
    if kind in ("candlestick", "ohlc"):
        columns = {name: numbers(given.get(name)) for name in ("open", "high", "low", "close")}
    else:
        columns = {"y": numbers(given.get("y"))}
    length = max(map(len, columns.values()))
    x = values(given.get("x")) or [float(each) for each in range(length)]
    length = min(len(x), *map(len, columns.values()))
    mode = given.get("mode")
    drawn = "bar" if kind == "bar" else "candles" if len(columns) == 4 else "line"
    return Trace(
        kind=drawn,
        x=x[:length],
        columns={name: column[:length] for name, column in columns.items()},
        mode=mode if isinstance(mode, str) else "lines" if length > 20 else "lines+markers",
        **shared,
    )


def _heatmap(given: Mapping[str, Any], shared: Mapping[str, Any]) -> Trace:
    rows = tuple(tuple(numbers(row)) for row in values(given.get("z")))
    if not rows or not all(rows):
        raise NotDrawn("its heat map has no rows of numbers")
    x = values(given.get("x")) or list(range(max(map(len, rows))))
    y = values(given.get("y")) or list(range(len(rows)))
    return Trace(kind="heat", x=x, columns={}, z=rows, rows=tuple(y), **shared)


def _histogram(given: Mapping[str, Any], shared: Mapping[str, Any]) -> Trace:
    seen = [value for value in numbers(given.get("x")) if value is not None]
    if not seen:
        raise NotDrawn("its histogram has no numbers")
    low, high = min(seen), max(seen)
    wanted = given.get("nbinsx")
    bins = wanted if isinstance(wanted, int) and 1 <= wanted <= _BINS else min(_BINS, math.ceil(len(seen) ** 0.5))
    width = (high - low) / bins or 1.0
    counts = [0.0] * bins
    for value in seen:
        counts[min(int((value - low) / width), bins - 1)] += 1
    edges = [low + at * width for at in range(bins + 1)]
    middles: list[Any] = [(one + other) / 2 for one, other in pairwise(edges)]
    return Trace(kind="bar", x=middles, columns={"y": list(counts)}, **shared)


def values(given: Any) -> list[Any]:
    """A list as it is, or packed as plotly packs numbers. No more than are drawn."""
    if isinstance(given, dict) and "bdata" in given:
        given = _unpacked(given)
    if given is None:
        return []
    if not isinstance(given, list):
        raise NotDrawn("values of it are no list")
    if len(given) > MOST_POINTS:
        raise NotDrawn(f"a trace has {len(given):,} points, and {MOST_POINTS:,} are drawn here")
    return list(given)


def numbers(given: Any) -> list[float | None]:
    """What is no number is a hole."""
    return [float(each) if is_number(each) else None for each in values(given)]


def _unpacked(given: Mapping[str, Any]) -> list[Any]:
    code = _TYPES.get(str(given.get("dtype")).lstrip("<|="))
    if code is None:
        raise NotDrawn("its numbers are packed in a way that is not read here")
    raw = base64.b64decode(str(given["bdata"])[: MOST_POINTS * 16], validate=True)
    found = array(code)
    found.frombytes(raw[: len(raw) - len(raw) % found.itemsize])
    if sys.byteorder == "big":
        found.byteswap()
    shape = given.get("shape")
    if isinstance(shape, str) and shape.count(",") == 1:
        columns = int(shape.partition(",")[2])
        return [found[at : at + columns].tolist() for at in range(0, len(found), columns)] if columns > 0 else []
    return found.tolist()


def as_numbers(given: Sequence[Any]) -> list[float] | None:
    """Numbers, where all are; holes are none."""
    return [float(each) for each in given] if given and all(map(is_number, given)) else None


def as_times(given: Sequence[Any]) -> list[float] | None:
    """Seconds, where all are instants or days."""
    if not given or not all(isinstance(each, str) and 10 <= len(each) <= 40 for each in given):
        return None
    try:
        return [seconds_of(each) for each in given]
    except (ValueError, OverflowError):
        return None
