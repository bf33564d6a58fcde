"""What the runs of a sweep say together. Each run counts once, however often it was done."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from abaca_strategies.flowmodels import MAX_TOP, FoldRow, HeatMap, SweepFound, SweepPoint
from abaca_strategies.flows.terms import Part, Sweep, Trial
from abaca_strategies.sweeps import (
    Constraint,
    Scored,
    best,
    deflated_sharpe_of,
    expected_best_sharpe,
    heat_map,
    sharpe_per_bar,
)

MAX_AXIS = 40
"""Different values of a parameter on an axis of the heat map; of more, ranges are made."""
RANGES = 20


class Found:
    """The runs that ended so far. ``lost`` are runs of batches that failed for good."""

    def __init__(self, sweep: Sweep, parts: Iterable[Part], lost: int = 0) -> None:
        trials: dict[int, Trial] = {}
        for part in parts:
            for trial in part.trials:
                if 0 <= trial.number < sweep.total:
                    trials.setdefault(trial.number, trial)
        self._sweep = sweep
        self._require = [Constraint.parse(text) for text in sweep.request.require]
        self.trials = trials
        self.done = len(trials) + lost
        self.failed = sum(trial.error is not None for trial in trials.values()) + lost
        self.points = [self._point(trials[number]) for number in range(sweep.points) if number in trials]

    def _point(self, trial: Trial) -> SweepPoint:
        return SweepPoint(
            number=trial.number,
            params=trial.params or {},
            score=trial.figures.get(self._sweep.request.objective),
            figures=trial.figures,
            is_feasible=trial.error is None and self._keeps(trial.figures),
            error=trial.error,
        )

    def _keeps(self, figures: Mapping[str, float | None]) -> bool:
        return all(rule.is_known(figures) and rule.holds(figures) for rule in self._require)

    @property
    def summary(self) -> SweepFound:
        sweep = self._sweep
        return SweepFound(
            strategy_id=sweep.terms.strategy_id,
            version=sweep.terms.version,
            objective=sweep.request.objective,
            maximise=sweep.request.maximise,
            total=sweep.total,
            done=self.done,
            failed=self.failed,
            best=self.best,
            top=self.top,
            heat_map=self.heat_map,
        )

    @property
    def best(self) -> SweepPoint | None:
        points = {point.number: point for point in self.points}
        chosen = self._best(points.items())
        return None if chosen is None else points[chosen]

    def _best(self, points: Iterable[tuple[int, Any]]) -> int | None:
        request = self._sweep.request
        scored = [Scored(number, {}, point.figures) for number, point in points]
        chosen = best(scored, request.objective, maximise=request.maximise, constraints=request.require)
        return None if chosen is None else chosen.number

    @property
    def top(self) -> list[SweepPoint]:
        sign = -1.0 if self._sweep.request.maximise else 1.0
        scored = [
            (not one.is_feasible, sign * one.score, one.number, one) for one in self.points if one.score is not None
        ]
        return [one for *_, one in sorted(scored, key=lambda row: row[:3])[:MAX_TOP]]

    def best_of_fold(self, fold: int) -> Trial | None:
        """The run over the training bars of a fold, from 0, that was best there."""
        first = (fold + 1) * self._sweep.points
        trials = {n: self.trials[n] for n in range(first, first + self._sweep.points) if n in self.trials}
        chosen = self._best(trials.items())
        return None if chosen is None else trials[chosen]

    def params_of(self, trial: Trial) -> dict[str, Any]:
        whole = self.trials.get(trial.number % self._sweep.points)
        return dict(trial.params or (whole and whole.params) or {})

    @property
    def heat_map(self) -> HeatMap | None:
        """Over the first two parameters that have different values; None where there are fewer."""
        names = _axes([point.params for point in self.points])
        if len(names) < 2:
            return None
        x, y = names[:2]
        on_x, on_y = (_laid_out([point.params[name] for point in self.points]) for name in (x, y))
        request = self._sweep.request
        scored = [
            Scored(point.number, {x: at_x, y: at_y}, {request.objective: point.score})
            for point, at_x, at_y in zip(self.points, on_x, on_y, strict=True)
        ]
        drawn = heat_map(scored, x, y, request.objective, maximise=request.maximise)
        return HeatMap(x_name=x, y_name=y, x=drawn["x"], y=drawn["y"], z=drawn["z"])

    @property
    def sharpes(self) -> list[float]:
        """Per bar, of each point that has one."""
        return [one for point in self.points if (one := sharpe_per_bar(point.figures)) is not None]

    def luck(self) -> tuple[float | None, float | None]:
        """The deflated Sharpe ratio of the best point, and the annual one that luck alone would be expected to have."""
        chosen = self.best
        per_year = None if chosen is None else chosen.figures.get("periods_per_year")
        if chosen is None or not per_year:
            return None, None
        expected = expected_best_sharpe(self.sharpes) * math.sqrt(per_year)
        return deflated_sharpe_of(chosen.figures, self.sharpes), expected


def rows(sweep: Sweep, found: Found, tests: Mapping[int, Trial]) -> list[FoldRow]:
    """The walk forward. ``tests`` are the runs over the test bars by the number of the fold."""
    made = []
    for number, fold in enumerate(sweep.folds):
        chosen, test = found.best_of_fold(number), tests.get(number)
        objective = sweep.request.objective
        made.append(
            FoldRow(
                number=number,
                train_start=fold.train_start,
                train_end=fold.train_end,
                test_start=fold.test_start,
                test_end=fold.test_end,
                params=None if chosen is None else found.params_of(chosen),
                train_score=None if chosen is None else chosen.figures.get(objective),
                test_score=None if test is None else test.figures.get(objective),
                test_figures={} if test is None else test.figures,
                error="no point was feasible" if chosen is None else None if test is None else test.error,
            )
        )
    return made


def out_of_sample(made: Sequence[FoldRow]) -> float | None:
    scores = [row.test_score for row in made if row.test_score is not None]
    return sum(scores) / len(scores) if scores else None


def _axes(points: Sequence[Mapping[str, Any]]) -> list[str]:
    """Parameters that all points have, with plain values of which there is more than one."""
    names = [name for name in (points[0] if points else {}) if all(name in point for point in points)]
    found = []
    for name in names:
        values = [point[name] for point in points]
        is_plain = all(isinstance(value, str | int | float) for value in values)
        if is_plain and len(set(values)) > 1:
            found.append(name)
    return found


def _laid_out(values: list[Any]) -> list[Any]:
    """Values that can stand on one axis: texts where kinds are mixed, the middle of a range where there are many."""
    if not all(isinstance(value, int | float) for value in values):
        return [str(value) for value in values]
    if len(set(values)) <= MAX_AXIS:
        return values
    low, high = min(values), max(values)
    width = (high - low) / RANGES
    middle = [low + (min(int((value - low) / width), RANGES - 1) + 0.5) * width for value in values]
    return [float(f"{one:.6g}") for one in middle]
