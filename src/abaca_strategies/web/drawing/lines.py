"""Lines over time: curves of equity, drawdowns, and several runs laid over each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from abaca_strategies.web.drawing.markup import Html, el, joined, svg
from abaca_strategies.web.drawing.scales import Scale, number, scale, ticks, time_ticks

WIDTH = 960.0
LEFT, RIGHT, TOP, BOTTOM = 74.0, 12.0, 10.0, 24.0
COLOURS = 8
"""Kinds of lines that the stylesheet tells apart, by colour and by dashes."""
_BUCKETS = 480

Points = Sequence[tuple[float, float]]
Text = Callable[[float], str]


@dataclass(frozen=True, slots=True)
class Curve:
    """``kind`` is a number of the palette. ``points`` are in the order of their times, in seconds."""

    name: str
    points: Points
    kind: int = 0
    is_filled: bool = False


def time_chart(
    curves: Sequence[Curve], label: str, *, height: float = 270.0, write: Text = number, zero: bool = False
) -> Html:
    """Curves over time with a legend; ``label`` says in words what there is to see."""
    drawn = [each for each in curves if each.points]
    if not drawn:
        return el("p", "There is nothing to draw.", class_="quiet pad")
    across = scale([each.points[at][0] for each in drawn for at in (0, -1)], LEFT, WIDTH - RIGHT)
    values = [value for each in drawn for _, value in each.points]
    up = scale(values, height - BOTTOM, TOP, room=0.03, zero=zero)
    marks = time_ticks(across.low, across.high)
    frame = joined(levels(up, write), marks_below(across, marks, height))
    lines = [_line(each, across, up) for each in drawn]
    return figure(svg(WIDTH, height, label, frame, *lines), legend([(each.name, each.kind) for each in curves]))


def figure(picture: Html, caption: Html | None = None) -> Html:
    frame = el("div", picture, class_="scroll drawing", tabindex=0, role="group", aria_label="Picture")
    return el("figure", frame, caption)


def legend(names: Sequence[tuple[str, int]]) -> Html | None:
    if len(names) < 2:
        return None
    keys = [el("li", el("span", "", class_=f"swatch c{kind % COLOURS}", aria_hidden="true"), name)
            for name, kind in names]  # fmt: skip
    return el("figcaption", el("ul", *keys, class_="legend"))


def levels(up: Scale, write: Text, right: float = WIDTH - RIGHT) -> Html:
    """Lines across, and what they stand for at the left."""
    parts = []
    for value in ticks(up.low, up.high, 5):
        y = up.at(value)
        parts.append(el("path", d=f"M{LEFT:g} {y:g}H{right:g}", class_="level"))
        parts.append(el("text", write(value), x=LEFT - 8, y=round(y + 4, 2), class_="axis end"))
    return joined(*parts)


def marks_below(across: Scale, marks: Sequence[tuple[float, str]], height: float) -> Html:
    parts = []
    for at, (value, words) in enumerate(marks):
        side = " begin" if at == 0 else " end" if at == len(marks) - 1 and at else " middle"
        parts.append(el("text", words, x=across.at(value), y=height - 7, class_=f"axis{side}"))
    return joined(*parts)


def _line(curve: Curve, across: Scale, up: Scale) -> Html:
    points = [(across.at(time), up.at(value)) for time, value in thinned(curve.points)]
    path = "M" + "L".join(f"{x:g} {y:g}" for x, y in points)
    line = el("path", d=path, class_=f"curve c{curve.kind % COLOURS}")
    if not curve.is_filled:
        return line
    floor = up.at(min(max(0.0, up.low), up.high))
    area = f"{path}L{points[-1][0]:g} {floor:g}L{points[0][0]:g} {floor:g}Z"
    return joined(el("path", d=area, class_=f"area c{curve.kind % COLOURS}"), line)


def thinned(points: Points, buckets: int = _BUCKETS) -> list[tuple[float, float]]:
    """Fewer points, with the lowest and the highest of each part: the line looks the same."""
    if len(points) <= 2 * buckets:
        return list(points)
    found = [points[0]]
    size = len(points) / buckets
    for at in range(buckets):
        part = points[int(at * size) : int((at + 1) * size)]
        low = min(part, key=lambda point: point[1])
        high = max(part, key=lambda point: point[1])
        found += sorted({low, high})
    return [*found, points[-1]]
