"""Draws figures of plotly as pictures of our own: a panel for each pair of axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from abaca_strategies.web.drawing.heat import heat_table
from abaca_strategies.web.drawing.lines import (
    BOTTOM,
    COLOURS,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    figure,
    legend,
    levels,
    marks_below,
)
from abaca_strategies.web.drawing.markup import Html, el, joined, svg
from abaca_strategies.web.drawing.plotly import Figure, NotDrawn, Trace, as_numbers, as_times, read_figure
from abaca_strategies.web.drawing.scales import Scale, number, scale, ticks, time_ticks

HEIGHT = 300.0
_MOST_DOTS = 3_000
_MOST_BARS = 1_500
_MOST_NAMES = 400


def draw_plot(data: Mapping[str, Any]) -> Html:
    """The picture, or the words that say why there is none."""
    try:
        read = read_figure(data)
        panels = dict.fromkeys(trace.panel for trace in read.traces)
        return joined(*(_panel(read, [each for each in read.traces if each.panel == name]) for name in panels))
    except NotDrawn as why:
        return el("p", f"This figure is not drawn: {why}. Its JSON has all of it.", class_="quiet pad not-drawn")


def _panel(read: Figure, traces: list[Trace]) -> Html:
    heats = [_heat(read, trace) for trace in traces if trace.kind == "heat"]
    traces = [trace for trace in traces if trace.kind != "heat" and trace.x]
    if not traces:
        return joined(*heats) if heats else el("p", "This figure has no points.", class_="quiet pad")
    across, places, marks = _across([trace.x for trace in traces])
    heights = [value for trace in traces for column in trace.columns.values() for value in column if value is not None]
    up = scale(heights, HEIGHT - BOTTOM, TOP, room=0.04, zero=any(trace.kind == "bar" for trace in traces))
    bars = [trace for trace in traces if trace.kind == "bar"]
    shapes = []
    for at, (trace, x) in enumerate(zip(traces, places, strict=True)):
        if trace.kind == "bar":
            shapes.append(_bars(trace, x, up, at, bars.index(trace), len(bars)))
        elif trace.kind == "candles":
            shapes.append(_candles(trace, x, up))
        else:
            shapes.append(_scatter(trace, x, up, at))
    frame = joined(levels(up, number), marks_below(across, marks, HEIGHT), _titles(read))
    picture = svg(WIDTH, HEIGHT, _label(read, traces), frame, *shapes)
    return joined(figure(picture, legend([(trace.name, at) for at, trace in enumerate(traces)])), *heats)


def _label(read: Figure, traces: Sequence[Trace]) -> str:
    names = ", ".join(trace.name for trace in traces[:8])
    title = read.title or "Figure"
    return f"{title}: {names}; {sum(len(trace.x) for trace in traces):,} points"


def _titles(read: Figure) -> Html:
    parts = []
    if read.y_title:
        parts.append(el("text", read.y_title[:60], x=LEFT + 4, y=TOP + 10, class_="axis begin"))
    if read.x_title:
        parts.append(el("text", read.x_title[:60], x=WIDTH - RIGHT - 4, y=HEIGHT - BOTTOM - 6, class_="axis end"))
    return joined(*parts)


def _across(lines: list[list[Any]]) -> tuple[Scale, list[list[float]], list[tuple[float, str]]]:
    """The scale of all traces, where each of their points lies, and what is written below."""
    for read in (as_numbers, as_times):
        found = [one for line in lines if (one := read(line)) is not None]
        if len(found) == len(lines):
            half = _step(found) / 2
            every = [value for line in found for value in line]
            across = scale([min(every) - half, max(every) + half], LEFT, WIDTH - RIGHT)
            marks = (
                time_ticks(across.low, across.high)
                if read is as_times
                else [(value, number(value)) for value in ticks(across.low, across.high, 8)]
            )
            return across, [[across.at(value) for value in line] for line in found], marks
    names = list(dict.fromkeys(str(value)[:40] for line in lines for value in line))
    if len(names) > _MOST_NAMES:
        raise NotDrawn(f"it has {len(names)} names beside each other, and {_MOST_NAMES} are drawn here")
    place = {name: float(at) for at, name in enumerate(names)}
    across = Scale(-0.5, len(names) - 0.5, LEFT, WIDTH - RIGHT)
    every_nth = max(1, -(-len(names) // 12))
    marks = [(float(at), name[:14]) for at, name in enumerate(names) if at % every_nth == 0]
    return across, [[across.at(place[str(value)[:40]]) for value in line] for line in lines], marks


def _step(lines: list[list[float]]) -> float:
    """The distance of two points, for the room that the outer bars take."""
    longest = max(lines, key=len)
    return (max(longest) - min(longest)) / max(len(longest) - 1, 1) if len(longest) <= _MOST_BARS else 0.0


def _scatter(trace: Trace, x: list[float], up: Scale, at: int) -> Html:
    kind = f"c{at % COLOURS}"
    places = [
        (left, None if value is None else up.at(value)) for left, value in zip(x, trace.columns["y"], strict=True)
    ]
    parts = []
    if "lines" in trace.mode:
        path, is_open = [], False
        for left, y in places:
            if y is not None:
                path.append(f"{'L' if is_open else 'M'}{left:g} {y:g}")
            is_open = y is not None
        parts.append(el("path", d="".join(path), class_=f"curve {kind}"))
    if "markers" in trace.mode:
        known = [(left, y) for left, y in places if y is not None]
        every = max(1, -(-len(known) // _MOST_DOTS))
        parts += [el("circle", cx=left, cy=y, r=2.6, class_=f"dot {kind}") for left, y in known[::every]]
    return joined(*parts)


def _bars(trace: Trace, x: list[float], up: Scale, at: int, nth: int, of: int) -> Html:
    if len(x) > _MOST_BARS:
        raise NotDrawn(f"it has {len(x):,} bars, and {_MOST_BARS:,} are drawn here")
    slot = (WIDTH - LEFT - RIGHT) / max(len(x), 1)
    width = max(slot * 0.8 / of, 0.5)
    floor = up.at(min(max(0.0, up.low), up.high))
    parts = []
    for left, value in zip(x, trace.columns["y"], strict=True):
        if value is not None:
            top = up.at(value)
            begin = left - slot * 0.4 + nth * width
            box = {"x": round(begin, 2), "y": min(top, floor), "width": round(width, 2), "height": abs(top - floor)}
            says = el("title", f"{trace.name}: {number(value)}")
            parts.append(el("rect", says, class_=f"box c{at % COLOURS}", **box))
    return joined(*parts)


def _candles(trace: Trace, x: list[float], up: Scale) -> Html:
    if len(x) > _MOST_BARS:
        raise NotDrawn(f"it has {len(x):,} candles, and {_MOST_BARS:,} are drawn here")
    width = max((WIDTH - LEFT - RIGHT) / max(len(x), 1) * 0.6, 0.6)
    parts = []
    columns = (trace.columns[name] for name in ("open", "high", "low", "close"))
    for left, opened, high, low, close in zip(x, *columns, strict=True):
        if opened is None or high is None or low is None or close is None:
            continue
        kind = "rise" if close >= opened else "fall"
        top, bottom = up.at(max(opened, close)), up.at(min(opened, close))
        parts.append(el("path", d=f"M{left:g} {up.at(high):g}V{up.at(low):g}", class_=f"wick {kind}"))
        box = {"x": round(left - width / 2, 2), "y": top, "width": round(width, 2), "height": max(bottom - top, 0.8)}
        parts.append(el("rect", class_=kind, **box))
    return joined(*parts)


def _heat(read: Figure, trace: Trace) -> Html:
    caption = f"{read.title or 'Heat map'}: {trace.name}"
    table = heat_table(caption, read.x_title or "x", read.y_title or "y", trace.x, trace.rows, trace.z)
    return el("div", table, class_="scroll", tabindex=0, role="region", aria_label=caption)
