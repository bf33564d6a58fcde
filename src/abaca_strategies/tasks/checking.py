"""``strategies.check``: does a strategy look ahead, and does it decide before it has seen enough?"""

from __future__ import annotations

from typing import Any

import msgspec

from abaca import BatchCtx, Ctx, Retry, Task
from abaca_strategies.errors import NotFound
from abaca_strategies.flowmodels import CheckResult, Difference
from abaca_strategies.models import ENGINE_VERSION, Strategy
from abaca_strategies.registry import DataFile, RunRecord
from abaca_strategies.registry.recording import now_text
from abaca_strategies.requests import CheckRequest
from abaca_strategies.running.answers import Ran
from abaca_strategies.running.runner import SECONDS
from abaca_strategies.running.work import Check, Checked
from abaca_strategies.settings import value
from abaca_strategies.tasks.service import QUEUE, Service
from abaca_strategies.tasks.turns import keep_run, seconds_left, teller, told, turn

NAME = "strategies.check"
RETRY = Retry(max_attempts=4)


def declare_checking(service: Service) -> Task[[CheckRequest], CheckResult]:
    """10 minutes, 3 retries, as a back-test. A strategy that could not be checked is a finished job with ``success:
    false``; one that looks ahead is a check that went well."""

    @service.app.task(
        name=NAME,
        queue=QUEUE,
        timeout="10m",
        retry=RETRY,
        batch=1,
        parallel=value(service.app, "strategies.slots"),
        keep=value(service.app, "strategies.keep"),
    )
    async def check(ctx: BatchCtx, requests: list[CheckRequest]) -> list[CheckResult]:
        return [await _check(service, one, each) for one, each in zip(ctx.jobs, requests, strict=True)]

    return check


async def _check(service: Service, ctx: Ctx, request: CheckRequest) -> CheckResult:
    started_at = now_text()
    strategy: Strategy | None = None
    file: DataFile | None = None
    try:
        strategy = await service.registry.get(request.strategy_id, request.version)
        file = await service.datasets.open(request.dataset, request.symbols)
    except NotFound as error:
        version = (strategy and strategy.version) or request.version or 1
        result = CheckResult(success=False, error_message=str(error), strategy_id=request.strategy_id, version=version)
    else:
        async with turn(service) as runner:
            left = seconds_left(ctx, SECONDS[Check])
            ran = await runner.check(_work(strategy, request), file.packed, teller(ctx), seconds=left)
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
            figures=_figures(result) if result.success else {},
            warnings=len(result.warnings),
        )

    await keep_run(service, ctx, "check", started_at, record)
    return result


def _figures(result: CheckResult) -> dict[str, float | None]:
    return {
        "differences": float(result.differences_total),
        "cuts": float(result.cuts),
        "warm_up_needed": None if result.warm_up_needed is None else float(result.warm_up_needed),
    }


def _work(strategy: Strategy, request: CheckRequest) -> Check:
    rules: dict[str, Any] = msgspec.to_builtins(request.rules)
    return Check(
        code=strategy.python_code,
        params=request.params,
        symbols=request.symbols,
        start=request.start_date,
        end=request.end_date,
        timeframe=request.timeframe,
        rules=rules,
        cuts=request.cuts,
    )


def _result(ran: Ran[Checked], strategy: Strategy, file: DataFile) -> CheckResult:
    blank = CheckResult(
        success=False,
        strategy_id=strategy.strategy_id,
        version=strategy.version,
        data_hash=file.digest,
        warnings=ran.warnings,
    )
    found = ran.value
    if found is None:
        words = "the code left no answer" if ran.failure is None else told(ran.failure)
        return msgspec.structs.replace(blank, error_message=words)
    return msgspec.structs.replace(
        blank,
        success=True,
        looks_ahead=found.look_ahead,
        cuts=found.cuts,
        decisions=found.decisions,
        differences=[msgspec.convert(msgspec.to_builtins(one), Difference) for one in found.differences],
        differences_total=found.differences_total,
        warm_up_needed=found.warm_up_needed,
        warm_up_early=found.warm_up_early,
    )
