"""A webhook subscription, and a delivery, as people and programs see them."""

from __future__ import annotations

import msgspec

from abaca.model import Event, Job, Status, Subscription
from abaca.views.payloads import MASK
from abaca.views.times import instant


class WebhookFilter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For which jobs: of any of these ``tasks`` and ``queues``, with any of these ``tags``, of this ``owner``. What is
    empty narrows nothing; an owner other than the caller's is an admin's to name, and so is everybody."""

    tasks: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    owner: str | None = None


class WebhookView(msgspec.Struct, frozen=True, kw_only=True):
    """``secret`` is shown where it was just made or given, and ``***`` from then on. ``queue``: where deliveries wait,
    empty for the queue of the job that ended. ``owner``: whose subscription it is."""

    id: str
    url: str
    events: tuple[Event, ...]
    filter: WebhookFilter
    enabled: bool
    secret: str
    timeout_ms: int
    queue: str
    description: str
    owner: str | None
    created_at: str


class DeliveryView(msgspec.Struct, frozen=True, kw_only=True):
    """``id`` is that of the job that delivers, and of the header ``Abaca-Delivery``. ``webhook`` is its subscription,
    ``null`` for a webhook that the job brought itself; then ``url`` says where it goes. ``job_id``, ``task`` and
    ``event`` are of what it tells. ``answered`` is the status that the receiver answered with success. ``next_at`` is
    when it is tried next, ``error`` why the latest try failed."""

    id: str
    webhook: str | None
    url: str | None
    event: str | None
    job_id: str | None
    task: str | None
    status: Status
    attempts: int
    answered: int | None
    error: str | None
    created_at: str
    next_at: str | None
    ended_at: str | None


class _End(msgspec.Struct, frozen=True):
    job_id: str
    task: str
    status: str


class _Arguments(msgspec.Struct, frozen=True):
    end: _End
    url: str | None = None
    subscription: str | None = None
    test: bool = False


class _Result(msgspec.Struct, frozen=True):
    status: int


_arguments = msgspec.json.Decoder(_Arguments).decode
_result = msgspec.json.Decoder(_Result).decode


def webhook_view(subscription: Subscription, *, show_secret: bool = False) -> WebhookView:
    return WebhookView(
        id=subscription.id,
        url=subscription.url,
        events=subscription.events,
        filter=WebhookFilter(
            tasks=subscription.tasks, queues=subscription.queues, tags=subscription.tags, owner=subscription.of
        ),
        enabled=subscription.enabled,
        secret=subscription.secret if show_secret else MASK,
        timeout_ms=subscription.timeout_ms,
        queue=subscription.queue,
        description=subscription.description,
        owner=subscription.owner,
        created_at=instant(subscription.created_at),
    )


def delivery_view(job: Job) -> DeliveryView:
    """Of a job of task ``abaca.webhook``."""
    asked = _read(job)
    event = None if asked is None else "webhook.test" if asked.test else f"job.{asked.end.status}"
    return DeliveryView(
        id=job.id,
        webhook=None if asked is None else asked.subscription,
        url=None if asked is None else asked.url,
        event=event,
        job_id=None if asked is None or asked.test else asked.end.job_id,
        task=None if asked is None or asked.test else asked.end.task,
        status=job.status,
        attempts=job.attempts,
        answered=_answered(job),
        error=job.error.message if job.error is not None and job.status is not Status.COMPLETED else None,
        created_at=instant(job.created_at),
        next_at=instant(job.due_at) if not job.state.ended and job.status is not Status.RUNNING else None,
        ended_at=instant(job.ended_at),
    )


def _read(job: Job) -> _Arguments | None:
    try:
        return _arguments(job.spec.args)
    except msgspec.MsgspecError:
        return None


def _answered(job: Job) -> int | None:
    try:
        return None if job.result is None else _result(job.result).status
    except msgspec.MsgspecError:
        return None
