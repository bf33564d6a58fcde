"""``abaca screen``"""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from abaca import ConfigError
from abaca.cli import EXIT_FAILED, EXIT_OK, Given, note, print_json, print_table
from abaca_strategies.command.following import Detach, Follow, Wait, Watching
from abaca_strategies.command.plain import Dataset, Symbols, Timeframe, listed, params_of, request_of
from abaca_strategies.command.running import run
from abaca_strategies.models import ScreeningResult
from abaca_strategies.requests import ScreeningRequest
from abaca_strategies.strategies import Strategies


def screen(
    *strategies: Annotated[int, Parameter(name="ID", help="The strategies.")],
    dataset: Dataset = None,
    symbols: Symbols = (),
    as_of: Annotated[str | None, Parameter(help="Nothing later is looked at. [default: the end of the data]")] = None,
    limit: Annotated[int | None, Parameter(help="So many at most. [default: all]")] = None,
    filter: Annotated[
        tuple[str, ...], Parameter(help="As --filter sector=technology or min_score=0.5.", negative="")
    ] = (),
    timeframe: Timeframe = None,
    follow: Follow = False,
    wait: Wait = None,
    detach: Detach = False,
    session: Given,
) -> int:
    """Rank tickers by what strategies say of them at one time. With several strategies their scores are put together.

    Exit status: 0 it ran; 1 a strategy failed, and why is told; 2 the command is wrong; 3 the job was cancelled; 4 the
    time to wait was over.
    """
    if not strategies:
        raise ConfigError("name a strategy by its id, or several")
    watching = Watching(session, follow=follow, wait=wait, detach=detach)
    request = request_of(
        ScreeningRequest,
        {
            "strategy_ids": list(strategies),
            "dataset": dataset,
            "universe": listed(symbols),
            "as_of": as_of,
            "limit": limit,
            "filters": params_of(filter, "--filter"),
            "timeframe": timeframe,
        },
    )

    def told(result: ScreeningResult) -> int:
        if session.json:
            print_json(result)
        else:
            _say(result)
        return EXIT_OK if result.success else EXIT_FAILED

    async def work(service: Strategies) -> int:
        for id in strategies:
            await service.registry.head(id)
        await service.datasets.open(dataset, request.universe)
        job = await service.screening.enqueue(request)
        return await watching.watch(service, job, "screening", told)

    return run(session, work)


def _say(result: ScreeningResult) -> None:
    names = {f"strategy {id}": id for id in dict.fromkeys(id for one in result.ranked_results for id in one.parts)}
    rows = [
        (place, one.symbol, f"{one.score:.4g}", one.current_price, one.sector, *_parts(one.parts, names))
        for place, one in enumerate(result.ranked_results, 1)
    ]
    print_table(("", "ticker", "score", "price", "sector", *names), rows, "no ticker was found")
    note(f"{result.ranked_total:,} of {result.universe_size:,} tickers at {result.as_of or 'no time'}")
    for id, why in result.failures.items():
        note(f"strategy {id} has no part in it: {why}")
    for warning in result.warnings:
        note(warning)
    if not result.success and result.error_message:
        note(result.error_message)


def _parts(parts: dict[str, float], names: dict[str, str]) -> list[str]:
    """The scores by strategy, where there were several."""
    return [f"{parts[id]:.4g}" if id in parts else "" for id in names.values()]
