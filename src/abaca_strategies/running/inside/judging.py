"""Work that asks what a strategy says, without trading it: a screening, and the two checks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np

from abaca_strategies.arrays import SECOND, nanoseconds
from abaca_strategies.data import BarSource, DataSet
from abaca_strategies.engine import Instances, Rules, Run, run_events, run_weights, signal_targets
from abaca_strategies.failures import DataError
from abaca_strategies.guards import LookAhead, instances_trace, look_ahead, orders_trace, signals_trace, warm_up
from abaca_strategies.results import instant
from abaca_strategies.running.inside.authored import Authored
from abaca_strategies.running.inside.doing import Scene
from abaca_strategies.running.inside.plain import Plain
from abaca_strategies.running.inside.trading import Trader, answered, rules_of
from abaca_strategies.running.work import MAX_DIFFERENCES, Check, Checked, DifferenceRow, Screen, Screened, ScreenRow


def screen(work: Screen, scene: Scene) -> Screened:
    """Nothing later than the as-of time is in the data that the strategy gets."""
    if scene.data is None:
        raise DataError("there is no data set to screen")
    known = scene.data if work.end is None else scene.data.known_at(work.end)
    scene = Scene(scene.tell, known, scene.access, scene.loaded)
    data = scene.selected(msgspec.structs.replace(work, end=None))
    authored = scene.strategy()
    params = authored.params(work.params)
    rows = (
        _newest(authored, params, data, scene) if authored.form == "instances" else _held(authored, params, data, scene)
    )
    closes = {ticker: float(frame["close"].iloc[-1]) for ticker, frame in data.bars.items() if len(frame)}
    ends = [int(nanoseconds(frame.index)[-1]) for frame in data.bars.values() if len(frame)]
    return Screened(form=authored.form, rows=rows, prices=closes, as_of=instant(max(ends)) if ends else None)


def _newest(authored: Authored, params: Mapping[str, Any], data: DataSet, scene: Scene) -> list[ScreenRow]:
    scene.access.source = BarSource(data, latest_only=True)
    scene.tell.progress("strategy", 0, 1)
    newest: dict[str, dict[str, Any]] = {}
    for row in Instances.of(answered(authored.call(params))).rows:
        newest[row["ticker"]] = row  # they come sorted by time
    found = []
    for ticker, row in newest.items():
        if ticker not in data.bars:
            continue
        times = nanoseconds(data.bars[ticker].index)
        after = len(times) - int(np.searchsorted(times, row["timestamp"] * SECOND + SECOND - 1, "right"))
        score = row.get("score", 1.0)
        value = float(score) if isinstance(score, int | float | np.number) and math.isfinite(score) else 0.0
        more = {key: one for key, one in row.items() if key not in ("ticker", "timestamp", "score")}
        found.append(
            ScreenRow(ticker=ticker, score=value, timestamp=row["timestamp"], bars_ago=after, data=Plain()(more))
        )
    return found


def _held(authored: Authored, params: Mapping[str, Any], data: DataSet, scene: Scene) -> list[ScreenRow]:
    """What each ticker's position is to be after its last bar."""
    trader = Trader(authored, scene.access, data, scene.tell)
    targets: dict[str, float] = {}
    if authored.form == "signals":
        signals = trader.signals(data)
        for ticker, frame in data.bars.items():
            if len(frame):
                targets[ticker] = _last(signal_targets(signals, frame, params, ticker))
    else:
        run, _ = trader.run(params, Rules(), hold=1, slots=1)
        equity = float(run.equity[-1])
        held = run.values[-1].tolist()
        targets = {
            t: (value / equity if equity > 0 else 0.0) for t, value in zip(run.market.tickers, held, strict=True)
        }
    return [
        ScreenRow(
            ticker=ticker,
            score=target,
            timestamp=int(nanoseconds(data.bars[ticker].index)[-1]) // SECOND,
            bars_ago=0,
        )
        for ticker, target in targets.items()
        if len(data.bars[ticker])
    ]


def _last(targets: Any) -> float:
    known = targets[~np.isnan(targets)]
    return float(known[-1]) if len(known) and math.isfinite(known[-1]) else 0.0


def check(work: Check, scene: Scene) -> Checked:
    data, rules = scene.selected(work), rules_of(work.rules)
    authored = scene.strategy()
    params = authored.params(work.params)
    tries = 0

    def counted(part: DataSet) -> DataSet:
        nonlocal tries
        scene.tell.progress("check", tries, work.cuts + 1)
        tries += 1
        return part

    def trace(part: DataSet) -> Any:
        return _trace(authored, params, rules, scene)(counted(part))

    found = _with_enough_bars(look_ahead(trace, data, cuts=work.cuts), data, scene.access.min_bars)
    warm = warm_up(authored.call, data, params) if authored.form == "signals" else None
    return Checked(
        form=authored.form,
        look_ahead=not found.ok,
        cuts=found.cuts,
        decisions=found.decisions,
        differences=_rows(found),
        differences_total=len(found.differences),
        warm_up_needed=warm.needed if warm else None,
        warm_up_early=warm.early if warm else None,
    )


def _trace(authored: Authored, params: Mapping[str, Any], rules: Rules, scene: Scene) -> Any:
    if authored.form == "signals":
        return signals_trace(authored.call, params)
    if authored.form == "instances":

        def strategy(part: DataSet) -> Any:
            scene.access.source = BarSource(part)
            return answered(authored.call(params))

        return instances_trace(strategy)

    def run(part: DataSet) -> Run:
        if authored.form == "weights":
            return run_weights(part, authored.call, params, rules)
        return run_events(part, authored.entry, params, rules)

    return orders_trace(run)


def _with_enough_bars(found: LookAhead, data: DataSet, least: int) -> LookAhead:
    """Without decisions about tickers that had too few bars at the cut: ``get_bar_data`` left those out."""
    lines = {ticker: nanoseconds(frame.index) for ticker, frame in data.bars.items()}
    kept = [
        one
        for one in found.differences
        if one.ticker in lines and int(np.searchsorted(lines[one.ticker], one.cut, "right")) >= least
    ]
    return replace(found, differences=tuple(kept))


def _rows(found: LookAhead) -> list[DifferenceRow]:
    return [
        DifferenceRow(ticker=one.ticker, time=instant(one.time), cut=instant(one.cut), whole=one.whole, seen=one.seen)
        for one in found.differences[:MAX_DIFFERENCES]
    ]
