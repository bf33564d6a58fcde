"""What is large in a back-test, page by page or alone: trades, instances, the curve, plots and images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

import msgspec

from abaca.http import ApiRequest, sealed
from abaca_strategies.models import (
    BacktestResult,
    DrawdownRow,
    EquityPoint,
    Json,
    ResponseImage,
    StrategyPlotData,
    TradeRow,
)
from abaca_strategies.web.bodies import Pages, position
from abaca_strategies.web.declaring import CONFLICT, GONE, NO_RUN, route, strategies_of
from abaca_strategies.web.running import result_of

T = TypeVar("T")
_ERRORS = (NO_RUN, CONFLICT, GONE)


class Rows(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """A page. ``total``: how many there were; ``kept``: how many of them the result has, which are those paged
    through."""

    items: list[T]
    total: int
    kept: int
    next_cursor: str | None = None


class CurveView(msgspec.Struct, frozen=True, kw_only=True):
    """``points``: bars of the run; the curve leaves some out where there are more than it carries."""

    items: list[EquityPoint]
    points: int
    drawdowns: list[DrawdownRow]
    benchmark: str | None
    next_cursor: str | None = None


class PlotsView(msgspec.Struct, frozen=True, kw_only=True):
    """``plots`` are figures as plotly reads them, ``images`` are pictures in base64."""

    plots: list[StrategyPlotData]
    images: list[ResponseImage]


@route("GET", "/backtests/{id}/trades", errors=_ERRORS)
async def backtest_trades(request: ApiRequest, id: str, query: Pages) -> Rows[TradeRow]:
    """Read the trades of a back-test page by page, in the order in which they ended."""
    result = await _result(request, id)
    items, cursor = _page(result.trades, query)
    return Rows(items=items, total=result.trades_total, kept=len(result.trades), next_cursor=cursor)


@route("GET", "/backtests/{id}/instances", errors=_ERRORS)
async def backtest_instances(request: ApiRequest, id: str, query: Pages) -> Rows[Json]:
    """Read the instances of a back-test page by page."""
    result = await _result(request, id)
    items, cursor = _page(result.instances, query)
    return Rows(items=items, total=result.summary.total_instances, kept=len(result.instances), next_cursor=cursor)


@route("GET", "/backtests/{id}/equity", errors=_ERRORS)
async def backtest_equity(request: ApiRequest, id: str, query: Pages) -> CurveView:
    """Read the equity curve of a back-test page by page, with its deepest drawdowns."""
    result = await _result(request, id)
    items, cursor = _page(result.equity_curve, query)
    return CurveView(
        items=items,
        points=result.equity_points,
        drawdowns=result.drawdowns,
        benchmark=result.benchmark,
        next_cursor=cursor,
    )


@route("GET", "/backtests/{id}/plots", errors=_ERRORS)
async def backtest_plots(request: ApiRequest, id: str) -> PlotsView:
    """Read the figures and pictures that a strategy made."""
    result = await _result(request, id)
    return PlotsView(plots=result.strategy_plots or [], images=result.response_images or [])


async def _result(request: ApiRequest, id: str) -> BacktestResult:
    return await result_of(request, id, strategies_of(request).backtest)


def _page(rows: Sequence[T], query: Pages) -> tuple[list[T], str | None]:
    start = position(query.cursor, 0)
    end = start + query.limit
    return list(rows[start:end]), sealed(str(end)) if end < len(rows) else None


ENDPOINTS = (backtest_trades, backtest_instances, backtest_equity, backtest_plots)
