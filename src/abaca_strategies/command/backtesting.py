"""``abaca backtest run``"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from abaca.cli import EXIT_FAILED, EXIT_OK, Given, print_json
from abaca_strategies.command.figures import say_result
from abaca_strategies.command.following import Detach, Follow, Wait, Watching
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
from abaca_strategies.command.reporting import Html, check_target, write_report
from abaca_strategies.command.running import run
from abaca_strategies.models import BacktestResult, Strategy
from abaca_strategies.requests import BacktestRequest
from abaca_strategies.strategies import Strategies

Rule = Annotated[
    tuple[str, ...],
    Parameter(
        name="--rule",
        help="As --rule costs.fee_bps=10, cash=50000, allow_short=false, stop_loss=0.1; may be given several times.",
        negative="",
    ),
]


def run_backtest(
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
    rule: Rule = (),
    benchmark: Annotated[str | None, Parameter(help="A ticker. [default: all tickers, equal weights]")] = None,
    hold: Annotated[int | None, Parameter(help="Bars that the portfolio keeps an instance. [default: 5]")] = None,
    html: Html = None,
    follow: Follow = False,
    wait: Wait = None,
    detach: Detach = False,
    session: Given,
) -> int:
    """Run a strategy over past data, show its figures, and with --html write them to one file with its pictures inside.

    The run is a job. Where no worker serves it, one runs inside this command. Its id is told with the result, and
    `abaca backtest show` has the result later too. Ctrl-C leaves the job to the next worker.
    Exit status: 0 it ran; 1 the strategy failed, and why is told; 2 the command is wrong; 3 the job was cancelled;
    4 the time to wait was over.
    """
    watching = Watching(session, follow=follow, wait=wait, detach=detach, later="abaca backtest show")
    check_target(html, detach=detach)
    request = request_of(
        BacktestRequest,
        {
            "strategy_id": strategy,
            "version": version,
            "start_date": start,
            "end_date": end,
            "dataset": dataset,
            "symbols": listed(symbols),
            "timeframe": timeframe,
            "params": params_of(param),
            "rules": nested(params_of(rule, "--rule")),
            "benchmark": benchmark,
            "hold": hold,
        },
    )

    async def work(service: Strategies) -> int:
        found = await service.registry.get(strategy, version)  # what is missing is told before anything is enqueued
        data = await service.datasets.open(dataset, [*(request.symbols or ()), *([benchmark] if benchmark else ())])
        job = await service.backtest.enqueue(request)
        return await watching.watch(
            service,
            job,
            found.name,
            lambda result: _told(session, job.id, result, found, html, data.name),
            strategy_id=strategy,
        )

    return run(session, work)


def _told(
    session: Given, job_id: str, result: BacktestResult, strategy: Strategy, html: Path | None, dataset: str
) -> int:
    if session.json:
        print_json({"job_id": job_id, "result": result})
    else:
        say_result(job_id, result, strategy.name)
    if html is not None:
        write_report(html, result, strategy, dataset)
    return EXIT_OK if result.success else EXIT_FAILED


def nested(given: dict[str, object]) -> dict[str, object]:
    """``costs.fee_bps`` is the field of a field."""
    found: dict[str, object] = {}
    for name, one in given.items():
        outer, dot, inner = name.partition(".")
        if not dot:
            found[name] = one
            continue
        inside = found.setdefault(outer, {})
        if isinstance(inside, dict):
            inside[inner] = one
    return found
