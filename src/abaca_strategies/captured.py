"""What is left of a run beside its figures, and the result of one that has none. Light: numpy is not loaded for it."""

from __future__ import annotations

from dataclasses import dataclass

from abaca_strategies.models import (
    ENGINE_VERSION,
    BacktestResult,
    BacktestSummary,
    ResponseImage,
    StrategyPlotData,
)


@dataclass(frozen=True)
class Captured:
    """What the strategy's code left behind beside its answer."""

    prints: str | None = None
    plots: list[StrategyPlotData] | None = None
    images: list[ResponseImage] | None = None


def failed(strategy_id: int, version: int, why: str, captured: Captured | None = None) -> BacktestResult:
    """The result of a strategy that could not be run: a finished job with a negative outcome."""
    captured = captured or Captured()
    empty = BacktestSummary(total_instances=0, positive_instances=0, date_range=[], symbols_processed=0)
    return BacktestResult(
        success=False,
        strategy_id=strategy_id,
        version=version,
        instances=[],
        summary=empty,
        strategy_prints=captured.prints,
        error_message=why,
        engine_version=ENGINE_VERSION,
    )
