"""Alert rules: when they are evaluated, what they found, and the buttons to mute, test and delete them."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from abaca.http import Desk, Form, Reply
from abaca_strategies.errors import RuleNotFound, StrategyNotFound
from abaca_strategies.flowmodels import AlertRule
from abaca_strategies.requests import AlertRuleRequest
from abaca_strategies.web.callers import may_see, seen_by, strategy_for, user_of
from abaca_strategies.web.drawing.scales import number
from abaca_strategies.web.pages.declaring import asked_of, done, read_form, service_of, shown

_SHOWN_PART = 12
"""Characters of the first part of a path that are shown: names of services are short, secrets are long."""


@shown("/strategies/alerts")
async def list_alerts(desk: Desk) -> Reply:
    service: Any = service_of(desk)
    mine = seen_by(desk.caller)
    page = await service.alerts.list(user_id=mine, limit=100, cursor=asked_of(desk, "after") or None)
    strategies = (await service.registry.list(user_id=mine, limit=100)).items
    return desk.page(
        "strategies/alerts.html",
        here="strategies",
        rules=page.items,
        after=page.cursor,
        strategies=strategies,
        names={each.strategy_id: each.name for each in strategies},
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
        name=await _name(desk, found.rule.strategy_id),
        webhook=short_address(found.rule.webhook or ""),
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


def short_address(url: str) -> str:
    """An address without what may be secret in it: its host and the first part of its path, without who and query."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:  # a port or a bracket that is none
        return f"{url[:8]}…"
    host = f"[{host}]" if ":" in host else host
    first, _, rest = parts.path.lstrip("/").partition("/")
    plain = f"{parts.scheme}://{host}{port}"
    shown = f"/{first[:_SHOWN_PART]}" if parts.path else ""
    is_whole = len(first) <= _SHOWN_PART and not (rest or parts.query or parts.fragment)
    if is_whole and parts.username is None and parts.password is None:
        return url
    return f"{plain}{shown}" if is_whole else f"{plain}{shown}{'/' if rest and len(first) <= _SHOWN_PART else ''}…"


async def _name(desk: Desk, strategy: int) -> str:
    try:
        name: str = (await service_of(desk).registry.head(strategy)).name
    except StrategyNotFound:  # it was deleted since, and takes its rules with it
        return ""
    return name


async def _mine(desk: Desk, rule: str) -> AlertRule:
    found: AlertRule = await service_of(desk).alerts.get(rule)
    if not may_see(desk.caller, found.user_id):
        raise RuleNotFound(rule[:40])
    return found


HANDLERS = (list_alerts, create, mute, test, delete, show_alert)
