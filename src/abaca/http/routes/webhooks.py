"""``/webhooks``: subscriptions to the ends of many jobs, what was delivered, and delivering it again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from abaca.backend import Backend
from abaca.bulk import record_pages
from abaca.errors import ConfigError
from abaca.http.caller import Scope
from abaca.http.endpoint import endpoint
from abaca.http.errors import Code, invalid, not_found
from abaca.http.filters import jobs_of, statuses
from abaca.http.paging import Nothing, Paging, Waiting, opened, sealed
from abaca.http.replies import Answer, Items
from abaca.http.requests import ApiRequest
from abaca.http.routes.jobacts import put_back
from abaca.http.submitting import AboveZero, owner_of
from abaca.model import SUBSCRIPTION, Event, Job, Query, Subscription
from abaca.policies import readable_subscription
from abaca.policy.builtin import WEBHOOK
from abaca.policy.followups import delivery_tag
from abaca.subscriptions import (
    change_subscription,
    create_subscription,
    delete_subscription,
    new_secret,
    no_such_subscription,
    send_test,
    subscription_of,
)
from abaca.views.webhooks import DeliveryView, WebhookFilter, WebhookView, delivery_view, webhook_view

Events = Annotated[tuple[Event, ...], Meta(min_length=1, max_length=3)]
_FIELDS = ("url", "secret", "events", "timeout_ms", "queue", "queues", "tasks", "tags")
_EXAMPLE = {"url": "https://shop.example/hooks/jobs", "events": ["failed"], "filter": {"tasks": ["resize"]}}


class NewWebhook(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """POST how a job ended to ``url``, for each job that ends as ``events`` say and fits ``filter``.

    ``secret`` signs what is sent; without it one is made. ``timeout_ms`` is for one request. ``queue``: where
    deliveries wait, else in the queue of the job that ended.
    """

    url: str
    secret: str | None = None
    events: Events = ("completed", "failed", "cancelled")
    filter: WebhookFilter = WebhookFilter()
    enabled: bool = True
    timeout_ms: AboveZero = 10_000
    queue: str = ""
    description: Annotated[str, Meta(max_length=1000)] = ""


class ChangeWebhook(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is given is changed, the rest stays. ``rotate_secret`` makes a new one, which the answer shows."""

    url: str | None = None
    secret: str | None = None
    rotate_secret: bool = False
    events: Events | None = None
    filter: WebhookFilter | None = None
    enabled: bool | None = None
    timeout_ms: AboveZero | None = None
    queue: str | None = None
    description: Annotated[str, Meta(max_length=1000)] | None = None


class ListDeliveries(Paging, frozen=True, kw_only=True):
    """``status`` of the delivery, may be given several times: ``failed`` are those that were given up."""

    status: tuple[str, ...] = ()


@endpoint("GET", "/webhooks", scope=Scope.READ)
async def list_webhooks(request: ApiRequest, query: Paging) -> Items[WebhookView]:
    """List webhook subscriptions by id. A key sees those of its owner, an admin all."""
    after, found = opened(query.cursor) or "", list[Subscription]()
    async for page in record_pages(request.ask, SUBSCRIPTION, after):
        known = [readable_subscription(record) for record in page]
        found += [each for each in known if each is not None and sees_subscription(request, each)]
        if len(found) > query.limit:
            break
    shown = found[: query.limit]
    more = sealed(shown[-1].id) if len(found) > query.limit else None
    return Items(items=[webhook_view(each) for each in shown], next_cursor=more)


@endpoint("POST", "/webhooks", scope=Scope.WRITE, status=201, examples={"body": _EXAMPLE})
async def create_webhook(request: ApiRequest, body: NewWebhook) -> Answer[WebhookView]:
    """Subscribe to the ends of jobs. The answer shows the secret, and no later one does.

    Each end that fits is told at least once from the moment that all workers know of the subscription, which is within
    a beat (5 seconds).
    """
    subscription = Subscription(
        id=(request.new_id(0) or "")[-14:-2],  # the same where the request is repeated
        url=body.url,
        secret=body.secret or new_secret(),
        events=tuple(dict.fromkeys(body.events)),
        queues=body.filter.queues,
        tasks=body.filter.tasks,
        tags=body.filter.tags,
        of=_whose_jobs(request, body.filter.owner),
        owner=request.caller.owner,
        enabled=body.enabled,
        timeout_ms=body.timeout_ms,
        queue=body.queue,
        description=body.description,
    )
    with _naming_fields():
        made = await create_subscription(request.app.client(), subscription)
    headers = {"Location": request.url(f"/webhooks/{made.id}")}
    return Answer(status=201, body=webhook_view(made, show_secret=True), headers=headers)


@endpoint("GET", "/webhooks/deliveries", scope=Scope.READ)
async def list_deliveries(request: ApiRequest, query: ListDeliveries) -> Items[DeliveryView]:
    """List deliveries, the latest first: of subscriptions, and of webhooks that jobs brought themselves.

    One that succeeded is kept for a day, one that was given up for a week.
    """
    return await _deliveries(request, query, None)


