"""The best point of a sweep, and how two parameters make it better or worse."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from abaca_strategies.failures import StrategyError
from abaca_strategies.sweeps.points import Constraint

Reduce = Literal["best", "mean", "worst"]


@dataclass(frozen=True)
class Scored:
    """A point that was tried and its figures."""

    number: int
    """Its place in the sweep."""
    point: Mapping[str, Any]
    metrics: Mapping[str, float | None]


def best(
    scored: Iterable[Scored], objective: str, *, maximise: bool = True, constraints: Iterable[str] = ()
) -> Scored | None:
    """The point with the highest (or lowest) objective among those whose figures keep the constraints (``trades >=
    30``).

    A point without the figure never wins; of equal ones the earlier in the sweep does. None where none is left.
    """
    rules = [Constraint.parse(text) for text in constraints]
    chosen, value = None, 0.0
    for one in sorted(scored, key=lambda one: one.number):
        figure = one.metrics.get(objective)
        if figure is None or not all(r.is_known(one.metrics) and r.holds(one.metrics) for r in rules):
            continue
        if chosen is None or (figure > value if maximise else figure < value):
            chosen, value = one, figure
    return chosen


def heat_map(
    scored: Sequence[Scored], x: str, y: str, objective: str, *, reduce: Reduce = "best", maximise: bool = True
) -> dict[str, Any]:
    """``{"x": [...], "y": [...], "z": [[...]], ...}``: a row of ``z`` per value of ``y``, None where nothing was tried.

    Points that differ in other parameters fall into one cell, of which ``reduce`` takes the best, mean or worst.
    """
    if missing := [name for name in (x, y) if any(name not in one.point for one in scored)]:
        raise StrategyError(f"a heat map over {missing[0]!r}: the sweep does not have that parameter")
    across = sorted({one.point[x] for one in scored})
    down = sorted({one.point[y] for one in scored})
    cells: dict[tuple[Any, Any], list[float]] = {}
    for one in scored:
        if (figure := one.metrics.get(objective)) is not None:
            cells.setdefault((one.point[x], one.point[y]), []).append(figure)
    z = [[_picked(cells.get((a, b)), reduce, maximise) for a in across] for b in down]
    return {"x": across, "y": down, "z": z, "x_name": x, "y_name": y, "objective": objective, "reduce": reduce}


def _picked(values: Sequence[float] | None, reduce: Reduce, maximise: bool) -> float | None:
    if values is None:
        return None
    if reduce == "mean":
        return sum(values) / len(values)
    return max(values) if (reduce == "best") == maximise else min(values)
