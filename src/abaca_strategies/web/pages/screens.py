"""Screens: strategies over a universe, and the tickers in the order of their scores."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from abaca.http import Desk, Form, Reply
from abaca_strategies.models import Json, ScreeningResult
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
        heading=_heading(view.result),
        warnings=[] if view.result is None else _warnings(view.result),
        ranking=None if view.result is None else _ranking(view.result),
        stream=desk.api.url(f"/jobs/{job}/events") if view.ended_at is None else "",
    )


def _ranking(result: ScreeningResult) -> Html:
    parts = list(dict.fromkeys(name for each in result.ranked_results for name in each.parts))[:20]
    head = [("Rank", True), ("Ticker", False), ("Score", True), ("Price", True), ("Sector", False)]
    rows = [
        [number(at), each.symbol, number(each.score), number(each.current_price), each.sector or ""]
        + [number(each.parts.get(name)) for name in parts]
        + [_says(each.data, is_of_many=len(result.versions) > 1)]
        for at, each in enumerate(result.ranked_results, 1)
    ]
    more = [(f"Strategy {name}", True) for name in parts]
    return table("Tickers by score", [*head, *more, ("What it says", False)], rows)


def _heading(result: ScreeningResult | None) -> str:
    asked = [] if result is None else list(result.versions)
    if not asked:
        return "Screen"
    return f"Screen of strategy {asked[0]}" if len(asked) == 1 else f"Screen of strategies {', '.join(asked)}"


def _warnings(result: ScreeningResult) -> list[str]:
    """Without those that say once more that a strategy failed."""
    failed = tuple(f"strategy {id} failed: " for id in result.failures)
    return [each for each in result.warnings if not each.startswith(failed)] if failed else result.warnings


def _says(data: Json, *, is_of_many: bool) -> str:
    """What the strategy says beside the score; of several strategies, each by its number."""
    if is_of_many:
        parts = [(id, _of_one(told)) for id, told in data.items() if isinstance(told, dict)]
        return "; ".join(f"{id}: {words}" for id, words in parts if words)[:300]
    return _of_one(data)[:300]


def _of_one(told: Json) -> str:
    ago = told.get("bars_ago")
    words = [] if not isinstance(ago, int) else ["now" if ago == 0 else "a bar ago" if ago == 1 else f"{ago} bars ago"]
    words += [
        f"{name} = {value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)}"
        for name, value in told.items()
        if name not in ("timestamp", "bars_ago")
    ]
    return ", ".join(words)


HANDLERS = (list_screens, start, show_screen)
