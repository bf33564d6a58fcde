"""Alert rules: when they are evaluated, what they found, and the buttons to mute, test and delete them."""

from __future__ import annotations

from typing import Any

from abaca.http import Desk, Form, Reply
from abaca_strategies.errors import RuleNotFound
from abaca_strategies.flowmodels import AlertRule
from abaca_strategies.requests import AlertRuleRequest
from abaca_strategies.web.callers import may_see, seen_by, strategy_for, user_of
from abaca_strategies.web.drawing.scales import number
from abaca_strategies.web.pages.declaring import asked_of, done, read_form, service_of, shown


@shown("/strategies/alerts")
async def list_alerts(desk: Desk) -> Reply:
    service: Any = service_of(desk)
    mine = seen_by(desk.caller)
    page = await service.alerts.list(user_id=mine, limit=100, cursor=asked_of(desk, "after") or None)
    return desk.page(
        "strategies/alerts.html",
        here="strategies",
        rules=page.items,
        after=page.cursor,
        strategies=(await service.registry.list(user_id=mine, limit=100)).items,
        datasets=(await service.datasets.list(limit=100)).items,
        number=number,
    )


@done("/strategies/alerts")
async def create(desk: Desk, form: Form) -> Reply:
    asked = read_form(form, AlertRuleRequest, lists=("universe",))
    await strategy_for(desk.api, str(asked.strategy_id), asked.version)
    made = await service_of(desk).alerts.create(asked, user_id=user_of(desk.caller))
    return desk.see_other(f"/strategies/alerts/{made.id}", "The rule is made.")


@shown("/strategies/alerts/{rule}")
async def show_alert(desk: Desk, rule: str) -> Reply:
    found = await _mine(desk, rule)
    history = await service_of(desk).alerts.history(rule_id=rule, cursor=asked_of(desk, "after") or None)
    return desk.page(
        "strategies/alert.html",
        here="strategies",
        found=found,
        events=history.items,
        after=history.cursor,
        number=number,
    )


@done("/strategies/alerts/{rule}/mute")
async def mute(desk: Desk, rule: str, form: Form) -> Reply:
    await _mine(desk, rule)
    is_muted = form.get("is_muted") == "yes"
    await service_of(desk).alerts.mute(rule, is_muted)
    told = "It is evaluated and tells nobody." if is_muted else "It tells its webhook again."
    return desk.see_other(f"/strategies/alerts/{rule}", told)


@done("/strategies/alerts/{rule}/test")
async def test(desk: Desk, rule: str, form: Form) -> Reply:
    await _mine(desk, rule)
    handle = await service_of(desk).alerts.test(rule)
    return desk.see_other(f"/jobs/{handle.id}", "The rule is evaluated once; nothing of it is kept as a trigger.")


@done("/strategies/alerts/{rule}/delete")
async def delete(desk: Desk, rule: str, form: Form) -> Reply:
    await _mine(desk, rule)
    await service_of(desk).alerts.delete(rule)
    return desk.see_other("/strategies/alerts", "The rule is deleted.")


async def _mine(desk: Desk, rule: str) -> AlertRule:
    found: AlertRule = await service_of(desk).alerts.get(rule)
    if not may_see(desk.caller, found.user_id):
        raise RuleNotFound(rule[:40])
    return found


HANDLERS = (list_alerts, create, mute, test, delete, show_alert)
