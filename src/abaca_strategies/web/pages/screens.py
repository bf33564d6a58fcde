"""Screens: strategies over a universe, and the tickers in the order of their scores."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from abaca.http import Desk, Form, Reply
from abaca_strategies.models import ScreeningResult
from abaca_strategies.requests import ScreeningRequest
from abaca_strategies.web.callers import seen_by, strategy_for, user_of
from abaca_strategies.web.drawing.markup import Html
from abaca_strategies.web.drawing.scales import number
from abaca_strategies.web.pages.declaring import done, read_form, service_of, shown
from abaca_strategies.web.report.tables import table
from abaca_strategies.web.running import read


@shown("/strategies/screens")
async def list_screens(desk: Desk) -> Reply:
    service: Any = service_of(desk)
    mine = seen_by(desk.caller)
    return desk.page(
        "strategies/screens.html",
        here="strategies",
        strategies=(await service.registry.list(user_id=mine, limit=100)).items,
        datasets=(await service.datasets.list(limit=100)).items,
        runs=(await service.runs.list(kind="screening", user_id=mine, limit=30)).items,
    )


@done("/strategies/screens")
async def start(desk: Desk, form: Form) -> Reply:
    service: Any = service_of(desk)
    asked = read_form(form, ScreeningRequest, lists=("strategy_ids", "universe"), objects=("filters",))
    for each in asked.strategy_ids:
        await strategy_for(desk.api, str(each))
    wanted = msgspec.structs.replace(asked, user_id=user_of(desk.caller))
    handle = await service.screening.opts(owner=desk.caller.owner).enqueue(wanted)
    return desk.see_other(f"/strategies/screens/{handle.id}")


@shown("/strategies/screens/{job}")
async def show_screen(desk: Desk, job: str) -> Reply:
    service: Any = service_of(desk)
    view = await read(desk.api, job, service.screening)
    return desk.page(
        "strategies/screen.html",
        here="strategies",
        view=view,
        result=view.result,
        ranking=None if view.result is None else _ranking(view.result),
        stream=desk.api.url(f"/jobs/{job}/events") if view.ended_at is None else "",
    )


def _ranking(result: ScreeningResult) -> Html:
    parts = list(dict.fromkeys(name for each in result.ranked_results for name in each.parts))[:20]
    head = [("Rank", True), ("Ticker", False), ("Score", True), ("Price", True), ("Sector", False)]
    rows = [
        [number(at), each.symbol, number(each.score), number(each.current_price), each.sector or ""]
        + [number(each.parts.get(name)) for name in parts]
        + [json.dumps(each.data, default=str)[:300] if each.data else ""]
        for at, each in enumerate(result.ranked_results, 1)
    ]
    more = [(f"Strategy {name}", True) for name in parts]
    return table("Tickers by score", [*head, *more, ("What it says", False)], rows)


HANDLERS = (list_screens, start, show_screen)
