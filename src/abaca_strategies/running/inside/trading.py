"""Runs a strategy of any form through the engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import msgspec
import pandas as pd

from abaca_strategies.arrays import SECOND
from abaca_strategies.data import BarSource, DataSet, resample
from abaca_strategies.engine import (
    EventStudy,
    Instances,
    Market,
    Rules,
    Run,
    run_events,
    run_instances,
    run_signals,
    run_weights,
    study,
)
from abaca_strategies.failures import RulesError, StrategyError
from abaca_strategies.running.inside.authored import Authored
from abaca_strategies.running.inside.telling import Teller
from abaca_strategies.running.work import Work

Found = tuple[Instances, EventStudy]
EVERY = 64
"""Bars between two looks at the clock."""


class Access:
    """The three functions that a strategy asks for its data with, over whatever data set it is to see now."""

    def __init__(self) -> None:
        self.source: BarSource | Callable[[], BarSource] | None = None
        """What data come from, or what makes it when they are asked for first."""
        self.min_bars = 1
        """The most bars that were asked for: tickers with fewer were left out."""

    def names(self) -> dict[str, Any]:
        return {name: self._through(name) for name in ("get_bar_data", "get_general_data", "get_fundamentals_data")}

    def _through(self, name: str) -> Any:
        def get(*arguments: Any, **named: Any) -> pd.DataFrame:
            if callable(self.source):
                self.source = self.source()
            if self.source is None:
                raise StrategyError(f"{name}() has no data here: name a data set, and call it when the code is run")
            if name == "get_bar_data":
                asked = named.get("min_bars", arguments[1] if len(arguments) > 1 else 1)
                self.min_bars = max(self.min_bars, asked if isinstance(asked, int) else 1)
            table: pd.DataFrame = getattr(self.source, name)(*arguments, **named)
            return table

        get.__name__ = get.__qualname__ = name
        return get


def selected(data: DataSet, work: Work) -> DataSet:
    """The tickers, the days and the timeframe that are asked for. Raises ``DataError``."""
    if work.symbols is not None:
        data = data.only(dict.fromkeys(work.symbols))
    if work.start is not None or work.end is not None:
        data = data.between(work.start, work.end)
    return resample(data, work.timeframe) if work.timeframe else data


def rules_of(fields: Mapping[str, Any]) -> Rules:
    try:
        return msgspec.convert(fields, Rules)
    except msgspec.ValidationError as error:
        raise RulesError(f"the rules cannot be used: {error}") from error


class Trader:
    """One strategy over one data set. ``run`` may be called for many parameters. The first ``warmup`` bars are there to
    look back on: nothing is decided in them, and the run begins behind them."""

    def __init__(self, authored: Authored, access: Access, data: DataSet, tell: Teller, warmup: int = 0) -> None:
        self._authored = authored
        self._access = access
        self._data = data
        self._tell = tell
        self._warmup = warmup

    def run(
        self, params: Mapping[str, Any], rules: Rules, *, hold: int, slots: int, horizons: tuple[int, ...] = ()
    ) -> tuple[Run, Found | None]:
        warmed = replace(rules, warmup=max(rules.warmup, self._warmup))
        run, found = self._run(params, warmed, hold, slots, horizons)
        return run.begun_at(self._warmup), found

    def _run(
        self, params: Mapping[str, Any], rules: Rules, hold: int, slots: int, horizons: tuple[int, ...]
    ) -> tuple[Run, Found | None]:
        data, form = self._data, self._authored.form
        if form == "instances":
            instances = self.instances(params)
            self._tell.progress("simulate", 0, len(instances.rows))
            studied = study(Market.of(data), instances, horizons)
            return run_instances(data, instances, rules, hold=hold, slots=slots), (instances, studied)
        if form == "signals":
            return run_signals(data, self.signals(data), params, rules), None
        if form == "weights":
            self._tell.progress("strategy", 0, 1)
            return run_weights(data, self._authored.call, params, rules), None
        return run_events(data, self.told(len(Market.of(data))), params, rules), None

    def instances(self, params: Mapping[str, Any]) -> Instances:
        self._access.source = BarSource(self._data)
        self._tell.progress("strategy", 0, 1)
        since = int(Market.of(self._data).times[self._warmup]) // SECOND if self._warmup else None
        return Instances.of(answered(self._authored.call(params)), since)

    def signals(self, data: DataSet) -> Any:
        """The author's function, which tells what ticker it is at."""
        tickers = [ticker for ticker, frame in data.bars.items() if len(frame)]
        done = 0

        def signals(frame: pd.DataFrame, params: Mapping[str, Any]) -> Any:
            nonlocal done
            self._tell.progress("strategy", done, len(tickers), tickers[done % len(tickers)])
            done += 1
            return self._authored.call(frame, params)

        return signals

    def told(self, bars: int) -> type[Any]:
        """The author's class, which tells what bar it is at."""
        tell, kind = self._tell, self._authored.entry

        class Told(kind):  # type: ignore[misc, valid-type]
            _at = 0

            def next(self) -> None:
                if self._at % EVERY == 0:
                    tell.progress("simulate", self._at, bars)
                self._at += 1
                super().next()

        Told.__name__ = Told.__qualname__ = kind.__name__
        return Told


def answered(answer: Any) -> Any:
    """A table of instances is taken as the list of its rows."""
    return answer.to_dict("records") if isinstance(answer, pd.DataFrame) else answer
