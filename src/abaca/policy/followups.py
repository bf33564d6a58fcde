"""The jobs that follow when a job ends, written in the same transition as its outcome. Pure: no clock, no store.

They are what the job itself carries along, and deliveries to the webhook subscriptions that are for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import blake2b

import msgspec

from abaca.model import (
    DAY_MS,
    Callback,
    ErrorInfo,
    Exponential,
    Job,
    JobEnd,
    Keep,
    NewJob,
    RetryRule,
    State,
    Status,
    Subscription,
    When,
)
from abaca.policy.builtin import WEBHOOK

MOST_RESULT = 64_000
"""A result of more bytes of JSON is not copied into what follows."""

DELIVERY_RETRY = RetryRule(max_attempts=15, backoff=Exponential(base=10.0, cap=3600.0))
"""Of deliveries that fail: about half a day."""
DELIVERY_KEEP = Keep(completed_ms=DAY_MS)
"""A delivery that succeeded can be looked up for a day; one that did not can be replayed for a week."""
DELIVERY_RUN = 3
"""One run of a delivery takes at most so many times its timeout."""

Plain = Callable[[bytes], bytes | None]
"""The JSON text of a stored result, ``None`` where it cannot be had here."""

_encode = msgspec.json.Encoder().encode
_WHEN = {State.COMPLETED: When.COMPLETED, State.FAILED: When.FAILED}
_STATUS = {State.COMPLETED: Status.COMPLETED, State.FAILED: Status.FAILED, State.CANCELLED: Status.CANCELLED}


def follow_ups(
    job: Job,
    state: State,
    attempts: int,
    *,
    result: bytes | None,
    error: ErrorInfo | None,
    plain: Plain,
    subscriptions: Iterable[Subscription] = (),
) -> tuple[NewJob, ...]:
    """What is to be inserted when ``job`` ends in ``state``. After a cancel only subscriptions are told."""
    when = _WHEN.get(state)
    wanted = [(place, callback) for place, callback in enumerate(job.spec.callbacks) if callback.when is when]
    told = [subscription for subscription in subscriptions if wants(subscription, job, state)]
    if not wanted and not told:
        return ()
    end = _encode(_end(job, state, attempts, None if result is None else plain(result), result is not None, error))
    return (
        *(_follow_up(job, place, callback, end) for place, callback in wanted),
        *(_delivery(job, subscription, end, follow_up_id(job.id, job.epoch, subscription.id)) for subscription in told),
    )


def deliveries_of_cancel(job: Job, subscriptions: Iterable[Subscription]) -> tuple[NewJob, ...]:
    """For a job that a store ended as cancelled while it waited. It may be requeued and cancelled again without a run
    in between, so its revision tells the ends apart."""
    told = [subscription for subscription in subscriptions if wants(subscription, job, State.CANCELLED)]
    if not told:
        return ()
    end = _encode(_end(job, State.CANCELLED, job.attempts, None, False, job.error))
    return tuple(
        _delivery(job, subscription, end, follow_up_id(job.id, job.epoch, f"{subscription.id}.{job.revision}"))
        for subscription in told
    )


def wants(subscription: Subscription, job: Job, state: State) -> bool:
    """Whether it is to be told of this end. Deliveries are not subject to subscriptions, so none causes another."""
    spec = job.spec
    return (
        subscription.enabled
        and spec.task != WEBHOOK
        and (subscription.of is None or subscription.of == spec.owner)
        and _STATUS[state].value in subscription.events
        and (not subscription.tasks or spec.task in subscription.tasks)
        and (not subscription.queues or spec.queue in subscription.queues)
        and (not subscription.tags or not set(subscription.tags).isdisjoint(spec.tags))
    )


def delivery_tag(subscription: str) -> str:
    """The tag of the deliveries of one subscription."""
    return f"webhook:{subscription}"


def follow_up_id(job: str, epoch: int, place: int | str) -> str:
    """The id of what follows one run: whoever settles it makes the same. A UUIDv7 (RFC 9562) of the job's own
    millisecond whose random part is a digest."""
    digest = blake2b(f"{job}\0{epoch}\0{place}".encode(), digest_size=9).hexdigest()
    return f"{job[:12]}7{digest[:3]}8{digest[3:16]}00"


def _end(
    job: Job, state: State, attempts: int, text: bytes | None, has_result: bool, error: ErrorInfo | None
) -> JobEnd[msgspec.Raw]:
    spec = job.spec
    is_copied = text is not None and len(text) <= MOST_RESULT
    return JobEnd(
        job_id=spec.id,
        task=spec.task,
        status=_STATUS[state],
        attempts=attempts,
        queue=spec.queue,
        result=msgspec.Raw(text) if is_copied and text is not None else None,
        result_left_out=has_result and not is_copied,
        error=error,
        tags=spec.tags,
        owner=spec.owner,
        tenant=spec.tenant,
    )


def _follow_up(job: Job, place: int, callback: Callback, end: bytes) -> NewJob:
    """Who owns the job owns what follows it, and the tenant's turn is the same; so is the trace."""
    new, spec = callback.job, job.spec
    return msgspec.structs.replace(
        new,
        id=follow_up_id(spec.id, job.epoch, place),
        args=_with_end(new.args, callback.into, end),
        queue=new.queue or spec.queue,
        parent=new.parent or f"job:{spec.id}",
        owner=new.owner or spec.owner,
        tenant=new.tenant or spec.tenant,
        carrier=new.carrier or spec.carrier,
    )


def _delivery(job: Job, subscription: Subscription, end: bytes, id: str) -> NewJob:
    """It is the subscriber's, who may see jobs of others, and not the job's owner's, who may not see the subscriber.
    Where it goes is looked up when it is sent."""
    spec = job.spec
    return NewJob(
        id=id,
        task=WEBHOOK,
        lane="async",
        queue=subscription.queue or spec.queue,
        args=_with_end(_encode({"subscription": subscription.id}), "end", end),
        tags=(delivery_tag(subscription.id),),
        parent=f"job:{spec.id}",
        owner=subscription.owner,
        tenant=spec.tenant,
        retry=DELIVERY_RETRY,
        timeout_ms=subscription.timeout_ms * DELIVERY_RUN,
        keep=DELIVERY_KEEP,
        carrier=spec.carrier,
    )


def _with_end(args: bytes, into: str, end: bytes) -> bytes:
    """The stored arguments with one more. They are a JSON object, whose last byte closes it."""
    if not into:
        return args
    comma = b"" if args == b"{}" else b","
    return b"%s%s%s:%s}" % (args[:-1], comma, _encode(into), end)
