"""``Webhook``: an HTTP request that tells how a job ended, and how its receiver knows that it is genuine."""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from abaca.checks import check_name, check_retry, positive
from abaca.durations import Duration, parse_duration
from abaca.errors import ConfigError, WebhookRejected
from abaca.model import Callback, Exponential, NewJob, When
from abaca.policy.builtin import WEBHOOK
from abaca.policy.followups import DELIVERY_KEEP, DELIVERY_RUN
from abaca.retryspec import Retry
from abaca.text import shown

SIGNATURE_HEADER = "Abaca-Signature"
DELIVERY_HEADER = "Abaca-Delivery"
DEFAULT_TOLERANCE = 300.0
"""How old, in seconds, a signature may be."""
LONGEST_TIMEOUT_MS = 60_000
TRIES = Retry(max_attempts=15, backoff=Exponential(base=10.0, cap=3600.0))
_SECRET = re.compile(r"(env:[A-Za-z_][A-Za-z0-9_]*|file:/.+)", re.ASCII)
_SIGNATURE = re.compile(r"t=(\d{1,12})((?:,v1=[0-9a-f]{64}){1,8})", re.ASCII)

End = Literal["completed", "failed"]


@dataclass(frozen=True, slots=True)
class Webhook:
    """POST the ``JobEnd`` as JSON to ``url`` when a job ends as ``on`` says; a job of its own delivers it.

    ``secret`` says where the worker finds the key of the signature: ``"env:NAME"`` or ``"file:/path"``; the key itself
    is stored nowhere. ``timeout`` is for one request, at most a minute. ``retry`` is for deliveries that failed.
    ``queue`` is where they wait; without it, in the queue of the job that ended.
    Raises ``ConfigError`` for values that cannot be used.
    """

    url: str
    secret: str | None = None
    on: End | Sequence[End] = ("completed", "failed")
    timeout: Duration = 10
    retry: Retry = TRIES
    queue: str = ""

    def __post_init__(self) -> None:
        self.callbacks()

    def callbacks(self) -> tuple[Callback, ...]:
        """One for each end."""
        check_address(self.url)
        if self.secret is not None and not _SECRET.fullmatch(self.secret):
            raise ConfigError(
                "Webhook(secret=): it is not the key but says where the worker finds it: 'env:NAME' or 'file:/path'"
            )
        ends = (self.on,) if isinstance(self.on, str) else tuple(self.on)
        if not ends or any(end not in ("completed", "failed") for end in ends):
            raise ConfigError(f"Webhook(on={shown(self.on)}): give 'completed', 'failed', or both")
        timeout_ms = positive(self.timeout, "Webhook(timeout=)")
        if timeout_ms > LONGEST_TIMEOUT_MS:
            raise ConfigError(f"Webhook(timeout={shown(self.timeout)}): at most {LONGEST_TIMEOUT_MS // 1000} s")
        if self.queue:
            check_name(self.queue, "Webhook(queue=)")
        args = {"url": self.url, "timeout": timeout_ms / 1000} | ({"secret": self.secret} if self.secret else {})
        job = NewJob(
            id="",
            task=WEBHOOK,
            lane="async",
            queue=self.queue,
            args=msgspec.json.encode(args),
            retry=check_retry(self.retry),
            timeout_ms=timeout_ms * DELIVERY_RUN,
            keep=DELIVERY_KEEP,
        )
        return tuple(Callback(when=When(end), job=job, into="end") for end in dict.fromkeys(ends))


Webhooks = Webhook | Sequence[Webhook]


def check_address(url: str) -> None:
    """Raises ``ConfigError`` for what is no address of an HTTP service, or holds a password."""
    parts = None
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and url.isascii()
    except (ValueError, AttributeError, TypeError):
        usable = False
    if parts is None or not usable or any(ord(letter) <= 32 for letter in url):
        raise ConfigError(f"Webhook(url): {shown(url)} is not usable; give http://... or https://... in ASCII")
    if "@" in parts.netloc:
        raise ConfigError("Webhook(url): it holds a user or a password, which would be stored with every job; leave it")


def sign(key: bytes, at: int, body: bytes) -> str:
    """The value of the signature header: the time in seconds, and HMAC-SHA256 over that time, a dot and the body."""
    return f"t={at},v1={_digest(key, at, body)}"


def verify_webhook(
    secret: str | bytes,
    headers: Mapping[str, str],
    body: bytes,
    tolerance: Duration = DEFAULT_TOLERANCE,
    clock: Callable[[], float] = time.time,
) -> str:
    """For whoever receives: check a request and answer its delivery id, which is the same when it comes again.

    ``body`` are the bytes as they came. ``tolerance`` is how old or how far ahead the signature may be.
    Raises ``WebhookRejected``.
    """
    if not secret:
        raise ConfigError("verify_webhook(secret): it is empty, and anybody could sign with it")
    found = {name.lower(): value for name, value in headers.items()}
    match = _SIGNATURE.fullmatch(found.get(SIGNATURE_HEADER.lower(), ""))
    if match is None:
        raise WebhookRejected(f"the header {SIGNATURE_HEADER} is missing or has another form")
    at = int(match[1])
    expected = _digest(secret.encode() if isinstance(secret, str) else secret, at, body)
    given = match[2].removeprefix(",v1=").split(",v1=")
    if not any(hmac.compare_digest(expected, one) for one in given):
        raise WebhookRejected("the signature is not of this secret, time and body")
    if abs(clock() - at) > parse_duration(tolerance, "tolerance") / 1000:
        raise WebhookRejected("the signature is too old or from the future; it may be a request that was sent before")
    return found.get(DELIVERY_HEADER.lower(), "")


def _digest(key: bytes, at: int, body: bytes) -> str:
    return hmac.new(key, b"%d." % at + body, hashlib.sha256).hexdigest()
