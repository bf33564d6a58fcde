"""One sweep: the best so far while it runs, the map of two parameters, the best points, the walk forward."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from abaca.http import Desk, Form, Reply
from abaca_strategies.errors import SweepNotFound
from abaca_strategies.flowmodels import FoldRow, SweepPoint, SweepView
from abaca_strategies.flows.terms import Sweep
from abaca_strategies.requests import SweepRequest
from abaca_strategies.web.callers import may_see, strategy_for, user_of
from abaca_strategies.web.drawing.heat import heat_table
from abaca_strategies.web.drawing.markup import Html, el
from abaca_strategies.web.drawing.scales import NOTHING, number
from abaca_strategies.web.pages.declaring import done, read_form, service_of, shown
from abaca_strategies.web.report.tables import figure_of, short_time, table, title_of

_COLUMNS = ("total_return", "sharpe", "max_drawdown", "trades")


@done("/strategies/{id}/sweep")
async def start(desk: Desk, id: str, form: Form) -> Reply:
    service: Any = service_of(desk)
    asked = read_form(
        {**form, "strategy_id": id}, SweepRequest, lists=("symbols", "constraints", "require"), objects=("grid",)
    )
    strategy = await strategy_for(desk.api, id, asked.version)
    wanted = msgspec.structs.replace(asked, version=strategy.version, user_id=user_of(desk.caller))
    tags = [f"strategy:{strategy.strategy_id}"]
    handle = await service.sweeps.start(wanted, owner=desk.caller.owner, tags=tags)
    return desk.see_other(f"/strategies/sweeps/{handle.id}")


@shown("/strategies/sweeps/{sweep}")
async def show_sweep(desk: Desk, sweep: str) -> Reply:
    service: Any = service_of(desk)
    asked = await _mine(desk, sweep)
    view: SweepView = await service.sweeps.view(sweep)
    return desk.page(
        "strategies/sweep.html",
        here="strategies",
        view=view,
        name=asked.strategy_name,
        ended=view.result is not None or view.state in ("completed", "failed", "cancelled"),
        objective=title_of(view.objective),
        heat=_heat(view),
        top=_top(view.top, view.objective),
        folds=_folds(view.result.walk_forward) if view.result else None,
        best=_params(view.best.params) if view.best else NOTHING,
        score=figure_of(view.objective, view.best.score) if view.best else NOTHING,
        number=number,
    )


@done("/strategies/sweeps/{sweep}/cancel")
async def cancel(desk: Desk, sweep: str, form: Form) -> Reply:
    await _mine(desk, sweep)
    await service_of(desk).sweeps.handle(sweep).cancel()
    return desk.see_other(f"/strategies/sweeps/{sweep}", "The sweep is told to stop.")


async def _mine(desk: Desk, sweep: str) -> Sweep:
    asked: Sweep = await service_of(desk).sweeps.get(sweep)
    if not may_see(desk.caller, asked.request.user_id):
        raise SweepNotFound(sweep[:40])
    return asked


def _heat(view: SweepView) -> Html | None:
    found = view.heat_map
    if found is None:
        return None
    caption = f"{title_of(view.objective)} by {found.x_name} and {found.y_name}"
    whole = heat_table(caption, found.x_name, found.y_name, found.x, found.y, found.z, maximise=view.maximise)
    return el("div", whole, class_="scroll", tabindex=0, role="region", aria_label=caption)


def _top(points: list[SweepPoint], objective: str) -> Html | None:
    if not points:
        return None
    columns = [name for name in _COLUMNS if name != objective and any(name in each.figures for each in points)]
    head = [("Point", True), ("Parameters", False), (title_of(objective), True)]
    rows = [
        [number(each.number), _params(each.params), figure_of(objective, each.score)]
        + [figure_of(name, each.figures.get(name)) for name in columns]
        for each in points
    ]
    return table("The best points", [*head, *((title_of(name), True) for name in columns)], rows)


def _folds(folds: list[FoldRow]) -> Html | None:
    if not folds:
        return None
    head = [("Fold", True), ("Trained on", False), ("Tested on", False), ("Parameters", False), ("Training", True),
            ("Test", True), ("", False)]  # fmt: skip
    rows = [
        [
            number(each.number + 1),
            f"{short_time(each.train_start)} to {short_time(each.train_end)}",
            f"{short_time(each.test_start)} to {short_time(each.test_end)}",
            NOTHING if each.params is None else _params(each.params),
            number(each.train_score),
            number(each.test_score),
            (each.error or "")[:300],
        ]
        for each in folds
    ]
    return table("Walk forward", head, rows)


def _params(params: dict[str, Any]) -> str:
    return ", ".join(f"{name} = {_plain(value)}" for name, value in params.items())[:300] or "none"


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


HANDLERS = (start, cancel, show_sweep)
