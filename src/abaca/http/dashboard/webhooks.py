"""Webhooks: who is told of ends, what was delivered, and sending it again."""

from __future__ import annotations

import msgspec

from abaca.http.dashboard.desk import Desk
from abaca.http.dashboard.pages import Form, act, page
from abaca.http.errors import Code, not_found
from abaca.http.replies import Reply
from abaca.http.routes.jobacts import put_back
from abaca.http.routes.webhooks import sees_subscription, visible_subscription
from abaca.model import Query, Status
from abaca.policy.builtin import WEBHOOK
from abaca.policy.followups import delivery_tag
from abaca.subscriptions import all_subscriptions, change_subscription, send_test
from abaca.views.finding import first_jobs
from abaca.views.webhooks import delivery_view, webhook_view

_SHOWN = 100
_STATUSES = (Status.COMPLETED, Status.FAILED, Status.RETRYING, Status.QUEUED)


@page("/webhooks")
async def list_webhooks(desk: Desk) -> Reply:
    params = desk.request.query_params
    status = next((each for each in _STATUSES if each == params.get("status")), None)
    chosen = params.get("webhook", "")
    query = Query(
        task=WEBHOOK,
        status=() if status is None else (status,),
        tag=delivery_tag(chosen) if chosen else None,
        owner=desk.owner,
    )
    subscriptions = [each for each in await all_subscriptions(desk.app.client()) if sees_subscription(desk.api, each)]
    found, cursor = await first_jobs(desk.app.client(), query, _SHOWN)
    return desk.page(
        "webhooks.html",
        here="webhooks",
        now=await desk.clock(),
        rows=[webhook_view(each) for each in subscriptions],
        deliveries=[delivery_view(job) for job in found if not job.purged],
        statuses=_STATUSES,
        wanted=status,
        webhook=chosen,
        has_more=cursor is not None,
        api=desk.api.url("/webhooks"),
    )


@act("/webhooks/{id}/enable")
async def enable(desk: Desk, form: Form, id: str) -> Reply:
    await _set_enabled(desk, id, enabled=True)
    return desk.see_other("/webhooks", "The webhook is told of ends from now on.")


@act("/webhooks/{id}/disable")
async def disable(desk: Desk, form: Form, id: str) -> Reply:
    await _set_enabled(desk, id, enabled=False)
    return desk.see_other("/webhooks", "Nothing more is sent there; deliveries that wait fail, and can be sent again.")


@act("/webhooks/{id}/test")
async def test(desk: Desk, form: Form, id: str) -> Reply:
    sent = await send_test(desk.app.client(), await visible_subscription(desk.api, id))
    return desk.see_other(f"/jobs/{sent}", "This job sends the test, once.")


@act("/deliveries/{id}/replay")
async def replay(desk: Desk, form: Form, id: str) -> Reply:
    job = await desk.job(id)
    if job.spec.task != WEBHOOK or job.purged:
        raise not_found(Code.WEBHOOK_NOT_FOUND, f"there is no delivery {id}: it was never made, or it is gone")
    await put_back(desk.api, job)
    return desk.see_other("/webhooks", "The delivery is sent again.")


async def _set_enabled(desk: Desk, id: str, *, enabled: bool) -> None:
    await visible_subscription(desk.api, id)
    await change_subscription(desk.app.client(), id, lambda known: msgspec.structs.replace(known, enabled=enabled))


HANDLERS = (list_webhooks, enable, disable, test, replay)
