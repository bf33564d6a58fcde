"""Data sets: what there is, a picture of one ticker's prices, and the form that makes a synthetic one."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from abaca.http import Desk, Form, Reply, Scope
from abaca_strategies.failures import DataError
from abaca_strategies.registry.dataviews import BarsPage
from abaca_strategies.registry.facts import names_of
from abaca_strategies.requests import SyntheticRequest
from abaca_strategies.settings import value
from abaca_strategies.web.drawing.lines import Curve, time_chart
from abaca_strategies.web.drawing.markup import Html
from abaca_strategies.web.drawing.scales import NOTHING, number, seconds_of
from abaca_strategies.web.pages.declaring import asked_of, done, read_form, service_of, shown
from abaca_strategies.web.report.tables import table

_BARS = 5_000
_LONGER = ("1h", "1d", "1w", "1m")
_FACTS = 500


@shown("/strategies/data")
async def list_data(desk: Desk) -> Reply:
    page = await service_of(desk).datasets.list(limit=100, cursor=asked_of(desk, "after") or None)
    return desk.page(
        "strategies/data.html",
        here="strategies",
        datasets=page.items,
        after=page.cursor,
        largest=value(desk.app, "strategies.max_data"),
    )


@done("/strategies/data")
async def make(desk: Desk, form: Form) -> Reply:
    made = await service_of(desk).datasets.make(read_form(form, SyntheticRequest))
    return desk.see_other(f"/strategies/data/{made.name}", f"Data set {made.name} is made.")


@shown("/strategies/data/{name}")
async def show_data(desk: Desk, name: str) -> Reply:
    service: Any = service_of(desk)
    found = await service.datasets.get(name)
    ticker = asked_of(desk, "ticker") or found.tickers[0]
    bars = await _bars(service, name, ticker)
    facts = (await service.datasets.open(name)).facts
    line = Curve(ticker, [(seconds_of(each.time), each.close) for each in bars.items])
    shown = "" if len(bars.items) == bars.total else f"the first {len(bars.items):,} of "
    says = f"Closes of {ticker}: {shown}{bars.total:,} bars{f' of {bars.timeframe}' if bars.timeframe else ''}"
    last = bars.items[-1] if bars.items else None
    return desk.page(
        "strategies/dataset.html",
        here="strategies",
        found=found,
        ticker=ticker,
        facts=_facts(facts),
        facts_total=len(facts),
        says=says,
        chart=time_chart([line], says if last is None else f"{says}, the last at {number(last.close)}"),
    )


async def _bars(service: Any, name: str, ticker: str) -> BarsPage:
    """All bars of a ticker, made into longer ones where there are many."""
    page: BarsPage = await service.datasets.bars(name, ticker=ticker, limit=_BARS)
    for timeframe in _LONGER:
        if page.total <= _BARS:
            break
        with suppress(DataError):  # it is not longer than what is there
            page = await service.datasets.bars(name, ticker=ticker, timeframe=timeframe, limit=_BARS)
    return page


def _facts(facts: dict[str, dict[str, Any]]) -> Html | None:
    """The first of them as a table."""
    names = names_of(facts.values())
    if not names:
        return None
    rows = [[ticker, *(_words(known.get(name)) for name in names)] for ticker, known in sorted(facts.items())[:_FACTS]]
    return table("Facts by ticker", [("Ticker", False), *((name, False) for name in names)], rows)


def _words(fact: Any) -> str:
    if isinstance(fact, bool):
        return "yes" if fact else "no"
    return NOTHING if fact is None else str(fact)[:200]


@done("/strategies/data/{name}/delete")
async def delete(desk: Desk, name: str, form: Form) -> Reply:
    desk.caller.require(Scope.ADMIN)  # data sets are everybody's
    await service_of(desk).datasets.delete(name)
    return desk.see_other("/strategies/data", f"Data set {name} is deleted; runs that are kept have its bars still.")


HANDLERS = (list_data, make, delete, show_data)
