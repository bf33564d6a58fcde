"""``/backtests``: one version of a strategy over a part of a data set, as a job."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from abaca.http import Answer, ApiRequest, Items, Waiting
from abaca_strategies.models import BacktestResult
from abaca_strategies.registry import RunRecord
from abaca_strategies.requests import BacktestRequest, CompareRequest
from abaca_strategies.web.bodies import JSON, MAX_BODY, asked, without
from abaca_strategies.web.callers import run_for, strategy_for, strategy_id, user_of
from abaca_strategies.web.declaring import (
    INVALID,
    NO_DATA_SET,
    NO_RUN,
    NO_STRATEGY,
    NO_SYMBOL,
    NO_VERSION,
    route,
    strategies_of,
)
from abaca_strategies.web.listing import ListRuns, runs_of
from abaca_strategies.web.running import Dropped, RunView, drop, read, submit

SUBMITTING = (NO_STRATEGY, NO_VERSION, NO_DATA_SET, NO_SYMBOL, INVALID)
_EXAMPLE = {"start_date": "2020-01-01", "symbols": ["SYN01"], "params": {"window": 50}, "rules": {"cash": 50_000}}


class ReadBacktest(Waiting, frozen=True, kw_only=True):
    """``full``: with instances, trades, the curve, plots and images. Without it they are left out, and how many there
    were stands in ``summary.total_instances``, ``trades_total`` and ``equity_points``."""

    full: bool = False


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """``figures``: each by its name, in the order of ``runs``. ``differing``: what was asked otherwise, in the same
    order. ``same_data``: all of them ran on the same data."""

    runs: list[RunRecord]
    figures: dict[str, list[float | None]]
    differing: dict[str, list[Any]]
    same_data: bool


@route(
    "POST",
    "/strategies/{id}/backtests",
    status=202,
    tag="backtests",
    max_body=MAX_BODY,
    takes={JSON: without(BacktestRequest, "strategy_id")},
    errors=SUBMITTING,
    examples={"body": _EXAMPLE},
)
async def post_backtest(request: ApiRequest, id: str, query: ReadBacktest) -> Answer[RunView[BacktestResult]]:
    """Back-test a strategy: 202, or with ``wait`` 200 once it has ended in time.

    It runs the version that is asked for, or that which is the newest now. ``GET /jobs/{job_id}/events`` tells how far
    it is. A strategy that fails is a run that completed, with ``success: false`` and an ``error_message``.
    """
    body = await asked(request, BacktestRequest, strategy_id(id))
    return await request.once(await request.body(), lambda: _submitted(request, body, query))


async def _submitted(
    request: ApiRequest, body: BacktestRequest, query: ReadBacktest
) -> Answer[RunView[BacktestResult]]:
    service = strategies_of(request)
    strategy = await strategy_for(request, str(body.strategy_id), body.version)
    symbols = [*(body.symbols or ()), *([body.benchmark] if body.benchmark else ())]
    await service.datasets.accept(
        body.dataset, symbols, start=body.start_date, end=body.end_date, timeframe=body.timeframe
    )
    wanted = msgspec.structs.replace(body, version=strategy.version, user_id=user_of(request.caller, body.user_id))
    answer = await submit(request, service.backtest, wanted, query.wait, f"strategy:{strategy.strategy_id}")
    return replace(answer, body=_shown(answer.body, query))


@route("GET", "/backtests", errors=(INVALID,))
async def list_backtests(request: ApiRequest, query: ListRuns) -> Items[RunRecord]:
    """List back-tests that have ended, the latest first, with their headline figures. Those that run are jobs of the
    task ``strategies.backtest``, with the tag ``strategy:ID``."""
    return await runs_of(request, "backtest", query)


@route("GET", "/backtests/{id}", errors=(NO_RUN,))
async def get_backtest(request: ApiRequest, id: str, query: ReadBacktest) -> RunView[BacktestResult]:
    """Read a back-test by the id of its job; with ``wait``, as soon as it has ended."""
    return _shown(await read(request, id, strategies_of(request).backtest, query.wait), query)


@route("DELETE", "/backtests/{id}", errors=(NO_RUN,))
async def delete_backtest(request: ApiRequest, id: str) -> Dropped:
    """Cancel a back-test that has not ended; forget one that has, with its result."""
    return await drop(request, id, strategies_of(request).backtest)


@route(
    "POST",
    "/backtests/compare",
    takes={JSON: CompareRequest},
    errors=(NO_RUN, INVALID),
    examples={"body": {"runs": ["0199a0c5d7d67c3f8a4be1f2a3b4c500", "0199a0c5d7d67c3f8a4be1f2a3b4c501"]}},
)
async def compare_backtests(request: ApiRequest) -> Compared:
    """Put back-tests that have ended side by side: their figures, and what was asked otherwise."""
    body = await asked(request, CompareRequest)
    runs = [await run_for(request, each, "backtest") for each in body.runs]
    figures = dict.fromkeys(name for run in runs for name in run.figures)
    asked_for = [{**run.request, "version": run.version, "dataset": run.dataset} for run in runs]
    names = dict.fromkeys(name for each in asked_for for name in each)
    columns = {name: [each.get(name) for each in asked_for] for name in names}
    return Compared(
        runs=runs,
        figures={name: [run.figures.get(name) for run in runs] for name in figures},
        differing={name: column for name, column in columns.items() if any(each != column[0] for each in column)},
        same_data=len({run.data_hash for run in runs}) == 1,
    )


def _shown(view: RunView[BacktestResult], query: ReadBacktest) -> RunView[BacktestResult]:
    if view.result is None or query.full:
        return view
    light = msgspec.structs.replace(
        view.result, instances=[], trades=[], equity_curve=[], strategy_plots=None, response_images=None
    )
    return msgspec.structs.replace(view, result=light)


ENDPOINTS = (compare_backtests, post_backtest, list_backtests, get_backtest, delete_backtest)
