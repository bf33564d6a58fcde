"""``abaca alerts create`` and ``test``"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from cyclopts import Parameter

from abaca.cli import EXIT_FAILED, EXIT_OK, Given, note, print_json, print_table
from abaca_strategies.command.following import Watching
from abaca_strategies.command.plain import Dataset, Id, Symbols, VersionOf, listed, request_of
from abaca_strategies.command.rules import RuleId, say_rule
from abaca_strategies.command.running import run
from abaca_strategies.models import AlertResult
from abaca_strategies.requests import AlertRuleRequest
from abaca_strategies.strategies import Strategies


def create(
    strategy: Id,
    /,
    *,
    every: Annotated[str | None, Parameter(help="A distance, as 5m. This or --cron.")] = None,
    cron: Annotated[str | None, Parameter(help="As '30 16 * * 1-5'.")] = None,
    tz: Annotated[str | None, Parameter(help="The zone of --cron. [default: UTC]")] = None,
    missed: Annotated[
        Literal["skip", "once"] | None, Parameter(help="Times without a worker are left out, or made up for once.")
    ] = None,
    name: Annotated[str, Parameter(help="What it is called.")] = "",
    id: Annotated[str | None, Parameter(help="An id of your own; creating it again makes none twice.")] = None,
    dataset: Dataset = None,
    symbols: Symbols = (),
    version: VersionOf = None,
    threshold: Annotated[float | None, Parameter(help="The least score. [default: the strategy's, or above 0]")] = None,
    bucket: Annotated[
        str | None, Parameter(help="At most one trigger of a ticker in each. [default: the strategy's, or 1d]")
    ] = None,
    webhook: Annotated[str | None, Parameter(help="An address that is told.")] = None,
    cooldown: Annotated[float | None, Parameter(help="Seconds without another notice of a ticker.")] = None,
    muted: Annotated[bool, Parameter(negative="", help="Tell nobody for now.")] = False,
    session: Given,
) -> int:
    """Evaluate a strategy by the clock, and keep each trigger once: one for a strategy, ticker and bucket.

    A worker has to run: `abaca worker --queues strategies`.
    """
    request = request_of(
        AlertRuleRequest,
        {
            "strategy_id": strategy,
            "name": name,
            "version": version,
            "dataset": dataset,
            "universe": listed(symbols),
            "threshold": threshold,
            "min_timeframe": bucket,
            "every": every,
            "cron": cron,
            "tz": tz,
            "missed": missed,
            "webhook": webhook,
            "cooldown_seconds": cooldown,
            "is_muted": muted,
        },
    )
    made = run(session, lambda service: service.alerts.create(request, id=id))
    say_rule(session, made)
    return EXIT_OK


def test(rule: RuleId, /, *, session: Given) -> int:
    """Evaluate a rule now, and keep nothing; its webhook is told that it is a test.

    Exit status: 0 it was evaluated; 1 the strategy failed, or there is no such rule.
    """

    def told(result: AlertResult) -> int:
        if session.json:
            print_json(result)
        else:
            rows = [(one.ticker, _time(one.timestamp), one.score, one.bucket) for one in result.triggers]
            print_table(("ticker", "at", "score", "bucket"), rows, "nothing would be told")
            note(result.error_message or f"{result.evaluated:,} tickers were looked at")
        return EXIT_OK if result.success else EXIT_FAILED

    async def work(service: Strategies) -> int:
        job = await service.alerts.test(rule)
        return await Watching(session).watch(service, job, rule, told)

    return run(session, work)


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
