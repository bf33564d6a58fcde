"""``strategies.screening``: what one or many strategies say of each ticker, ranked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from abaca import BatchCtx, Ctx, Retry, Task
from abaca_strategies.errors import NotFound, Refused
from abaca_strategies.failures import DataError
from abaca_strategies.models import ScreeningResult, Strategy
from abaca_strategies.registry import DataFile, NewestBar, RunRecord
from abaca_strategies.registry.recording import now_text
from abaca_strategies.requests import ScreeningRequest
from abaca_strategies.running.runner import SECONDS, Runner
from abaca_strategies.running.work import Progress, Screen, ScreenRow
from abaca_strategies.settings import value
from abaca_strategies.tasks.ranking import Filters, rank
from abaca_strategies.tasks.service import QUEUE, Service
from abaca_strategies.tasks.turns import keep_run, seconds_left, teller, told, turn

NAME = "strategies.screening"
RETRY = Retry(max_attempts=4)
MAX_RESULT = 8 << 20


class _Found(msgspec.Struct):
    """What a screening came to, as it grows."""

    strategies: list[Strategy]
    file: DataFile
    newest: dict[str, NewestBar]
    filters: Filters
    rows: dict[int, dict[str, ScreenRow]]
    """By strategy and ticker, of those that answered."""
    failures: dict[str, str]
    warnings: list[str]


def declare_screening(service: Service) -> Task[[ScreeningRequest], ScreeningResult]:
    """5 minutes, 3 retries. A strategy that fails has no part in the ranking, and is named in ``failures``; where all
    of them fail, or what was asked for is not there, it is a finished job with ``success: false``."""

    @service.app.task(
        name=NAME,
        queue=QUEUE,
        timeout="5m",
        retry=RETRY,
        batch=1,
        parallel=value(service.app, "strategies.slots"),
        max_payload=MAX_RESULT,
        keep=value(service.app, "strategies.keep"),
    )
    async def screening(ctx: BatchCtx, requests: list[ScreeningRequest]) -> list[ScreeningResult]:
        return [await _screening(service, one, each) for one, each in zip(ctx.jobs, requests, strict=True)]

    return screening


async def _screening(service: Service, ctx: Ctx, request: ScreeningRequest) -> ScreeningResult:
    started_at = now_text()
    found: _Found | None = None
    try:
        found = await _prepared(service, request)
    except (NotFound, Refused, DataError) as error:
        result = ScreeningResult(success=False, ranked_results=[], error_message=str(error))
    else:
        async with turn(service) as runner:
            await _screen_all(runner, ctx, request, found)
        result = _result(request, found)

    def record(blank: RunRecord) -> RunRecord:
        alone = request.strategy_ids[0] if len(set(request.strategy_ids)) == 1 else None
        names = [] if found is None else [strategy.name for strategy in found.strategies]
        top = result.ranked_results[0].score if result.ranked_results else None
        return msgspec.structs.replace(
            blank,
            user_id=request.user_id,
            strategy_id=alone,
            version=result.versions.get(str(alone)),
            strategy_name=", ".join(names)[:200],
            dataset=request.dataset if found is None else found.file.name,
            data_hash=result.data_hash,
            request=msgspec.to_builtins(request),
            success=result.success,
            error=result.error_message,
            figures={"universe": result.universe_size, "ranked": result.ranked_total, "top_score": top},
            warnings=len(result.warnings),
        )

    await keep_run(service, ctx, "screening", started_at, record)
    return result


async def _prepared(service: Service, request: ScreeningRequest) -> _Found:
    """Raises for whatever was asked for that is not there, before anything runs."""
    strategies = [await service.registry.get(id) for id in dict.fromkeys(request.strategy_ids)]
    file = await service.datasets.open(request.dataset, request.universe)
    filters = Filters.of(request.filters, file)
    universe = list(dict.fromkeys(request.universe or file.tickers))
    newest = await service.datasets.newest(file, universe, as_of=request.as_of)
    if not newest:
        raise Refused("as_of", f"data set {file.name} has no bars of these tickers up to {request.as_of}")
    return _Found(strategies, file, newest, filters, {}, {}, [])


async def _screen_all(runner: Runner, ctx: Ctx, request: ScreeningRequest, found: _Found) -> None:
    """One strategy after the other. Each has an equal share of the time that is left."""
    total = len(found.strategies)
    for number, strategy in enumerate(found.strategies):
        work = Screen(
            code=strategy.python_code, symbols=list(found.newest), end=request.as_of, timeframe=request.timeframe
        )
        seconds = seconds_left(ctx, SECONDS[Screen]) / (total - number)
        tell = teller(ctx) if total == 1 else _part_of(ctx, number, total, strategy)
        ran = await runner.screen(work, found.file.packed, tell, seconds=seconds)
        id = strategy.strategy_id
        prefix = "" if total == 1 else f"strategy {id}: "
        found.warnings += [f"{prefix}{words}" for words in ran.warnings]
        if ran.value is None:
            found.failures[str(id)] = "the code left no answer" if ran.failure is None else told(ran.failure)
        else:
            found.rows[id] = {row.ticker: row for row in ran.value.rows if row.ticker in found.newest}


def _part_of(ctx: Ctx, number: int, total: int, strategy: Strategy) -> Callable[[Progress], None]:
    """Tells how many strategies are done, and of the one at hand its stage and ticker."""

    def tell(told: Progress) -> None:
        stage = f"strategy {strategy.strategy_id}: {told.stage}"
        ctx.progress(number, total, stage=stage, message=told.message or None)

    return tell


def _result(request: ScreeningRequest, found: _Found) -> ScreeningResult:
    versions = {str(one.strategy_id): one.version for one in found.strategies}
    shown: dict[str, Any] = {
        "universe_size": len(found.newest),
        "as_of": max(found.newest.values(), key=lambda bar: bar.time).at,
        "data_hash": found.file.digest,
        "versions": versions,
        "failures": found.failures,
    }
    if not found.rows:
        return ScreeningResult(
            success=False,
            ranked_results=[],
            error_message="\n".join(_named(found.failures, alone=len(found.strategies) == 1)),
            warnings=found.warnings,
            **shown,
        )
    several = len(found.strategies) > 1
    ranked, notes = rank(found.rows, found.newest, found.file.facts, found.filters, several=several)
    kept = ranked if request.limit is None else ranked[: request.limit]
    missing = [f"{words}; it has no part in the ranking" for words in _named(found.failures, alone=False)]
    return ScreeningResult(
        success=True,
        ranked_results=kept,
        scores={one.symbol: one.score for one in kept},
        ranked_total=len(ranked),
        warnings=[*missing, *notes, *found.warnings],
        **shown,
    )


def _named(failures: Mapping[str, str], *, alone: bool) -> list[str]:
    return [words if alone else f"strategy {id} failed: {words}" for id, words in failures.items()]
