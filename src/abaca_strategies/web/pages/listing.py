"""The list of strategies, what ran last, and the form that makes a strategy."""

from __future__ import annotations

from typing import Any

from abaca.http import Desk, Form, Reply
from abaca_strategies.requests import CreateStrategyRequest
from abaca_strategies.web.callers import seen_by, user_of
from abaca_strategies.web.pages.declaring import asked_of, done, read_form, service_of, shown
from abaca_strategies.web.report.tables import figure_of, title_of

SHOWN = ("total_return", "sharpe", "max_drawdown", "trades")
START = '''def signals(df, params):
    """Long while the close is above its mean of the last bars."""
    mean = df["close"].rolling(params.get("window", 50)).mean()
    return (df["close"] > mean).astype(float)
'''


@shown("/strategies")
async def list_strategies(desk: Desk) -> Reply:
    service: Any = service_of(desk)
    mine = seen_by(desk.caller)
    page = await service.registry.list(cursor=asked_of(desk, "after") or None, user_id=mine)
    runs = await service.runs.list(user_id=mine, limit=15)
    return desk.page(
        "strategies/index.html",
        here="strategies",
        strategies=page.items,
        after=page.cursor,
        runs=runs.items,
        start=START,
        figures=SHOWN,
        figure_of=figure_of,
        title_of=title_of,
    )


@done("/strategies/create")
async def create(desk: Desk, form: Form) -> Reply:
    """From code at once; from a prompt as a job, whose page tells what became of it."""
    service: Any = service_of(desk)
    asked = read_form(form, CreateStrategyRequest)
    user = user_of(desk.caller)
    if asked.python_code:
        made = await service.registry.create(
            name=asked.name or "Unnamed",
            python_code=asked.python_code,
            description=asked.description,
            user_id=user,
        )
        return desk.see_other(f"/strategies/{made.strategy_id}", f"Strategy {made.strategy_id} is made.")
    call = service.create_strategy.opts(owner=desk.caller.owner)
    handle = await call.enqueue(CreateStrategyRequest(prompt=asked.prompt, name=asked.name, user_id=user))
    return desk.see_other(f"/jobs/{handle.id}", "The strategy is being written; its number will be in the result.")


HANDLERS = (list_strategies, create)
