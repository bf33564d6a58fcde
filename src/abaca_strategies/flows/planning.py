"""From a request to the runs of a sweep. Raises ``StrategyError`` naming what cannot be used."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from abaca_strategies.data import DataSet
from abaca_strategies.engine import Market
from abaca_strategies.errors import Refused
from abaca_strategies.failures import DataError, RulesError, StrategyError
from abaca_strategies.flows.terms import HEADLINES, MAX_RUNS, MOMENTS, MORE, Fold
from abaca_strategies.metrics.names import FIGURES
from abaca_strategies.requests import MAX_SWEEP_POINTS, SpanFields, SweepRequest
from abaca_strategies.results import instant
from abaca_strategies.running.inside.trading import rules_of, selected
from abaca_strategies.running.work import Point, Points
from abaca_strategies.sweeps import Constraint, Span, grid, random_points, walk_forward


class Planned(Struct, frozen=True, kw_only=True):
    runs: list[Point]
    points: int
    folds: list[Fold] = []
    warnings: list[str] = []


def plan(request: SweepRequest, data: DataSet) -> Planned:
    """Everything that can be found wrong before anything runs is ``Refused`` with the field."""
    _check_objective(request)
    try:
        rules_of(msgspec.to_builtins(request.rules))
    except RulesError as error:
        raise Refused("rules", str(error)) from error
    points = points_of(request)
    folds = _folds(request, data)
    if len(points) * (1 + len(folds)) > MAX_RUNS:
        words = f"{len(points)} points in {len(folds)} folds are more than {MAX_RUNS} runs; take fewer of one of them"
        raise Refused("folds", words)
    runs = [Point(number=number, params=point) for number, point in enumerate(points)]
    for place, fold in enumerate(folds, 1):
        runs += [
            Point(number=place * len(points) + number, params=point, bars=fold.train)
            for number, point in enumerate(points)
        ]
    return Planned(runs=runs, points=len(points), folds=folds, warnings=_warnings(request, points))


def points_of(request: SweepRequest) -> list[dict[str, Any]]:
    """The points of a request, in order. Raises ``Refused``."""
    field = "grid" if request.grid is not None else "random" if request.random is not None else "points"
    try:
        found = _points(request)
    except StrategyError as error:
        about_constraints = str(error).startswith("the constraint ") or "is no constraint" in str(error)
        raise Refused("constraints" if about_constraints else field, str(error)) from error
    except TypeError as error:
        raise Refused("constraints", f"the values of {field} cannot be compared: {error}") from error
    if not found:
        raise Refused("constraints", "they leave no point to try")
    return found


def _points(request: SweepRequest) -> list[dict[str, Any]]:
    if request.grid is not None:
        return grid(request.grid, request.constraints, most=MAX_SWEEP_POINTS)
    if request.random is not None:
        space = {name: _span(values) for name, values in request.random.items()}
        return random_points(space, request.count, request.seed, request.constraints)
    rules = [Constraint.parse(text) for text in request.constraints]
    given = request.points or []
    return [dict(point) for point in given if all(rule.holds({**request.params, **point}) for rule in rules)]


def _span(values: list[Any] | SpanFields) -> Sequence[Any] | Span:
    return Span(values.low, values.high, values.log) if isinstance(values, SpanFields) else values


def _folds(request: SweepRequest, data: DataSet) -> list[Fold]:
    try:
        times = Market.of(selected(data, _scope(request))).times
    except DataError as error:
        raise Refused("dataset", str(error)) from error
    if not request.folds:
        return []
    try:
        pairs = walk_forward(len(times), request.folds, train=request.train, anchored=request.anchored, gap=request.gap)
    except StrategyError as error:
        raise Refused("folds", str(error)) from error
    return [
        Fold(
            train=(pair.train_start, pair.train_end),
            test=(pair.test_start, pair.test_end),
            train_start=instant(times[pair.train_start]),
            train_end=instant(times[pair.train_end - 1]),
            test_start=instant(times[pair.test_start]),
            test_end=instant(times[pair.test_end - 1]),
        )
        for pair in pairs
    ]


def _scope(request: SweepRequest) -> Points:
    return Points(
        code="",
        points=[],
        symbols=request.symbols,
        start=request.start_date,
        end=request.end_date,
        timeframe=request.timeframe,
    )


def _check_objective(request: SweepRequest) -> None:
    if request.objective not in FIGURES:
        raise Refused("objective", f"there is no figure {request.objective!r}; there are {', '.join(sorted(FIGURES))}")
    for text in request.require:
        try:
            rule = Constraint.parse(text)
        except StrategyError as error:
            raise Refused("require", str(error)) from error
        if unknown := [name for name in (rule.left, rule.right) if not _is_number(name) and name not in FIGURES]:
            raise Refused("require", f"there is no figure {unknown[0]!r} for {text!r}")


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _warnings(request: SweepRequest, points: list[dict[str, Any]]) -> list[str]:
    if request.random is not None and len(points) < request.count:
        return [f"{request.count} random points were asked for; the space and its constraints gave {len(points)}"]
    return []


def kept_figures(request: SweepRequest) -> tuple[list[str], list[str]]:
    """The figures to keep of a run over all bars, and of one over the training bars of a fold."""
    asked = [request.objective]
    for text in request.require:
        rule = Constraint.parse(text)
        asked += [name for name in (rule.left, rule.right) if name in FIGURES]
    asked = list(dict.fromkeys(asked))
    return list(dict.fromkeys((*HEADLINES, *MORE, *MOMENTS, *asked))), asked
