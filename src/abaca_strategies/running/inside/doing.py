"""One function for each kind of work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import msgspec
import numpy as np
import pandas as pd

from abaca_strategies.arrays import nanoseconds
from abaca_strategies.data import BarSource, DataSet
from abaca_strategies.engine import Market
from abaca_strategies.failures import DataError
from abaca_strategies.metrics import measure
from abaca_strategies.models import BacktestResult
from abaca_strategies.results import backtest_result
from abaca_strategies.running.inside.authored import LAST, Authored, failure_of, load_module, load_strategy
from abaca_strategies.running.inside.capturing import is_figure
from abaca_strategies.running.inside.plain import Plain
from abaca_strategies.running.inside.telling import Teller
from abaca_strategies.running.inside.trading import Access, Trader, rules_of, selected
from abaca_strategies.running.work import (
    Backtest,
    Cell,
    CellValue,
    Inspect,
    Inspected,
    Point,
    PointResult,
    Points,
    PointsDone,
    Work,
)


@dataclass
class Scene:
    """What a piece of work has to do with: data, the way to tell, the functions that give data to the code."""

    tell: Teller
    packed: Callable[[], DataSet] | None = None
    """Opens the data set; None where there is none."""
    access: Access = field(default_factory=Access)
    loaded: list[Any] = field(default_factory=list)
    """The values of the author's module, once it is loaded."""

    def strategy(self) -> Authored:
        self.tell.progress("strategy")
        authored = load_strategy(self.access.names())
        self.loaded.append(authored.module)
        return authored

    @cached_property
    def data(self) -> DataSet:
        if self.packed is None:
            raise DataError("there is no data set to run on")
        self.tell.progress("data")
        return self.packed()

    def selected(self, work: Work) -> DataSet:
        return selected(self.data, work)

    def figures(self) -> Iterator[Any]:
        for module in self.loaded:
            yield from [value for value in vars(module).values() if is_figure(value)]


def inspect(work: Inspect, scene: Scene) -> Inspected:
    authored = scene.strategy()
    authored.params(work.params)
    if scene.packed is None:
        return Inspected(form=authored.form, params=Plain()(authored.declared))
    data = scene.selected(work)
    times = [nanoseconds(frame.index) for frame in data.bars.values()]
    bars = len(np.unique(np.concatenate(times))) if times else 0
    return Inspected(form=authored.form, params=Plain()(authored.declared), bars=bars, tickers=list(data.tickers))


def backtest(work: Backtest, scene: Scene) -> BacktestResult:
    whole, rules = scene.selected(work), rules_of(work.rules)
    other = None if work.benchmark is None else scene.data.only([work.benchmark])
    authored = scene.strategy()
    params, trader = authored.params(work.params), Trader(authored, scene.access, whole, scene.tell)
    run, found = trader.run(params, rules, hold=work.hold, slots=work.slots, horizons=work.horizons)
    scene.tell.progress("measure", 0, len(run.times))
    measured = measure(run, other, work.risk_free)
    scene.tell.progress("result")
    result = backtest_result(1, 1, whole, run, measured, form=authored.form, found=found)
    if work.benchmark is not None:
        result = msgspec.structs.replace(result, benchmark=f"buy and hold of {work.benchmark}")
    if not work.full_results:
        return msgspec.structs.replace(result, instances=[], trades=[], equity_curve=[])
    return msgspec.structs.replace(result, instances=[Plain()(row) for row in result.instances])


def points(work: Points, scene: Scene) -> PointsDone:
    """Each point on its own: what one of them raises is that point's result."""
    whole, rules = scene.selected(work), rules_of(work.rules)
    authored = scene.strategy()
    for done, point in enumerate(work.points):
        scene.tell.progress("points", done, len(work.points))
        try:
            params = authored.params({**work.params, **point.params})
            trader = Trader(authored, scene.access, of_point(whole, point), Quiet(scene.tell), point.warmup)
            run, _ = trader.run(params, rules, hold=work.hold, slots=work.slots)
            figures = measure(run, None, work.risk_free).figures.values
            scene.tell.point(PointResult(number=point.number, metrics=dict(figures)))
        except MemoryError:
            raise
        except Exception as error:
            scene.tell.point(PointResult(number=point.number, error=failure_of(error).message[:1000]))
    return PointsDone(count=len(work.points))


def cell(work: Cell, scene: Scene) -> CellValue:
    if scene.packed is not None:
        whole = msgspec.structs.replace(work, end=None)
        scene.access.source = lambda: BarSource(scene.selected(whole), as_of=work.end)
    module = load_module({**scene.access.names(), "data": work.data}, is_cell=True)
    scene.loaded.append(module)
    found, answer = vars(module), None
    entry = next((found[name] for name in ("code", "main") if callable(found.get(name))), None)
    if entry is not None:
        answer = entry()
    elif "result" in found:
        answer = found["result"]
    else:
        answer = found.get(LAST)
    return CellValue(result=listed(answer))


def listed(answer: Any) -> list[Any]:
    """The source system's ``result`` is a list: a table is its rows, one value a list of one."""
    if answer is None or is_figure(answer):
        return []
    plain = Plain()(answer)
    is_many = isinstance(answer, list | tuple | pd.DataFrame | pd.Series | np.ndarray) and isinstance(plain, list)
    return plain if is_many else [plain]


class Quiet(Teller):
    """A point among many says only that it is at work."""

    def __init__(self, outer: Teller) -> None:
        self._outer = outer

    def progress(self, stage: str, done: int = 0, total: int = 0, message: str = "") -> None:
        return None


def of_point(data: DataSet, point: Point) -> DataSet:
    if point.bars is None:
        return data
    first, last = point.bars
    return between_bars(data, first - point.warmup, last)


def between_bars(data: DataSet, first: int, last: int) -> DataSet:
    """The bars ``first <= bar < last`` of the line of time that all tickers share."""
    times = Market.of(data).times
    if not 0 <= first < last <= len(times):
        raise DataError(f"bars {first} to {last} of {len(times)}: that is no part of the data")
    low, high = times[first], times[last - 1]
    cut = {}
    for ticker, frame in data.bars.items():
        own = nanoseconds(frame.index)
        cut[ticker] = frame.iloc[int(np.searchsorted(own, low)) : int(np.searchsorted(own, high, "right"))]
    return replace(data, bars=cut)
