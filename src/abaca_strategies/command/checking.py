"""``abaca strategies check``"""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from abaca.cli import EXIT_FAILED, EXIT_OK, Given, note, print_json, print_table, say
from abaca_strategies.command.following import Watching
from abaca_strategies.command.plain import (
    Dataset,
    End,
    Id,
    Params,
    Start,
    Symbols,
    Timeframe,
    VersionOf,
    listed,
    params_of,
    request_of,
)
from abaca_strategies.command.running import run
from abaca_strategies.flowmodels import CheckResult
from abaca_strategies.requests import CheckRequest
from abaca_strategies.strategies import Strategies


def check(
    strategy: Id,
    /,
    *,
    start: Start = None,
    end: End = None,
    dataset: Dataset = None,
    symbols: Symbols = (),
    version: VersionOf = None,
    timeframe: Timeframe = None,
    param: Params = (),
    cuts: Annotated[int | None, Parameter(help="How often the data are cut. [default: 8]")] = None,
    session: Given,
) -> int:
    """Run a strategy again on data that are cut off: a decision that changes had looked ahead.

    Exit status: 0 it does not look ahead; 1 it does, or it fails; 2 the command is wrong.
    """
    request = request_of(
        CheckRequest,
        {
            "strategy_id": strategy,
            "version": version,
            "start_date": start,
            "end_date": end,
            "dataset": dataset,
            "symbols": listed(symbols),
            "timeframe": timeframe,
            "params": params_of(param),
            "cuts": cuts,
        },
    )

    def told(result: CheckResult) -> int:
        if session.json:
            print_json(result)
        else:
            _say(result)
        return EXIT_OK if result.success and not result.looks_ahead else EXIT_FAILED

    async def work(service: Strategies) -> int:
        found = await service.registry.get(strategy, version)
        await service.datasets.open(dataset, request.symbols)
        job = await service.check.enqueue(request)
        return await Watching(session).watch(service, job, found.name, told)

    return run(session, work)


def _say(result: CheckResult) -> None:
    if not result.success:
        note(result.error_message or "the check left no answer")
        return
    verdict = "looks ahead" if result.looks_ahead else "does not look ahead"
    say(f"it {verdict}: {result.decisions:,} decisions over {result.cuts} cuts, {result.differences_total:,} changed")
    if result.warm_up_needed is not None:
        say(f"it needs {result.warm_up_needed:,} bars to warm up")
    if result.warm_up_early:
        note(f"it holds something in {result.warm_up_early:,} bars before that")
    rows = [(one.ticker, one.time, one.cut, one.whole, one.seen) for one in result.differences[:10]]
    if rows:
        print_table(("ticker", "at", "data until", "with all", "without"), rows, "")
    for warning in result.warnings:
        note(warning)
