"""``strategies.backtest``: one version of a strategy over a part of a data set."""

from __future__ import annotations

from typing import Any

import msgspec

from abaca import BatchCtx, Ctx, Retry, Task
from abaca_strategies.captured import Captured, failed
from abaca_strategies.errors import NotFound
from abaca_strategies.models import ENGINE_VERSION, BacktestResult, Strategy
from abaca_strategies.registry import DataFile, RunRecord
from abaca_strategies.registry.recording import now_text
from abaca_strategies.requests import BacktestRequest
from abaca_strategies.running.answers import Ran
from abaca_strategies.running.runner import SECONDS
from abaca_strategies.running.work import Backtest
from abaca_strategies.settings import value
from abaca_strategies.tasks.service import QUEUE, Service
from abaca_strategies.tasks.turns import keep_run, seconds_left, teller, told, turn

NAME = "strategies.backtest"
RETRY = Retry(max_attempts=4)
HEADLINES = ("total_return", "cagr", "volatility", "sharpe", "sortino", "max_drawdown", "trades", "win_rate")


def declare_backtesting(service: Service) -> Task[[BacktestRequest], BacktestResult]:
    """10 minutes, 3 retries. A strategy that raises, loops or eats memory is a finished job with ``success: false``;
    only what is ours to mend fails, and is tried again. A worker claims no more than its slots can run."""

    @service.app.task(
        name=NAME,
        queue=QUEUE,
        timeout="10m",
        retry=RETRY,
        batch=1,
        parallel=value(service.app, "strategies.slots"),
        keep=value(service.app, "strategies.keep"),
    )
    async def backtest(ctx: BatchCtx, requests: list[BacktestRequest]) -> list[BacktestResult]:
        return [await _backtest(service, one, each) for one, each in zip(ctx.jobs, requests, strict=True)]

    return backtest


async def _backtest(service: Service, ctx: Ctx, request: BacktestRequest) -> BacktestResult:
    started_at = now_text()
    strategy: Strategy | None = None
    file: DataFile | None = None
    try:
        strategy = await service.registry.get(request.strategy_id, request.version)
        symbols = [*(request.symbols or ()), *([request.benchmark] if request.benchmark else ())]
        file = await service.datasets.open(request.dataset, symbols)
    except NotFound as error:
        version = (strategy and strategy.version) or request.version or 1
        result = failed(request.strategy_id, version, str(error))
    else:
        async with turn(service) as runner:
            left = seconds_left(ctx, SECONDS[Backtest])
            ran = await runner.backtest(_work(strategy, request), file.packed, teller(ctx), seconds=left)
        result = _result(ran, strategy, file)

    def record(blank: RunRecord) -> RunRecord:
        return msgspec.structs.replace(
            blank,
            user_id=request.user_id,
            strategy_id=request.strategy_id,
            version=result.version,
            strategy_name="" if strategy is None else strategy.name,
            dataset=request.dataset if file is None else file.name,
            data_hash=None if file is None else file.digest,
            engine_version=ENGINE_VERSION,
            request=msgspec.to_builtins(request),
            success=result.success,
            error=result.error_message,
            figures={name: result.metrics.get(name) for name in HEADLINES if name in result.metrics},
            warnings=len(result.warnings),
        )

    await keep_run(service, ctx, "backtest", started_at, record)
    return result


def _work(strategy: Strategy, request: BacktestRequest) -> Backtest:
    rules: dict[str, Any] = msgspec.to_builtins(request.rules)
    return Backtest(
        code=strategy.python_code,
        params=request.params,
        symbols=request.symbols,
        start=request.start_date,
        end=request.end_date,
        timeframe=request.timeframe,
        rules=rules,
        horizons=tuple(request.horizons),
        hold=request.hold,
        slots=request.slots,
        benchmark=request.benchmark,
        risk_free=request.risk_free,
        full_results=request.full_results,
    )


def _result(ran: Ran[BacktestResult], strategy: Strategy, file: DataFile) -> BacktestResult:
    """What came out, under the ids and the hash that are known out here."""
    version = strategy.version
    if ran.value is None:
        words = "the code left no answer" if ran.failure is None else told(ran.failure)
        bare = failed(strategy.strategy_id, version, words, Captured(prints=ran.prints or None))
        return msgspec.structs.replace(bare, data_hash=file.digest, **_left_behind(ran))
    return msgspec.structs.replace(
        ran.value,
        strategy_id=strategy.strategy_id,
        version=version,
        strategy_prints=ran.prints or None,
        data_hash=file.digest,
        engine_version=ENGINE_VERSION,
        **_left_behind(ran),
    )


def _left_behind(ran: Ran[BacktestResult]) -> dict[str, Any]:
    said = [] if ran.value is None else ran.value.warnings
    return {
        "strategy_plots": ran.plots or None,
        "response_images": ran.images or None,
        "warnings": [*said, *ran.warnings],
    }
