"""``strategies.sweep_batch`` and ``strategies.sweep``: the runs of a sweep, and what they say together."""

from __future__ import annotations

import asyncio
from functools import partial
from importlib import import_module
from typing import Any

import msgspec

from abaca import BatchCtx, Ctx, Retry
from abaca_strategies.errors import NotFound
from abaca_strategies.flowmodels import FoldRow, SweepResult
from abaca_strategies.flows.terms import Batch, Part, Sweep, Trial
from abaca_strategies.models import ENGINE_VERSION
from abaca_strategies.registry import RunRecord
from abaca_strategies.running.work import Point, PointResult
from abaca_strategies.settings import value
from abaca_strategies.tasks.pointing import figures_of, run_points
from abaca_strategies.tasks.service import QUEUE, Service
from abaca_strategies.tasks.sweeps import Sweeps
from abaca_strategies.tasks.turns import keep_run, seconds_left, turn

BATCH = "strategies.sweep_batch"
NAME = "strategies.sweep"
TIMEOUT = "20m"
RETRY = Retry(max_attempts=4)
MAX_PAYLOAD = 8 << 20
_RECORDED = ("total_return", "cagr", "sharpe", "max_drawdown", "trades")


def declare_sweeping(service: Service) -> Sweeps:
    """20 minutes and 3 retries for a batch, and for the job that ends the sweep. A batch that died is done again as a
    whole; its runs count once. Batches have low priority: what somebody waits for goes before them."""
    app, keep, slots = service.app, value(service.app, "strategies.keep"), value(service.app, "strategies.slots")

    @app.task(
        name=BATCH,
        queue=QUEUE,
        priority="low",
        timeout=TIMEOUT,
        retry=RETRY,
        batch=1,
        parallel=slots,
        max_payload=MAX_PAYLOAD,
        keep=keep,
    )
    async def sweep_batch(ctx: BatchCtx, batches: list[Batch]) -> list[Part]:
        return [await _batch(service, one, each) for one, each in zip(ctx.jobs, batches, strict=True)]

    @app.task(name=NAME, queue=QUEUE, timeout=TIMEOUT, retry=RETRY, max_payload=MAX_PAYLOAD, keep=keep)
    async def sweep(ctx: Ctx, parts: list[Part | None]) -> SweepResult:
        return await _end(service, sweeps, ctx, parts)

    sweeps = Sweeps(service, sweep_batch, sweep)
    return sweeps


async def _batch(service: Service, ctx: Ctx, batch: Batch) -> Part:
    terms, runs = batch.terms, batch.runs
    try:
        strategy = await service.registry.get(terms.strategy_id, terms.version)
        file = await service.datasets.open(terms.data_hash, terms.symbols)
    except NotFound as error:
        return Part(trials=[_trial(batch, run, PointResult(number=run.number, error=str(error))) for run in runs])

    def tell(done: int) -> None:
        ctx.progress(done, len(runs), stage="points")

    async with turn(service) as runner:
        tell(0)
        work = terms.work(strategy.python_code, runs)
        found = await run_points(runner, work, file.packed, partial(seconds_left, ctx), tell)
    return Part(trials=[_trial(batch, run, found[run.number]) for run in runs])


def _trial(batch: Batch, run: Point, result: PointResult) -> Trial:
    is_whole = run.bars is None
    return Trial(
        number=run.number,
        params=run.params if is_whole else None,
        figures=figures_of(result.metrics, batch.whole if is_whole else batch.part),
        error=result.error,
    )


async def _end(service: Service, sweeps: Sweeps, ctx: Ctx, parts: list[Part | None]) -> SweepResult:
    sweep = await sweeps.get(ctx.job_id)
    reducing: Any = import_module("abaca_strategies.flows.reducing")
    lost = [sweep.size_of(place) for place, part in enumerate(parts) if part is None]
    if len(lost) == len(parts):
        raise RuntimeError(f"sweep {ctx.job_id}: none of its {len(parts)} batches completed; requeue it to try again")
    found = reducing.Found(sweep, [part for part in parts if part is not None], sum(lost))
    tests, warnings = await _tests(service, ctx, sweep, found)
    rows: list[FoldRow] = reducing.rows(sweep, found, tests)
    result = await asyncio.to_thread(_result, reducing, sweep, found, rows)
    if lost:
        warnings.append(f"{len(lost)} of {len(parts)} batches failed; their {sum(lost)} runs are missing")
    result = msgspec.structs.replace(result, warnings=[*sweep.warnings, *warnings])
    await _keep(service, ctx, sweep, result)
    return result


async def _tests(service: Service, ctx: Ctx, sweep: Sweep, found: Any) -> tuple[dict[int, Trial], list[str]]:
    """The best point of each fold over its test bars, by the number of the fold. All bars before them are there to look
    back on, as they are when a strategy is put to use."""
    chosen = {number: found.best_of_fold(number) for number in range(len(sweep.folds))}
    runs = [
        Point(number=number, params=found.params_of(trial), bars=fold.test, warmup=fold.test[0])
        for (number, trial), fold in zip(chosen.items(), sweep.folds, strict=True)
        if trial is not None
    ]
    if not runs:
        return {}, []
    try:
        strategy = await service.registry.get(sweep.terms.strategy_id, sweep.terms.version)
        file = await service.datasets.open(sweep.terms.data_hash, sweep.terms.symbols)
    except NotFound as error:
        return {}, [f"the walk forward could not be ended: {error}"]

    def tell(done: int) -> None:
        ctx.progress(done, len(runs), stage="walk_forward")

    async with turn(service) as runner:
        work = sweep.terms.work(strategy.python_code, runs)
        done = await run_points(runner, work, file.packed, partial(seconds_left, ctx), tell)
    return {
        number: Trial(number=number, figures=result.metrics, error=result.error) for number, result in done.items()
    }, []


def _result(reducing: Any, sweep: Sweep, found: Any, rows: list[FoldRow]) -> SweepResult:
    deflated, expected = found.luck()
    has_figures = any(point.error is None for point in found.points)
    return SweepResult(
        success=has_figures,
        error_message=None if has_figures else next((one.error for one in found.points if one.error), None),
        walk_forward=rows,
        out_of_sample=reducing.out_of_sample(rows),
        deflated_sharpe=deflated,
        expected_best_sharpe=expected,
        data_hash=sweep.terms.data_hash,
        engine_version=ENGINE_VERSION,
        **msgspec.structs.asdict(found.summary),
    )


async def _keep(service: Service, ctx: Ctx, sweep: Sweep, result: SweepResult) -> None:
    def record(blank: RunRecord) -> RunRecord:
        best = {} if result.best is None else result.best.figures
        figures = {name: best.get(name) for name in dict.fromkeys((*_RECORDED, result.objective)) if name in best}
        figures |= {"deflated_sharpe": result.deflated_sharpe, "points": float(sweep.points)}
        return msgspec.structs.replace(
            blank,
            user_id=sweep.request.user_id,
            strategy_id=result.strategy_id,
            version=result.version,
            strategy_name=sweep.strategy_name,
            dataset=sweep.dataset,
            data_hash=result.data_hash,
            engine_version=ENGINE_VERSION,
            request=msgspec.to_builtins(msgspec.structs.replace(sweep.request, symbols=sweep.terms.symbols)),
            success=result.success,
            error=result.error_message,
            figures=figures,
            warnings=len(result.warnings),
        )

    await keep_run(service, ctx, "sweep", sweep.created_at, record)