@endpoint("POST", "/webhooks/deliveries/{id}/replay", scope=Scope.WRITE, status=202)
async def replay(request: ApiRequest, id: str, body: Nothing, query: Waiting) -> Answer[DeliveryView]:
    """Send a delivery again, with the same body and ``Abaca-Delivery``. 409 while it is still being tried."""
    job = await request.job(id)
    if job.spec.task != WEBHOOK or job.purged:
        raise not_found(Code.WEBHOOK_NOT_FOUND, f"there is no delivery {id}: it was never made, or it is gone")
    await put_back(request, job)
    return await _delivery(request, job.id, query)


@endpoint("GET", "/webhooks/{id}", scope=Scope.READ)
async def get_webhook(request: ApiRequest, id: str) -> WebhookView:
    """Read one webhook subscription."""
    return webhook_view(await visible_subscription(request, id))


@endpoint("PUT", "/webhooks/{id}", scope=Scope.WRITE, examples={"body": {"enabled": False}})
async def change_webhook(request: ApiRequest, id: str, body: ChangeWebhook) -> WebhookView:
    """Change a webhook subscription. Deliveries that wait go where it points then; while it is disabled they fail."""
    await visible_subscription(request, id)
    changes: dict[str, Any] = {
        "url": body.url,
        "secret": new_secret() if body.rotate_secret else body.secret,
        "events": None if body.events is None else tuple(dict.fromkeys(body.events)),
        "enabled": body.enabled,
        "timeout_ms": body.timeout_ms,
        "queue": body.queue,
        "description": body.description,
    }
    if body.filter is not None:
        changes |= {"queues": body.filter.queues, "tasks": body.filter.tasks, "tags": body.filter.tags}
    given = {name: value for name, value in changes.items() if value is not None}
    if body.filter is not None:
        given["of"] = _whose_jobs(request, body.filter.owner)
    with _naming_fields():
        changed = await change_subscription(
            request.app.client(), id, lambda known: msgspec.structs.replace(known, **given)
        )
    return webhook_view(changed, show_secret="secret" in given)


@endpoint("DELETE", "/webhooks/{id}", scope=Scope.WRITE, status=204)
async def delete_webhook(request: ApiRequest, id: str) -> None:
    """Delete a webhook subscription. Its deliveries that wait fail, and are kept for a week."""
    await visible_subscription(request, id)
    await delete_subscription(request.app.client(), id)


@endpoint("POST", "/webhooks/{id}/test", scope=Scope.WRITE, status=202)
async def test_webhook(request: ApiRequest, id: str, body: Nothing, query: Waiting) -> Answer[DeliveryView]:
    """Send a delivery of the event ``webhook.test``, once; with ``wait``, answered as soon as the receiver has."""
    subscription = await visible_subscription(request, id)
    sent = await send_test(request.app.client(), subscription, request.new_id(0))
    return await _delivery(request, sent, query)


@endpoint("GET", "/webhooks/{id}/deliveries", scope=Scope.READ)
async def deliveries_of(request: ApiRequest, id: str, query: ListDeliveries) -> Items[DeliveryView]:
    """List the deliveries of one webhook subscription, the latest first."""
    return await _deliveries(request, query, (await visible_subscription(request, id)).id)


async def _deliveries(request: ApiRequest, asked: ListDeliveries, subscription: str | None) -> Items[DeliveryView]:
    search = Query(
        task=WEBHOOK,
        status=statuses(asked.status),
        tag=None if subscription is None else delivery_tag(subscription),
        owner=None if request.caller.is_admin else request.caller.owner or "",
    )
    found, position = await jobs_of(request, search, asked.limit, asked.cursor)
    return Items(items=[delivery_view(job) for job in found], next_cursor=sealed(position))


async def _delivery(request: ApiRequest, id: str, query: Waiting) -> Answer[DeliveryView]:
    (job,) = await request.ask(partial(_get, id))
    if job is None:
        job = await request.job(id)
    job = await request.ended(job, query.wait)
    return Answer(status=202, body=delivery_view(job), headers={"Location": request.url(f"/jobs/{id}")})


@contextmanager
def _naming_fields() -> Iterator[None]:
    """Raises ``ApiError`` (422) that names the field of the body for a ``ConfigError`` about it."""
    try:
        yield
    except ConfigError as error:
        named = str(error).partition(":")[0].removeprefix("Webhook(").rstrip(")")
        raise invalid(str(error), named if named in _FIELDS else None) from error


def _whose_jobs(request: ApiRequest, asked: str | None) -> str | None:
    """``None`` is everybody, for an admin. Raises ``ApiError`` for somebody else's name."""
    return asked if request.caller.is_admin else owner_of(request, asked)


def sees_subscription(request: ApiRequest, subscription: Subscription) -> bool:
    caller = request.caller
    return caller.is_admin or (caller.owner is not None and subscription.owner == caller.owner)


async def visible_subscription(request: ApiRequest, id: str) -> Subscription:
    """Raises ``SubscriptionNotFound``, also for another owner's."""
    subscription = await subscription_of(request.app.client(), id)
    if not sees_subscription(request, subscription):
        raise no_such_subscription(id)
    return subscription


async def _get(id: str, backend: Backend) -> list[Job | None]:
    return await backend.get([id])


ENDPOINTS = (
    list_webhooks,
    create_webhook,
    list_deliveries,
    replay,
    get_webhook,
    change_webhook,
    delete_webhook,
    test_webhook,
    deliveries_of,
)
