"""``abaca backtest list``, ``show`` and ``compare``"""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

import msgspec
from cyclopts import Parameter

from abaca import AbacaError, ConfigError
from abaca.cli import EXIT_FAILED, EXIT_OK, Given, note, print_json, print_table
from abaca_strategies.command.figures import columns, say_result, shown
from abaca_strategies.command.reporting import Html, check_target, write_report
from abaca_strategies.command.running import run
from abaca_strategies.errors import NotFound
from abaca_strategies.models import BacktestResult, Strategy
from abaca_strategies.requests import CompareRequest
from abaca_strategies.strategies import Strategies

Job = Annotated[str, Parameter(name="JOB", help="The id of its job.")]
_LISTED = ("total_return", "sharpe", "max_drawdown", "trades")


def list_backtests(
    *,
    strategy: Annotated[int | None, Parameter(help="Only of a strategy.")] = None,
    limit: Annotated[int, Parameter(help="How many.")] = 50,
    cursor: Annotated[str | None, Parameter(help="Where the answer before ended.")] = None,
    session: Given,
) -> int:
    """List back-tests that ended, the newest first, with their headline figures."""
    page = run(
        session,
        lambda service: service.runs.list(kind="backtest", strategy_id=strategy, cursor=cursor, limit=limit),
    )
    if session.json:
        print_json(page)
        return EXIT_OK
    rows = [
        (
            one.job_id,
            one.strategy_id,
            one.version,
            one.strategy_name,
            one.dataset,
            one.ended_at,
            *(shown(name, one.figures.get(name)) for name in _LISTED),
            "" if one.success else one.error,
        )
        for one in page.items
    ]
    heads = ("job", "strategy", "version", "name", "data", "ended", "return", "sharpe", "drawdown", "trades", "")
    print_table(heads, rows, "no back-test has ended")
    if page.cursor:
        note(f"there are more: --cursor {page.cursor}")
    return EXIT_OK


def show(job: Job, /, *, html: Html = None, session: Given) -> int:
    """Show the result of a back-test, and with --html write its report.

    Exit status: 0 it is there; 1 there is none, it has not ended, or the strategy failed.
    """
    check_target(html)
    result, strategy, dataset = run(session, lambda service: _result(service, job))
    if session.json:
        print_json({"job_id": job, "result": result})
    else:
        say_result(job, result, strategy.name if strategy is not None else "(deleted)")
    if html is not None:
        write_report(html, result, strategy, dataset)
    return EXIT_OK if result.success else EXIT_FAILED


async def _result(service: Strategies, job: str) -> tuple[BacktestResult, Strategy | None, str | None]:
    handle = service.backtest.job(job)
    info = await handle.info()
    if info.spec.task != service.backtest.name:
        raise AbacaError(f"job {job} is no back-test: it is one of {info.spec.task}")
    if not info.state.ended:
        raise AbacaError(f"back-test {job} has not ended: it is {info.status}; `abaca jobs follow {job}` waits for it")
    end = await handle.outcome()
    if end.value is None:
        raise AbacaError(f"back-test {job} {end.status}: {end.error.message if end.error else 'it left no result'}")
    strategy, dataset = None, None
    with suppress(NotFound):  # it was deleted; its runs stay readable
        strategy = await service.registry.get(end.value.strategy_id, end.value.version)
    with suppress(NotFound):
        dataset = (await service.runs.get(job)).dataset
    return end.value, strategy, dataset


def compare(
    *jobs: Annotated[str, Parameter(name="JOB", help="The ids of the jobs.")],
    session: Given,
) -> int:
    """Put the headline figures of back-tests side by side."""
    if len(jobs) < 2:
        raise ConfigError("name two back-tests or more, by the ids of their jobs")
    try:
        wanted = msgspec.convert({"runs": list(jobs)}, CompareRequest)
    except msgspec.ValidationError as error:
        raise ConfigError(str(error)) from error
    found = run(session, lambda service: service.runs.compare(wanted.runs))
    if session.json:
        print_json(found)
        return EXIT_OK
    rows = [
        ("strategy", *(f"{one.strategy_id} v{one.version} {one.strategy_name}" for one in found)),
        ("data", *(one.dataset for one in found)),
        ("from", *(one.request.get("start_date") for one in found)),
        ("to", *(one.request.get("end_date") for one in found)),
        ("params", *(_params(one.request.get("params")) for one in found)),
        *columns(found),
    ]
    print_table(("", *(one.job_id for one in found)), rows, "")
    if len({one.data_hash for one in found}) > 1:
        note("they ran on different data")
    return EXIT_OK


def _params(given: object) -> str:
    return ", ".join(f"{name}={one}" for name, one in given.items()) if isinstance(given, dict) else ""
