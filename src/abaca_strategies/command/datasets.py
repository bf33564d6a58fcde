"""``abaca data list``, ``show`` and ``rm``"""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import Parameter

from abaca import ConfigError
from abaca.cli import EXIT_OK, Given, note, print_json, print_pairs, print_table, say
from abaca_strategies.command.bringing import say_problems
from abaca_strategies.command.plain import End, Start, Timeframe
from abaca_strategies.command.running import run
from abaca_strategies.registry.dataviews import BarsPage, DataSetView
from abaca_strategies.strategies import Strategies


def list_data(
    *,
    limit: Annotated[int, Parameter(help="How many.")] = 50,
    cursor: Annotated[str | None, Parameter(help="Where the answer before ended.")] = None,
    session: Given,
) -> int:
    """List data sets: `synthetic`, which is always there, and those that were taken in."""
    page = run(session, lambda service: service.datasets.list(cursor=cursor, limit=limit))
    if session.json:
        print_json(page)
        return EXIT_OK
    rows = [
        (one.name, one.rows, one.ticker_count, one.first[:10], one.last[:10], _every(one), one.origin)
        for one in page.items
    ]
    print_table(("name", "bars", "tickers", "from", "to", "every", "origin"), rows, "there are no data sets")
    if page.cursor:
        note(f"there are more: --cursor {page.cursor}")
    return EXIT_OK


def show(
    name: Annotated[str, Parameter(name="NAME", help="The data set.")],
    /,
    *,
    bars: Annotated[int, Parameter(help="So many bars as well, the first in the range.")] = 0,
    ticker: Annotated[str | None, Parameter(help="Of this ticker. [default: the first]")] = None,
    timeframe: Timeframe = None,
    start: Start = None,
    end: End = None,
    session: Given,
) -> int:
    """Show a data set: its digest, its tickers, and what is odd about it; with --bars its prices too."""

    async def look(service: Strategies) -> tuple[DataSetView, BarsPage | None]:
        view = await service.datasets.get(name)
        if bars <= 0:
            return view, None
        return view, await service.datasets.bars(
            name, ticker=ticker, timeframe=timeframe, start=start, end=end, limit=bars
        )

    view, page = run(session, look)
    if session.json:
        print_json({"dataset": view, **({} if page is None else {"bars": page})})
        return EXIT_OK
    more = f" and {view.ticker_count - len(view.tickers)} more" if view.ticker_count > len(view.tickers) else ""
    print_pairs(
        [
            ("name", view.name),
            ("digest", view.digest),
            ("bars", f"{view.rows:,}"),
            ("tickers", f"{', '.join(view.tickers)}{more}"),
            ("columns", ", ".join(view.columns)),
            ("from", view.first),
            ("to", view.last),
            ("every", _every(view)),
            ("origin", view.origin),
            ("facts", ", ".join(view.facts)),
            ("taken in", view.created_at),
        ]
    )
    if view.problems:
        sys.stdout.write("\n")
        say_problems(view.problems)
    if page is not None:
        sys.stdout.write("\n")
        rows = [(one.time, one.open, one.high, one.low, one.close, one.volume) for one in page.items]
        print_table((page.ticker, "open", "high", "low", "close", "volume"), rows, "there are no such bars")
        if page.total > len(page.items):
            note(f"{len(page.items)} of {page.total:,} bars")
    return EXIT_OK


def _every(view: DataSetView) -> str:
    seconds = view.spacing_seconds
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds // length} {unit}"
    return f"{seconds} s" if seconds else ""


def rm(
    *names: Annotated[str, Parameter(name="NAME", help="The data set.")],
    session: Given,
) -> int:
    """Delete data sets. The prices stay for as long as a run that is kept used them."""
    if not names:
        raise ConfigError("name a data set")

    async def work(service: Strategies) -> None:
        for name in names:
            await service.datasets.delete(name)

    run(session, work)
    if session.json:
        print_json({"deleted": list(names)})
    else:
        say(f"deleted: {', '.join(names)}")
    return EXIT_OK
