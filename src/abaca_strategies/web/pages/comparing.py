"""Back-tests side by side: their curves laid over each other, their figures in columns."""

from __future__ import annotations

import json
from typing import Any

from abaca.http import Desk, Reply, invalid
from abaca_strategies.models import BacktestResult
from abaca_strategies.registry import RunRecord
from abaca_strategies.web.callers import run_for
from abaca_strategies.web.drawing.lines import Curve, time_chart
from abaca_strategies.web.drawing.markup import el
from abaca_strategies.web.drawing.scales import NOTHING, percent, seconds_of
from abaca_strategies.web.pages.declaring import service_of, shown
from abaca_strategies.web.report.tables import GROUPS, figure_of, table, title_of
from abaca_strategies.web.running import result_of

MOST = 8


@shown("/strategies/compare")
async def compare(desk: Desk) -> Reply:
    service: Any = service_of(desk)
    ids = list(dict.fromkeys(desk.request.query_params.getall("run", [])))
    if not 1 <= len(ids) <= MOST:
        raise invalid(f"1 to {MOST} runs are compared here; {len(ids)} are named", "run")
    runs = [await run_for(desk.api, id, "backtest") for id in ids]
    results = [await result_of(desk.api, id, service.backtest) for id in ids]
    names = [f"{at + 1}: {run.strategy_name} v{run.version}" for at, run in enumerate(runs)]
    lines = [Curve(name, _growth(each), at) for at, (name, each) in enumerate(zip(names, results, strict=True))]
    return desk.page(
        "strategies/compare.html",
        here="strategies",
        runs=list(zip(names, runs, strict=True)),
        chart=time_chart(lines, f"Growth of {len(runs)} runs, each from its first bar", write=percent, height=330),
        figures=_figures(names, results),
        same_data=len({run.data_hash for run in runs}) == 1,
        differing=_differing(names, runs),
    )


def _growth(result: BacktestResult) -> list[tuple[float, float]]:
    points = result.equity_curve
    if not points or points[0].equity <= 0:
        return []
    return [(seconds_of(each.time), each.equity / points[0].equity - 1) for each in points]


def _figures(names: list[str], results: list[BacktestResult]) -> Any:
    known = [name for _, group in GROUPS for name in group if any(name in each.metrics for each in results)]
    rows = [[title_of(name), *(figure_of(name, each.metrics.get(name)) for each in results)] for name in known]
    return table("Figures side by side", [("Figure", False), *((name, True) for name in names)], rows)


def _differing(names: list[str], runs: list[RunRecord]) -> Any:
    """What was asked otherwise."""
    asked = [{**run.request, "version": run.version, "dataset": run.dataset} for run in runs]
    keys = [
        key
        for key in dict.fromkeys(key for each in asked for key in each)
        if len({repr(a.get(key)) for a in asked}) > 1
    ]
    if not keys:
        return el("p", "All of them were asked the same.", class_="quiet pad")
    rows = [[key, *(NOTHING if each.get(key) is None else _words(each[key]) for each in asked)] for key in keys]
    return table("What was asked otherwise", [("Field", False), *((name, False) for name in names)], rows)


def _words(value: Any) -> str:
    return (value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False))[:300]


HANDLERS = (compare,)
