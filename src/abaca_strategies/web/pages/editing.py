"""The page of one strategy: its code in a text field, its versions and what changed, and the forms that run it."""

from __future__ import annotations

from typing import Any

import msgspec

from abaca.http import ApiError, Desk, Form, Reply
from abaca_strategies.errors import StrategiesError
from abaca_strategies.requests import BacktestRequest, EditStrategyRequest
from abaca_strategies.web.callers import head_for, strategy_for, user_of
from abaca_strategies.web.pages.declaring import done, place_of, read_form, said, service_of, shown
from abaca_strategies.web.pages.listing import SHOWN
from abaca_strategies.web.report.tables import figure_of, title_of

LISTS = ("symbols", "horizons")


@shown("/strategies/{id}")
async def edit_page(desk: Desk, id: str) -> Reply:
    return await _page(desk, id)


async def _page(desk: Desk, id: str, code: str | None = None, name: str | None = None, **more: Any) -> Reply:
    """The page; ``code`` and ``name`` are what stands in the form and is not saved."""
    service: Any = service_of(desk)
    version = place_of(desk, "version") or None
    strategy = await strategy_for(desk.api, id, version)
    head = await head_for(desk.api, id)
    before, after = place_of(desk, "from"), place_of(desk, "to") or head.newest
    diff = await service.registry.diff(head.strategy_id, before, after) if before else None
    runs = await service.runs.list(strategy_id=head.strategy_id, limit=20)
    text = strategy.python_code if code is None else code
    given: dict[str, Any] = {"findings": service.registry.validate(text), "refused": "", "checked": False, **more}
    return desk.page(
        "strategies/strategy.html",
        here="strategies",
        status=given.pop("status", 200),
        strategy=strategy,
        head=head,
        code=text,
        name=strategy.name if name is None else name,
        versions=await service.registry.versions(head.strategy_id),
        before=before,
        after=after,
        diff=None if diff is None else [(_kind(line), line) for line in diff.splitlines()],
        runs=runs.items,
        datasets=(await service.datasets.list(limit=100)).items,
        figures=SHOWN,
        figure_of=figure_of,
        title_of=title_of,
        **given,
    )


def _kind(line: str) -> str:
    if line.startswith(("+++", "---", "@@")):
        return "at"
    return {"+": "add", "-": "cut"}.get(line[:1], "same")


@done("/strategies/{id}/save")
async def save(desk: Desk, id: str, form: Form) -> Reply:
    """A new version, or the page again with what was written and why it was not taken."""
    await head_for(desk.api, id)
    code, name = form.get("python_code", ""), form.get("name", "")
    code = code.replace("\r\n", "\n")
    if form.get("do") == "validate":
        return await _page(desk, id, code, name, checked=True)
    try:
        change = read_form({**form, "python_code": code, "do": ""}, EditStrategyRequest)
        made = await service_of(desk).registry.edit(int(id), change)
    except (ApiError, StrategiesError) as error:
        return await _page(desk, id, code, name, refused=said(error), status=422)
    return desk.see_other(f"/strategies/{id}", f"Version {made.version} is the newest.")


@done("/strategies/{id}/delete")
async def delete(desk: Desk, id: str, form: Form) -> Reply:
    await head_for(desk.api, id)
    await service_of(desk).registry.delete(int(id))
    return desk.see_other("/strategies", f"Strategy {id} is deleted; its runs stay.")


@done("/strategies/{id}/backtest")
async def run(desk: Desk, id: str, form: Form) -> Reply:
    """Stores the back-test and leads to its page, which follows it."""
    service: Any = service_of(desk)
    asked = read_form({**form, "strategy_id": id}, BacktestRequest, lists=LISTS, objects=("params",))
    strategy = await strategy_for(desk.api, id, asked.version)
    symbols = [*(asked.symbols or ()), *([asked.benchmark] if asked.benchmark else ())]
    await service.datasets.accept(
        asked.dataset, symbols, start=asked.start_date, end=asked.end_date, timeframe=asked.timeframe
    )
    wanted = msgspec.structs.replace(
        asked, strategy_id=strategy.strategy_id, version=strategy.version, user_id=user_of(desk.caller)
    )
    call = service.backtest.opts(owner=desk.caller.owner, tags=[f"strategy:{strategy.strategy_id}"])
    handle = await call.enqueue(wanted)
    return desk.see_other(f"/strategies/backtests/{handle.id}")


HANDLERS = (save, delete, run, edit_page)
