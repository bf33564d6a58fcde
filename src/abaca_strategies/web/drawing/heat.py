"""Values over two parameters: a table whose cells say their numbers, and whose colours only help."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from abaca_strategies.web.drawing.markup import Html, el
from abaca_strategies.web.drawing.scales import NOTHING, is_number, number

STEPS = 9
MOST = 60
"""Rows and columns that are drawn."""


def heat_table(
    caption: str, x_name: str, y_name: str, x: Sequence[Any], y: Sequence[Any], z: Sequence[Sequence[Any]],
    *, maximise: bool = True,
) -> Html:  # fmt: skip
    """A row for each of ``y``. The best value is marked with a word for those who do not see it."""
    x, y = list(x)[:MOST], list(y)[:MOST]
    rows = [list(row)[: len(x)] for row in list(z)[: len(y)]]
    known = [value for row in rows for value in row if is_number(value)]
    low, high = min(known, default=0.0), max(known, default=0.0)
    best = high if maximise else low
    head = el("tr", el("th", f"{y_name} \\ {x_name}", scope="col"), *(el("th", _name(each), scope="col", class_="num")
                                                                   for each in x))  # fmt: skip
    body = []
    for name, row in zip(y, rows, strict=False):
        cells = [_cell(value, low, high, is_best=bool(known) and value == best) for value in row]
        body.append(el("tr", el("th", _name(name), scope="row", class_="num"), *cells))
    return el("table", el("caption", caption, class_="hide"), el("thead", head), el("tbody", *body), class_="heat")


def _cell(value: Any, low: float, high: float, *, is_best: bool) -> Html:
    if not is_number(value):
        return el("td", NOTHING, class_="num")
    share = (value - low) / (high - low) if high > low else 0.5
    step = min(int(share * STEPS), STEPS - 1)
    best = el("span", " best", class_="hide") if is_best else None
    return el("td", number(value), best, class_=f"num h{step}{' is-best' if is_best else ''}")


def _name(value: Any) -> str:
    return number(value) if is_number(value) else str(value)[:40]
