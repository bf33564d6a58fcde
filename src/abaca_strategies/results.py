"""A finished run as a ``BacktestResult``, with everything in it fit for JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from abaca_strategies.captured import Captured
from abaca_strategies.data import DataSet
from abaca_strategies.engine import EventStudy, Instances, Run, Trade
from abaca_strategies.metrics import Measured, drawdowns, monthly_table, period_returns, underwater
from abaca_strategies.metrics.figures import finite
from abaca_strategies.models import (
    ENGINE_VERSION,
    MAX_INSTANCES,
    MAX_POINTS,
    BacktestResult,
    BacktestSummary,
    DrawdownRow,
    EquityPoint,
    HorizonRow,
    TradeRow,
)

MAX_DRAWDOWNS = 20
Found = tuple[Instances, EventStudy]


def backtest_result(
    strategy_id: int,
    version: int,
    data: DataSet,
    run: Run,
    measured: Measured,
    *,
    form: str,
    found: Found | None = None,
    captured: Captured | None = None,
    benchmark: str = "buy and hold, equal weights",
) -> BacktestResult:
    """``form`` is ``instances`` (with what was ``found``), ``signals``, ``weights`` or ``events``."""
    captured = captured or Captured()
    rows, summary = _instances(data, run, found, form)
    studied = [HorizonRow(**asdict(horizon)) for horizon in found[1].horizons] if found else []
    warnings = [*run.warnings, *(found[0].warnings if found else ())]
    return BacktestResult(
        success=True,
        strategy_id=strategy_id,
        version=version,
        instances=rows,
        summary=summary,
        strategy_prints=captured.prints,
        strategy_plots=captured.plots,
        response_images=captured.images,
        truncated=summary.total_instances > len(rows),
        metrics=dict(measured.figures.values),
        metric_flags=dict(measured.figures.flags),
        equity_curve=equity_curve(run, measured),
        equity_points=len(run.times),
        drawdowns=_drawdowns(run, measured),
        trades=[_trade(run, trade) for trade in run.trades[:MAX_POINTS]],
        trades_total=len(run.trades),
        breakdown=breakdown(run, measured),
        benchmark=benchmark,
        event_study=studied,
        data_hash=data.digest,
        engine_version=ENGINE_VERSION,
        warnings=warnings,
    )


def instant(nanoseconds: int) -> str:
    """RFC 3339, in UTC, with seconds."""
    return f"{np.datetime_as_string(np.datetime64(int(nanoseconds), 'ns'), unit='s')}Z"


def equity_curve(run: Run, measured: Measured, most: int = MAX_POINTS) -> list[EquityPoint]:
    """At most ``most`` points, evenly spaced, with the first, the last and the deepest."""
    under = underwater(measured.line)
    at = np.arange(len(under))
    if len(at) > most:
        at = np.unique(np.append(np.linspace(0, len(under) - 1, most - 1).astype(np.int64), int(np.argmin(under))))
    lines = (run.times[at].tolist(), measured.line[at].tolist(), under[at].tolist(), measured.benchmark[at].tolist())
    return [
        EquityPoint(time=instant(time), equity=equity, drawdown=drawdown, benchmark=theirs)
        for time, equity, drawdown, theirs in zip(*lines, strict=True)
    ]


def breakdown(run: Run, measured: Measured) -> dict[str, Any]:
    """Returns by calendar, and profits after costs by ticker and by tag, of closed and open trades."""
    line, times = measured.line, run.times
    shares = {
        name: [{"start": instant(one.start)[:10], "return": one.value} for one in period_returns(line, times, frame)]
        for name, frame in (("week", "1w"), ("year", "1y"))
    }
    months = {str(year): row for year, row in monthly_table(line, times).items()}
    tickers = _profits([(run.market.tickers[trade.ticker], trade) for trade in run.trades])
    tags = _profits([(trade.tag, trade) for trade in run.trades if trade.tag])
    return {"month": months, **shares, "ticker": tickers, "tag": tags}


def _profits(trades: Sequence[tuple[str, Trade]]) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for name, trade in trades:
        row = found.setdefault(name, {"trades": 0, "wins": 0, "pnl": 0.0})
        row["trades"] += 1
        row["wins"] += trade.pnl > 0
        row["pnl"] += trade.pnl
    return found


def _instances(data: DataSet, run: Run, found: Found | None, form: str) -> tuple[list[dict[str, Any]], BacktestSummary]:
    if found is not None:
        instances, study = found
        rows = [_plain(row, returns) for row, returns in zip(instances.rows, study.returns, strict=True)]
        total, positive = instances.total, instances.positive
        first = study.horizons[0].bars if study.horizons else 0
        successes = sum(returns.get(first, 0.0) > 0 for returns in study.returns)
    else:
        entries = [_entry(run, trade) for trade in run.trades]
        rows, total = entries[:MAX_INSTANCES], len(entries)
        positive = successes = sum(trade.pnl > 0 for trade in run.trades)
    summary = BacktestSummary(
        total_instances=total,
        positive_instances=positive,
        date_range=[instant(run.times[0])[:10], instant(run.times[-1])[:10]],
        symbols_processed=len(data.tickers),
        execution_type=form,
        successful_classifications=successes,
        columns=list(dict.fromkeys(key for row in rows for key in row)),
    )
    return rows, summary


def _plain(row: Mapping[str, Any], returns: Mapping[int, float]) -> dict[str, Any]:
    """An instance with numpy's numbers as Python's, without NaN, and with what followed it."""
    plain = {key: value.item() if isinstance(value, np.generic) else value for key, value in row.items()}
    if returns:
        plain["forward_returns"] = {str(bars): value for bars, value in returns.items()}
    return {key: finite(value) for key, value in plain.items()}


def _entry(run: Run, trade: Trade) -> dict[str, Any]:
    return {
        "ticker": run.market.tickers[trade.ticker],
        "timestamp": int(run.times[trade.entry_bar]) // 1_000_000_000,
        "direction": "long" if trade.quantity > 0 else "short",
        "entry_price": trade.entry_price,
        "return": trade.returned,
    }


def _trade(run: Run, trade: Trade) -> TradeRow:
    return TradeRow(
        ticker=run.market.tickers[trade.ticker],
        direction="long" if trade.quantity > 0 else "short",
        quantity=abs(trade.quantity),
        entry_time=instant(run.times[trade.entry_bar]),
        exit_time=instant(run.times[trade.exit_bar]),
        entry_price=trade.entry_price,
        exit_price=trade.exit_price,
        fees=trade.fees,
        pnl=trade.pnl,
        returned=trade.returned,
        bars=trade.exit_bar - trade.entry_bar,
        exit_reason=trade.reason,
        tag=trade.tag,
    )


def _drawdowns(run: Run, measured: Measured) -> list[DrawdownRow]:
    deepest = sorted(drawdowns(measured.line), key=lambda one: (one.depth, one.peak))[:MAX_DRAWDOWNS]
    return [
        DrawdownRow(
            start=instant(run.times[one.peak]),
            valley=instant(run.times[one.valley]),
            end=None if one.recovery is None else instant(run.times[one.recovery]),
            depth=one.depth,
            days=one.days(run.times),
            bars=one.bars,
        )
        for one in deepest
    ]
