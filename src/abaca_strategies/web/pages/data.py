"""Data sets: what there is, a picture of one ticker's prices, and the form that makes a synthetic one."""

from __future__ import annotations

from typing import Any

from abaca.http import Desk, Form, Reply
from abaca_strategies.requests import SyntheticRequest
from abaca_strategies.web.drawing.lines import Curve, time_chart
from abaca_strategies.web.drawing.scales import number, seconds_of
from abaca_strategies.web.pages.declaring import asked_of, done, read_form, service_of, shown

_BARS = 2_000


@shown("/strategies/data")
async def list_data(desk: Desk) -> Reply:
    page = await service_of(desk).datasets.list(limit=100, cursor=asked_of(desk, "after") or None)
    return desk.page("strategies/data.html", here="strategies", datasets=page.items, after=page.cursor)


@done("/strategies/data")
async def make(desk: Desk, form: Form) -> Reply:
    made = await service_of(desk).datasets.make(read_form(form, SyntheticRequest))
    return desk.see_other(f"/strategies/data/{made.name}", f"Data set {made.name} is made.")


@shown("/strategies/data/{name}")
async def show_data(desk: Desk, name: str) -> Reply:
    service: Any = service_of(desk)
    found = await service.datasets.get(name)
    ticker = asked_of(desk, "ticker") or found.tickers[0]
    bars = await service.datasets.bars(name, ticker=ticker, limit=_BARS)
    line = Curve(ticker, [(seconds_of(each.time), each.close) for each in bars.items])
    says = f"Closes of {ticker}: {len(bars.items):,} of {bars.total:,} bars"
    last = bars.items[-1] if bars.items else None
    return desk.page(
        "strategies/dataset.html",
        here="strategies",
        found=found,
        ticker=ticker,
        says=says,
        chart=time_chart([line], says if last is None else f"{says}, the last at {number(last.close)}"),
    )


@done("/strategies/data/{name}/delete")
async def delete(desk: Desk, name: str, form: Form) -> Reply:
    await service_of(desk).datasets.delete(name)
    return desk.see_other("/strategies/data", f"Data set {name} is deleted; runs that are kept have its bars still.")


HANDLERS = (list_data, make, delete, show_data)
