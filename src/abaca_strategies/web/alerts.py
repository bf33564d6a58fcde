"""``/alerts``: rules that evaluate a strategy by the clock, and what they found."""

from __future__ import annotations

import msgspec

from abaca.http import Answer, ApiRequest, Items, Nothing, Waiting, opened, sealed
from abaca_strategies.errors import RuleNotFound
from abaca_strategies.flowmodels import AlertEvent, AlertRule
from abaca_strategies.models import AlertResult
from abaca_strategies.requests import AlertRequest, AlertRuleRequest, UserId
from abaca_strategies.web.bodies import JSON, MAX_BODY, Pages, asked
from abaca_strategies.web.callers import may_see, seen_by, strategy_for, user_of
from abaca_strategies.web.declaring import (
    CONFLICT,
    INVALID,
    NO_DATA_SET,
    NO_RULE,
    NO_STRATEGY,
    NO_SYMBOL,
    NO_VERSION,
    route,
    strategies_of,
)
from abaca_strategies.web.running import RunView, submit

_MAKING = (NO_STRATEGY, NO_VERSION, NO_DATA_SET, NO_SYMBOL, CONFLICT, INVALID)
_EXAMPLE = {"strategy_id": 1, "every": "5m", "threshold": 0.5, "webhook": "https://example.com/hook"}


class ListRules(Pages, frozen=True, kw_only=True):
    """``strategy_id``: rules of one strategy. ``user_id``: those of one user, for an admin. Everybody else sees their
    own."""

    strategy_id: int | None = None
    user_id: UserId | None = None


class ReadHistory(Pages, frozen=True, kw_only=True):
    """``ticker``: triggers of one alone."""

    ticker: str | None = None


class Mute(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    is_muted: bool = True


@route(
    "POST",
    "/alerts",
    status=201,
    max_body=MAX_BODY,
    takes={JSON: AlertRuleRequest},
    errors=_MAKING,
    examples={"body": _EXAMPLE},
)
async def post_alert(request: ApiRequest) -> Answer[AlertRule]:
    """Create an alert rule: a strategy that is evaluated ``every`` so often, or by ``cron``."""
    body = await asked(request, AlertRuleRequest)
    return await request.once(await request.body(), lambda: _created(request, body))


async def _created(request: ApiRequest, body: AlertRuleRequest) -> Answer[AlertRule]:
    strategy = await strategy_for(request, str(body.strategy_id), body.version)
    user_id = strategy.user_id if request.caller.is_admin else user_of(request.caller)
    rule = await strategies_of(request).alerts.create(body, user_id=user_id, id=request.new_id(0))
    return Answer(status=201, body=rule, headers={"Location": request.url(f"/alerts/{rule.id}")})


@route("GET", "/alerts", errors=(INVALID,))
async def list_alerts(request: ApiRequest, query: ListRules) -> Items[AlertRule]:
    """List alert rules, with when each was evaluated last, will be next, and has triggered."""
    page = await strategies_of(request).alerts.list(
        cursor=opened(query.cursor),
        limit=query.limit,
        strategy_id=query.strategy_id,
        user_id=seen_by(request.caller, query.user_id),
    )
    return Items(items=page.items, next_cursor=sealed(page.cursor))


@route("GET", "/alerts/{id}", errors=(NO_RULE,))
async def get_alert(request: ApiRequest, id: str) -> AlertRule:
    """Read an alert rule."""
    return await _rule(request, id)


@route(
    "PUT",
    "/alerts/{id}",
    max_body=MAX_BODY,
    takes={JSON: AlertRuleRequest},
    errors=(NO_RULE, *_MAKING),
    examples={"body": {**_EXAMPLE, "cron": "0 18 * * 1-5", "every": None}},
)
async def put_alert(request: ApiRequest, id: str) -> AlertRule:
    """Replace an alert rule. What it has told is told."""
    body = await asked(request, AlertRuleRequest)
    await _rule(request, id)
    await strategy_for(request, str(body.strategy_id), body.version)
    return await strategies_of(request).alerts.replace(id, body)


@route("DELETE", "/alerts/{id}", status=204, errors=(NO_RULE,))
async def delete_alert(request: ApiRequest, id: str) -> None:
    """Delete an alert rule with its schedule. What it found stays in the history of its strategy."""
    await _rule(request, id)
    await strategies_of(request).alerts.delete(id)


@route("POST", "/alerts/{id}/mute", errors=(NO_RULE,), examples={"body": {"is_muted": True}})
async def mute_alert(request: ApiRequest, id: str, body: Mute) -> AlertRule:
    """Mute an alert rule, or have it heard again. A muted rule is evaluated, and tells nobody."""
    await _rule(request, id)
    return await strategies_of(request).alerts.mute(id, body.is_muted)


@route("GET", "/alerts/{id}/history", errors=(NO_RULE, INVALID))
async def alert_history(request: ApiRequest, id: str, query: ReadHistory) -> Items[AlertEvent]:
    """List what an alert rule found, the newest first, with what became of each."""
    await _rule(request, id)
    page = await strategies_of(request).alerts.history(
        rule_id=id, ticker=query.ticker, cursor=opened(query.cursor), limit=query.limit
    )
    return Items(items=page.items, next_cursor=sealed(page.cursor))


@route("POST", "/alerts/{id}/test", status=202, errors=(NO_RULE,))
async def fire_alert(request: ApiRequest, id: str, body: Nothing, query: Waiting) -> Answer[RunView[AlertResult]]:
    """Evaluate an alert rule now, as a test that keeps nothing: 202, or with ``wait`` 200 once it has ended in time.
    Its webhook gets a notice that says so."""
    rule = await _rule(request, id)
    wanted = AlertRequest(user_id=rule.user_id, strategy_id=rule.rule.strategy_id, rule_id=id, is_test=True)
    return await submit(request, strategies_of(request).alert, wanted, query.wait)


async def _rule(request: ApiRequest, id: str) -> AlertRule:
    """A rule of the caller's. Raises ``RuleNotFound`` for another's as for none."""
    rule = await strategies_of(request).alerts.get(id)
    if not may_see(request.caller, rule.user_id):
        raise RuleNotFound(id)
    return rule


ENDPOINTS = (
    post_alert,
    list_alerts,
    get_alert,
    put_alert,
    delete_alert,
    mute_alert,
    alert_history,
    fire_alert,
)
