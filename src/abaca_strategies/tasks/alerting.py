"""``strategies.alert``: one evaluation of a strategy, mostly for a rule and by its schedule."""

from __future__ import annotations

from contextlib import suppress

import msgspec

from abaca import BatchCtx, Ctx, Retry, Task
from abaca_strategies.errors import NotFound, Refused, RuleNotFound, StrategyNotFound
from abaca_strategies.failures import DataError
from abaca_strategies.flowmodels import AlertEvent
from abaca_strategies.models import AlertResult, AlertTrigger, Strategy
from abaca_strategies.registry import Head, RunRecord
from abaca_strategies.registry.alerts import DAY, StoredRule
from abaca_strategies.registry.recording import now_text
from abaca_strategies.registry.triggers import trigger_id
from abaca_strategies.requests import AlertRequest, AlertRuleRequest
from abaca_strategies.running.runner import SECONDS
from abaca_strategies.running.work import Screen
from abaca_strategies.settings import value
from abaca_strategies.tasks.noticing import Notices, tell, tell_of_test
from abaca_strategies.tasks.service import QUEUE, Service
from abaca_strategies.tasks.turns import keep_run, seconds_left, teller, told, turn

NAME = "strategies.alert"
RETRY = Retry(max_attempts=4)
KEEP = "3d"
"""How long the jobs of evaluations stay, of which a rule makes one a minute or more."""

Alert = Task[[AlertRequest], AlertResult]


class _Evaluated(msgspec.Struct, frozen=True, kw_only=True):
    result: AlertResult
    found: list[AlertEvent] = []
    """What holds now, not yet kept."""
    strategy: Strategy | None = None
    dataset: str | None = None


def declare_alerting(service: Service, notices: Notices) -> Alert:
    """2 minutes, 3 retries. A strategy that fails is a finished job with ``success: false``, and its rule's
    ``last_error``."""

    @service.app.task(
        name=NAME,
        queue=QUEUE,
        timeout="2m",
        retry=RETRY,
        batch=1,
        parallel=value(service.app, "strategies.slots"),
        max_payload=4 << 20,
        keep=KEEP,
    )
    async def alert(ctx: BatchCtx, requests: list[AlertRequest]) -> list[AlertResult]:
        return [await _alert(service, notices, one, each) for one, each in zip(ctx.jobs, requests, strict=True)]

    return alert


async def _alert(service: Service, notices: Notices, ctx: Ctx, request: AlertRequest) -> AlertResult:
    started_at = now_text()
    rule: StoredRule | None = None
    if request.rule_id is not None:
        rule = await service.alerts.stored(request.rule_id)
        if rule is None:
            await service.alerts.clear(request.rule_id)
            words = f"{RuleNotFound(request.rule_id)}; it has no schedule any more"
            return AlertResult(success=False, error_message=words, is_test=request.is_test)
        request = _of_rule(request, rule.rule)
    try:
        done = await _evaluated(service, ctx, request, rule)
    except StrategyNotFound as error:
        if request.rule_id is not None:  # ids are not given again: the rule can never find anything
            with suppress(RuleNotFound):
                await service.alerts.delete(request.rule_id)
        return AlertResult(success=False, error_message=str(error), is_test=request.is_test)
    except (NotFound, Refused, DataError) as error:
        done = _Evaluated(result=AlertResult(success=False, error_message=str(error), is_test=request.is_test))
    if request.is_test:
        result = done.result
        if rule is not None and request.rule_id is not None:
            await tell_of_test(service, notices, ctx.job_id, request.rule_id, rule.rule, done.found)
    else:
        result = await _kept(service, notices, ctx, request, rule, done, started_at)
    if request.is_test or any(trigger.is_new for trigger in result.triggers):
        await _record(service, ctx, request, done, result, started_at)
    return result


def _of_rule(request: AlertRequest, rule: AlertRuleRequest) -> AlertRequest:
    """What a rule says wins over what its schedule was made with."""
    return msgspec.structs.replace(
        request,
        strategy_id=rule.strategy_id,
        version=rule.version,
        dataset=rule.dataset,
        symbols=rule.universe,
        threshold=rule.threshold,
        min_timeframe=rule.min_timeframe,
    )


