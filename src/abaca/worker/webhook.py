"""The built-in task ``abaca.webhook``: one HTTP request that tells how a job ended."""

from __future__ import annotations

import asyncio
import importlib
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

import msgspec

from abaca.context import Ctx
from abaca.errors import Abort, ConfigError, Snooze
from abaca.model import JobEnd, Subscription, Value
from abaca.webhooks import DELIVERY_HEADER, SIGNATURE_HEADER, check_address, sign
from abaca.worker.destinations import Destinations, Refused

EVENT_HEADER = "Abaca-Event"
TEST_EVENT = "webhook.test"
"""The event of a delivery that somebody asked for to see whether it arrives."""
KEPT_OF_ANSWER = 2_000
"""How many bytes of an answer go into the log."""
LONGEST_PUT_OFF = 86_400.0
MOST_RUNS = 200
"""A receiver may put one delivery off so often; then that counts as a failure."""
_PUTS_OFF = (429, 503)
_GONE = 410
_SENDER = "abaca.worker.webhook_http"
_EXTRA = "sending webhooks needs an HTTP client: pip install 'abaca[webhooks]' in the worker's environment"

_encode = msgspec.json.Encoder().encode


class WebhookFailed(Exception):
    """The request was not answered with success. It is sent again by the webhook's retry rule."""


class Answer(Value, frozen=True, kw_only=True):
    """What the receiver said; ``headers`` by lower-case name, ``body`` cut to what is kept."""

    status: int
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    body: bytes = b""


class Delivered(Value, frozen=True, kw_only=True):
    """The result of a delivery."""

    status: int


class Send(Protocol):
    """POST ``body`` and answer what came back. Raises ``OSError`` where there is none."""

    def __call__(
        self, url: str, headers: Mapping[str, str], body: bytes, addresses: list[str], timeout: float, keep: int
    ) -> Awaitable[Answer]: ...


def load_sender() -> Send:
    """Raises ``WebhookFailed`` with the command that installs what is missing."""
    try:
        module = importlib.import_module(_SENDER)
    except ModuleNotFoundError as error:
        raise WebhookFailed(f"{_EXTRA} ({error})") from error
    send: Send = module.send
    return send


async def no_subscription(id: str) -> Subscription | None:
    return None


class _Target(NamedTuple):
    url: str
    timeout: float
    key: bytes | None


def make_delivery(
    allow: tuple[str, ...] = (),
    *,
    destinations: Destinations | None = None,
    environ: Mapping[str, str] | None = None,
    clock: Callable[[], float] = time.time,
    subscribed: Callable[[str], Awaitable[Subscription | None]] = no_subscription,
) -> Callable[..., Awaitable[Delivered]]:
    """The handler of ``abaca.webhook`` for a worker with these settings. ``subscribed`` reads a subscription."""
    where = destinations or Destinations(allow)
    secrets = os.environ if environ is None else environ

    async def deliver(
        ctx: Ctx,
        end: JobEnd[Any],
        url: str = "",
        timeout: float = 10.0,
        secret: str | None = None,
        subscription: str | None = None,
        test: bool = False,
    ) -> Delivered:
        send = load_sender()
        if subscription is None:
            target = _Target(url, timeout, None if secret is None else key_of(secret, secrets))
        else:
            target = _target_of(await subscribed(subscription), subscription, test=test)
        try:
            check_address(target.url)
        except ConfigError as error:
            raise Abort(str(error)) from error
        event = TEST_EVENT if test else f"job.{end.status.value}"
        body = body_of(ctx, end, event)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Abaca",
            DELIVERY_HEADER: ctx.job_id,
            EVENT_HEADER: event,
        }
        if target.key is not None:
            headers[SIGNATURE_HEADER] = sign(target.key, int(clock()), body)
        answer = await _send(ctx, send, where, target.url, headers, body, target.timeout)
        ctx.log.info("answered", status=answer.status, body=answer.body.decode("utf-8", "replace"))
        return _judge(ctx, answer, clock())

    return deliver


def _target_of(subscription: Subscription | None, id: str, *, test: bool) -> _Target:
    """As the subscription says now, so that a repaired address or a new secret holds for what waits too."""
    if subscription is None:
        raise Abort(f"the webhook subscription {id} was deleted, so this is not sent")
    if not subscription.enabled and not test:
        raise Abort(f"the webhook subscription {id} is disabled, so this is not sent; enable it and replay this")
    return _Target(subscription.url, subscription.timeout_ms / 1000, subscription.secret.encode())


async def _send(
    ctx: Ctx, send: Send, where: Destinations, url: str, headers: Mapping[str, str], body: bytes, timeout: float
) -> Answer:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    started = time.monotonic()
    try:
        async with asyncio.timeout(timeout):
            addresses = await where.addresses(parts.hostname or "", port)
        return await send(url, headers, body, addresses, timeout - (time.monotonic() - started), KEPT_OF_ANSWER)
    except Refused as error:
        raise Abort(str(error)) from error
    except OSError as error:  # also a time that is over
        reason = str(error) or f"no answer within {timeout:g} s"
        ctx.log.warning("not answered", reason=reason)
        raise WebhookFailed(reason) from error


def _judge(ctx: Ctx, answer: Answer, now: float) -> Delivered:
    status = answer.status
    if 200 <= status < 300:
        return Delivered(status=status)
    if status == _GONE:
        raise Abort("the receiver answered 410 Gone, so this is not sent again; requeue it if that was a mistake")
    if status in _PUTS_OFF and ctx.fence < MOST_RUNS:
        seconds = retry_after(answer.headers.get("retry-after", ""), now)
        if seconds is not None:
            raise Snooze(seconds)
    hint = "; redirects are not followed" if 300 <= status < 400 else ""
    raise WebhookFailed(f"the receiver answered {status}{hint}")


def body_of(ctx: Ctx, end: JobEnd[Any], event: str) -> bytes:
    """The same bytes in every try. No traceback leaves the house."""
    error = end.error
    job = {
        "id": end.job_id,
        "task": end.task,
        "queue": end.queue,
        "status": end.status.value,
        "attempts": end.attempts,
        "ended_at": ctx.enqueued_at.isoformat(),
        "result": end.result,
        "result_left_out": end.result_left_out,
        "error": None if error is None else {"type": error.type, "message": error.message},
        "tags": end.tags,
        "owner": end.owner,
        "tenant": end.tenant,
    }
    return _encode({"delivery": ctx.job_id, "event": event, "job": job})


def key_of(secret: str, environ: Mapping[str, str]) -> bytes:
    """The key that a secret's name stands for. Raises ``WebhookFailed`` naming it, and never tells the key."""
    kind, _, name = secret.partition(":")
    if kind == "env":
        key = environ.get(name, "").encode()
        if not key:
            raise WebhookFailed(f"the variable {name}, which holds the webhook's secret, is not set in this worker")
        return key
    try:
        key = Path(name).read_bytes().strip()
    except OSError as error:
        raise WebhookFailed(f"the file {name!r} with the webhook's secret cannot be read: {error.strerror}") from error
    if not key:
        raise WebhookFailed(f"the file {name!r} with the webhook's secret is empty")
    return key


def retry_after(text: str, now: float) -> float | None:
    """Seconds, from a number or a date; ``None`` where it says neither."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        seconds = float(text[:12])
    else:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - now
        except (ValueError, TypeError, OverflowError):
            return None
    return min(max(seconds, 1.0), LONGEST_PUT_OFF)
