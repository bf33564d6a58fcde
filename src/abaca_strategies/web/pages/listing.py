"""The list of strategies, what ran last, and the form that makes a strategy."""

from __future__ import annotations

from typing import Any

from abaca.http import ApiError, Desk, Form, Reply
from abaca_strategies.errors import StrategiesError
from abaca_strategies.models import CreateStrategyResult
from abaca_strategies.requests import CreateStrategyRequest
from abaca_strategies.web.callers import seen_by, user_of
from abaca_strategies.web.pages.declaring import asked_of, done, read_form, said, service_of, shown
from abaca_strategies.web.report.tables import figure_of, title_of
from abaca_strategies.web.running import view_of

SHOWN = ("total_return", "sharpe", "max_drawdown", "trades")
PATIENCE = 8.0
"""Seconds in which templates have written long since."""
START = '''def signals(df, params):
    """Long while the close is above its mean of the last bars."""
    mean = df["close"].rolling(params.get("window", 50)).mean()
    return (df["close"] > mean).astype(float)
'''
_EMPTY = {"name": "New strategy", "code": START, "refused": "", "prompt": "", "named": "", "unwritten": ""}
"""What stands in the forms at first."""


@shown("/strategies")
async def list_strategies(desk: Desk) -> Reply:
    return await _page(desk)


async def _page(desk: Desk, status: int = 200, **given: str) -> Reply:
    """The page; ``given`` is what stands in the forms and was not taken, and why."""
    service: Any = service_of(desk)
    mine = seen_by(desk.caller)
    page = await service.registry.list(cursor=asked_of(desk, "after") or None, user_id=mine)
    runs = await service.runs.list(user_id=mine, limit=15)
    return desk.page(
        "strategies/index.html",
        here="strategies",
        status=status,
        strategies=page.items,
        after=page.cursor,
        runs=runs.items,
        figures=SHOWN,
        figure_of=figure_of,
        title_of=title_of,
        given={**_EMPTY, **given},
    )


@done("/strategies/create")
async def create(desk: Desk, form: Form) -> Reply:
    """From code at once; from a prompt as a job, which is waited for a little."""
    if "prompt" in form:
        return await _written(desk, form)
    code = form.get("python_code", "").replace("\r\n", "\n")
    try:
        asked = read_form({**form, "python_code": code}, CreateStrategyRequest)
        made = await service_of(desk).registry.create(
            name=asked.name or "Unnamed",
            python_code=asked.python_code,
            description=asked.description,
            user_id=user_of(desk.caller),
        )
    except (ApiError, StrategiesError) as error:
        return await _page(desk, 422, name=form.get("name", ""), code=code, refused=said(error))
    return desk.see_other(f"/strategies/{made.strategy_id}", f"Strategy {made.strategy_id} is made.")


async def _written(desk: Desk, form: Form) -> Reply:
    service: Any = service_of(desk)
    asked = read_form(form, CreateStrategyRequest)
    call = service.create_strategy.opts(owner=desk.caller.owner)
    wanted = CreateStrategyRequest(prompt=asked.prompt, name=asked.name, user_id=user_of(desk.caller))
    handle = await call.enqueue(wanted)
    job = await desk.api.ended(await desk.job(handle.id), PATIENCE)
    result: CreateStrategyResult | None = (await view_of(job, handle)).result
    if result is None:
        return desk.see_other(f"/jobs/{handle.id}", "The strategy is being written; its number will be in the result.")
    if result.strategy is None:
        why = (result.error or "nothing was written").removeprefix("prompt: ")
        return await _page(desk, 422, prompt=asked.prompt, named=asked.name, unwritten=why)
    id = result.strategy.strategy_id
    return desk.see_other(f"/strategies/{id}", f"Strategy {id} is written.")


HANDLERS = (list_strategies, create)