async def _evaluated(service: Service, ctx: Ctx, request: AlertRequest, rule: StoredRule | None) -> _Evaluated:
    """What the strategy finds now. It fires where an instance lies in the bucket of its ticker's newest bar and its
    score is enough. Raises for whatever is named that is not there."""
    strategy = await service.registry.get(request.strategy_id, request.version)
    is_test, threshold = request.is_test, request.threshold
    if rule is not None and not is_test and not strategy.is_alert_active:
        words = f"isAlertActive of strategy {strategy.strategy_id} is off; its rules are not evaluated"
        return _Evaluated(result=AlertResult(success=True, warnings=[words]), strategy=strategy)
    file = await service.datasets.open(request.dataset, request.symbols or strategy.alert_universe)
    tickers = list(dict.fromkeys(request.symbols or strategy.alert_universe or file.tickers))
    timeframe = request.min_timeframe or strategy.min_timeframe or DAY
    newest = await service.datasets.newest(file, tickers, as_of=request.as_of, timeframe=timeframe)
    if not newest:
        raise Refused("as_of", f"data set {file.name} has no bars of these tickers up to {request.as_of}")
    work = Screen(code=strategy.python_code, symbols=list(newest), end=request.as_of)
    async with turn(service) as runner:
        ran = await runner.screen(work, file.packed, teller(ctx), seconds=seconds_left(ctx, SECONDS[Screen]))
    shown = AlertResult(
        success=ran.value is not None,
        evaluated=len(newest),
        data_hash=file.digest,
        warnings=ran.warnings,
        is_test=is_test,
    )
    if ran.value is None:
        words = "the code left no answer" if ran.failure is None else told(ran.failure)
        failed = msgspec.structs.replace(shown, error_message=words)
        return _Evaluated(result=failed, strategy=strategy, dataset=file.name)
    least = strategy.alert_threshold if threshold is None else threshold
    now, found = now_text(), dict[str, AlertEvent]()
    for row in ran.value.rows:
        bar = newest.get(row.ticker)
        is_enough = row.score > 0 if least is None else row.score >= least
        if bar is not None and is_enough and bar.bucket_start <= row.timestamp < bar.bucket_end:
            found[row.ticker] = AlertEvent(
                strategy_id=strategy.strategy_id,
                version=strategy.version,
                ticker=row.ticker,
                timeframe=timeframe,
                bucket=bar.bucket,
                timestamp=row.timestamp,
                score=row.score,
                triggered_at=now,
                data=row.data,
                data_hash=file.digest,
                job_id=ctx.job_id,
            )
    events = [found[ticker] for ticker in sorted(found)]
    result = msgspec.structs.replace(shown, triggers=[_trigger(event) for event in events])
    return _Evaluated(result=result, found=events, strategy=strategy, dataset=file.name)


def _trigger(event: AlertEvent, *, is_new: bool = True, notice: str | None = None) -> AlertTrigger:
    return AlertTrigger(
        ticker=event.ticker,
        timestamp=event.timestamp,
        score=event.score,
        bucket=event.bucket,
        is_new=is_new,
        notice=notice,
    )


async def _kept(
    service: Service,
    notices: Notices,
    ctx: Ctx,
    request: AlertRequest,
    rule: StoredRule | None,
    done: _Evaluated,
    started_at: str,
) -> AlertResult:
    """The same result, with what is new in it, and the rule's webhook told of what it was not told of before."""
    id, triggers = request.rule_id, service.alerts.triggers
    finder = None if rule is None or id is None else (id, rule.rule)
    events = [await triggers.note(event, finder) for event in done.found]
    became = {}
    if finder is not None:
        became = {note.trigger: await tell(service, notices, note) for note in await triggers.notes(finder[0])}
    shown = [
        _trigger(
            found,
            is_new=event.job_id == ctx.job_id,
            notice=became.get(trigger_id(event)) or event.rules.get(id or ""),
        )
        for found, event in zip(done.found, events, strict=True)
    ]
    newest = max((event.triggered_at for event in events if event.job_id == ctx.job_id), default=None)
    if newest is not None:
        await _mark(service, request.strategy_id, newest)
    if id is not None and rule is not None:
        seen = max((event.triggered_at for event in events), default=None)
        await service.alerts.ran(id, started_at, done.result.error_message, seen)
    return msgspec.structs.replace(done.result, triggers=shown)


async def _mark(service: Service, strategy_id: int, at: str) -> None:
    """The strategy's ``alertLastTriggerAt``, which never goes back."""

    def later(head: Head) -> Head:
        return msgspec.structs.replace(head, alert_last_trigger_at=max(at, head.alert_last_trigger_at or ""))

    with suppress(StrategyNotFound):
        await service.registry.change(strategy_id, later)


async def _record(
    service: Service, ctx: Ctx, request: AlertRequest, done: _Evaluated, result: AlertResult, started_at: str
) -> None:
    def record(blank: RunRecord) -> RunRecord:
        return msgspec.structs.replace(
            blank,
            user_id=request.user_id,
            strategy_id=request.strategy_id,
            version=done.strategy and done.strategy.version,
            strategy_name="" if done.strategy is None else done.strategy.name,
            dataset=done.dataset or request.dataset,
            data_hash=result.data_hash,
            request=msgspec.to_builtins(request),
            success=result.success,
            error=result.error_message,
            figures={"evaluated": result.evaluated, "triggers": len(result.triggers)},
            warnings=len(result.warnings),
        )

    await keep_run(service, ctx, "alert", started_at, record)
