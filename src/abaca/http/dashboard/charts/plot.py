"""Plots over minutes: stacked bars and lines, in a box that the page stretches to its own width.

Coordinates are of a box of one unit a minute and ``HEIGHT`` units up. Labels are no part of it, so stretching the box
stretches no text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from abaca.http.dashboard.charts.scale import nice_top, ticks
from abaca.http.dashboard.times import clock

HEIGHT = 100
NOTHING = "\u2013"
_GAP = 0.16
_MARKS = 5


@dataclass(frozen=True, slots=True)
class Rect:
    y: float
    height: float
    kind: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One minute: its parts from the floor up, and what the hover says."""

    x: float
    width: float
    parts: tuple[Rect, ...]
    says: str


@dataclass(frozen=True, slots=True)
class Line:
    name: str
    kind: str
    path: str
    latest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """``marks`` are the labels below, ``levels`` those beside, from the top down. ``columns`` and ``rows`` are the
    table that says the same. ``is_empty``: there is nothing to draw."""

    width: int
    bars: tuple[Bar, ...] = ()
    lines: tuple[Line, ...] = ()
    levels: tuple[str, ...]
    marks: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    legend: tuple[tuple[str, str, str], ...]
    is_empty: bool


@dataclass(frozen=True, slots=True)
class Named:
    """One row of numbers of a plot. ``kind`` is its class in the stylesheet; ``None`` is a minute without a number."""

    name: str
    kind: str
    values: Sequence[float | None]


Text = Callable[[float], str]


def bar_plot(
    minutes: Sequence[int],
    series: Sequence[Named],
    write: Text,
    least_top: float = 1.0,
    *,
    total: float | None = None,
) -> Plot:
    """Bars of one minute each, the series stacked in their order. The legend has the sum of each, or ``total``."""
    sums = [sum(each.values[at] or 0.0 for each in series) for at in range(len(minutes))]
    top = nice_top(max(sums, default=0.0), least_top)
    bars = tuple(
        Bar(at + _GAP / 2, 1 - _GAP, _stacked(series, at, top), _says(minutes[at], series, at, write))
        for at in range(len(minutes))
    )
    sums_of = [sum(value or 0.0 for value in each.values) if total is None else total for each in series]
    legend = tuple((each.name, each.kind, write(sum_of)) for each, sum_of in zip(series, sums_of, strict=True))
    return _plot(minutes, series, write, top, bars=bars, legend=legend, is_empty=not any(sums))


def line_plot(minutes: Sequence[int], series: Sequence[Named], write: Text, least_top: float = 1.0) -> Plot:
    """Lines, broken where there is no number."""
    known = [value for each in series for value in each.values if value is not None]
    top = nice_top(max(known, default=0.0), least_top)
    lines = tuple(Line(each.name, each.kind, _path(each.values, top), _latest(each.values, write)) for each in series)
    bars = tuple(Bar(float(at), 1.0, (), _says(minutes[at], series, at, write)) for at in range(len(minutes)))
    legend = tuple((line.name, line.kind, line.latest) for line in lines)
    return _plot(minutes, series, write, top, bars=bars, lines=lines, legend=legend, is_empty=not known)


def _plot(
    minutes: Sequence[int],
    series: Sequence[Named],
    write: Text,
    top: float,
    *,
    bars: tuple[Bar, ...],
    legend: tuple[tuple[str, str, str], ...],
    is_empty: bool,
    lines: tuple[Line, ...] = (),
) -> Plot:
    marked = [minutes[round(at * (len(minutes) - 1) / (_MARKS - 1))] for at in range(_MARKS)] if minutes else []
    return Plot(
        width=max(1, len(minutes)),
        bars=bars,
        lines=lines,
        levels=tuple(write(level) for level in ticks(top)),
        marks=tuple(map(clock, marked)),
        columns=("minute", *(each.name for each in series)),
        rows=tuple(
            (clock(minutes[at]), *(_cell(each.values[at], write) for each in series))
            for at in reversed(range(len(minutes)))
            if any(each.values[at] for each in series)
        ),
        legend=legend,
        is_empty=is_empty,
    )


def _stacked(series: Sequence[Named], at: int, top: float) -> tuple[Rect, ...]:
    parts = []
    floor = float(HEIGHT)
    for each in series:
        height = HEIGHT * (each.values[at] or 0.0) / top
        if height > 0:
            floor -= height
            parts.append(Rect(round(floor, 2), round(height, 2), each.kind))
    return tuple(parts)


def _path(values: Sequence[float | None], top: float) -> str:
    """Through the middle of each minute; one that stands alone is a dash of a minute's width."""
    words: list[str] = []
    for at, value in enumerate(values):
        if value is None:
            continue
        y = round(HEIGHT - HEIGHT * min(value, top) / top, 2)
        before = at > 0 and values[at - 1] is not None
        after = at + 1 < len(values) and values[at + 1] is not None
        if before or after:
            words.append(f"{'L' if before else 'M'}{at + 0.5:g} {y:g}")
        else:
            words.append(f"M{at:g} {y:g}H{at + 1:g}")
    return "".join(words)


def _latest(values: Sequence[float | None], write: Text) -> str:
    known = [value for value in values if value is not None]
    return write(known[-1]) if known else NOTHING


def _says(minute: int, series: Sequence[Named], at: int, write: Text) -> str:
    return f"{clock(minute)} UTC: " + ", ".join(f"{each.name} {_cell(each.values[at], write)}" for each in series)


def _cell(value: float | None, write: Text) -> str:
    return NOTHING if value is None else write(value)
