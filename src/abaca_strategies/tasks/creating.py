"""``strategies.create_strategy``: from code, or from a prompt and a writer, to a version in the registry."""

from __future__ import annotations

from abaca import Ctx, Retry, Task
from abaca_strategies.errors import CodeRefused, Conflict, NotFound, Refused
from abaca_strategies.models import CreateStrategyResult, Strategy
from abaca_strategies.registry.dataviews import BUILT_IN
from abaca_strategies.registry.strategies import Named, check_code
from abaca_strategies.requests import CreateStrategyRequest, EditStrategyRequest
from abaca_strategies.running.work import Backtest
from abaca_strategies.settings import value
from abaca_strategies.tasks.service import QUEUE, Service
from abaca_strategies.writing import Written

NAME = "strategies.create_strategy"
RETRY = Retry(max_attempts=3)
NEW = -1
_WORDS = 6
TRIAL_END = "2016-12-31"
"""Two years of the data that are built in are enough to see whether code runs."""
_STAGES = ("write", "validate", "repair", "store")


def declare_creating(service: Service) -> Task[[CreateStrategyRequest], CreateStrategyResult]:
    """15 minutes, 2 retries, high priority. A prompt that gives no strategy, or code that cannot be used, is a finished
    job with ``success: false``; a writer that cannot be reached fails, and is tried again."""

    @service.app.task(
        name=NAME,
        queue=QUEUE,
        priority="high",
        timeout="15m",
        retry=RETRY,
        max_payload=1 << 20,
        keep=value(service.app, "strategies.keep"),
    )
    async def create_strategy(ctx: Ctx, request: CreateStrategyRequest) -> CreateStrategyResult:
        try:
            strategy = await _created(service, ctx, request)
        except (NotFound, Refused, Conflict) as error:
            return CreateStrategyResult(success=False, error=str(error))
        ctx.progress(len(_STAGES), len(_STAGES), stage="store")
        return CreateStrategyResult(success=True, strategy=strategy)

    return create_strategy


async def _created(service: Service, ctx: Ctx, request: CreateStrategyRequest) -> Strategy:
    before = None if request.strategy_id == NEW else await service.registry.get(request.strategy_id)
    if request.python_code:
        _tell(ctx, "validate")
        check_code(request.python_code)
        written = Written(python_code=request.python_code)
    elif request.prompt.strip():
        written = await _written(service, ctx, request.prompt, "" if before is None else before.python_code)
    else:
        raise Refused("prompt", "give python_code, or a prompt that says what the strategy does")
    _tell(ctx, "store")
    named = None
    if not request.python_code:
        named = Named(name=written.name or first_words(request.prompt), description=written.description)
    if before is not None:
        change = EditStrategyRequest(
            python_code=written.python_code,
            name=request.name or None,
            description=request.description or None,
            prompt=request.prompt or None,
        )
        return await service.registry.edit(before.strategy_id, change, named)
    return await service.registry.create(
        name=request.name or written.name or first_words(request.prompt),
        python_code=written.python_code,
        description=request.description or written.description,
        prompt=request.prompt,
        user_id=request.user_id,
        written=named,
        token=ctx.job_id,
    )


async def _written(service: Service, ctx: Ctx, prompt: str, code: str) -> Written:
    """What the writer made of the prompt, after one round of repair where it could not be used. Each answer is a step:
    a later attempt of the job does not ask for it again."""
    _tell(ctx, "write")
    writer = service.writer()
    written = await ctx.step("write", writer.write, prompt, code)
    error = await _error_in(service, ctx, written)
    if error is not None and written.reason is None:
        _tell(ctx, "repair")
        written = await ctx.step("repair", writer.write, prompt, written.python_code, error)
        error = await _error_in(service, ctx, written)
    if error is not None:
        raise Refused("prompt", written.reason or f"the code that was written cannot be used: {error}")
    return written


async def _error_in(service: Service, ctx: Ctx, written: Written) -> str | None:
    """Why the code cannot be used: by its text, and by a short run of it where its writer is to be tried."""
    if written.reason is not None:
        return written.reason
    try:
        check_code(written.python_code)
    except CodeRefused as error:
        return error.why
    if not service.writer().is_tried:
        return None
    _tell(ctx, "validate")
    file = await service.datasets.open(BUILT_IN)
    trial = Backtest(code=written.python_code, symbols=list(file.tickers[:2]), end=TRIAL_END, full_results=False)
    failure = (await service.runner().backtest(trial, file.packed)).failure
    return None if failure is None else str(failure)


def first_words(prompt: str) -> str:
    words = prompt.split()
    return " ".join(words[:_WORDS])[:200] or "Strategy"


def _tell(ctx: Ctx, stage: str) -> None:
    ctx.progress(_STAGES.index(stage), len(_STAGES), stage=stage)
