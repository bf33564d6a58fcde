"""``strategies.alert_notice``: tells the webhook of a rule what was found."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

from abaca import Retry, Task, Webhook
from abaca_strategies.flowmodels import AlertEvent, AlertNotice, Notice
from abaca_strategies.registry.triggers import Note
from abaca_strategies.requests import AlertRuleRequest
from abaca_strategies.settings import value
from abaca_strategies.tasks.service import QUEUE, Service

NAME = "strategies.alert_notice"
RETRY = Retry(max_attempts=4)
KEEP = "3d"
ONCE = "60d"
"""For so long a notice that is asked for again is the job that is there."""
MAX_TOLD = 20
"""Triggers in the notice of a test."""

Notices = Task[[AlertNotice], AlertNotice]


def declare_notices(service: Service) -> Notices:
    """A job that answers what it is given, so that Abaca's own webhooks deliver it: signed, tried again, and listed."""

    @service.app.task(name=NAME, queue=QUEUE, timeout="1m", retry=RETRY, keep=KEEP)
    async def alert_notice(notice: AlertNotice) -> AlertNotice:
        return notice

    return alert_notice


async def tell(service: Service, notices: Notices, note: Note) -> Notice:
    """Makes the job that tells of a trigger, once however often it is asked for, and then crosses out the note. Answers
    what became of it: the rule may be another by now."""
    alerts = service.alerts
    rule, event = await alerts.stored(note.rule_id), await alerts.triggers.event(note)
    notice: Notice = "sent"
    if rule is None or event is None or rule.rule.webhook is None:
        notice = "kept"
    elif rule.rule.is_muted:
        notice = "muted"
    else:
        told_of = [msgspec.structs.replace(event, rules={})]
        words = AlertNotice(rule_id=note.rule_id, rule_name=rule.rule.name, events=told_of)
        await _enqueue(service, notices, rule.rule.webhook, words, f"{note.rule_id}/{note.trigger}")
    await alerts.triggers.settle(note, notice)
    return notice


async def tell_of_test(
    service: Service, notices: Notices, job_id: str, id: str, rule: AlertRuleRequest, found: Sequence[AlertEvent]
) -> None:
    """A notice that says it is a test, also where nothing was found: it shows that the webhook is reached."""
    if rule.webhook is None or rule.is_muted:
        return
    notice = AlertNotice(rule_id=id, rule_name=rule.name, is_test=True, events=list(found[:MAX_TOLD]))
    await _enqueue(service, notices, rule.webhook, notice, f"test/{job_id}")


async def _enqueue(service: Service, notices: Notices, url: str, notice: AlertNotice, what: str) -> None:
    secret = value(service.app, "strategies.alert_secret") or None
    key = f"{NAME}:{hashlib.sha256(what.encode()).hexdigest()}"
    await notices.opts(key=key, unique=ONCE, webhook=Webhook(url, secret=secret, on="completed")).enqueue(notice)
