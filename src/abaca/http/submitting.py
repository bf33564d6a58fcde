"""From what a request says of a new job to the job."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from abaca.bulk import get_many
from abaca.durations import MAX_DURATION_MS
from abaca.errors import ConfigError
from abaca.http.errors import invalid
from abaca.http.requests import ApiRequest, job_id
from abaca.model import Backoff, NewJob, When
from abaca.options import CallOptions, OnDuplicate, Pool, call_options
from abaca.policy.builtin import BUILT_IN
from abaca.retryspec import Retry
from abaca.webhooks import Webhook

T = TypeVar("T")

Millis = Annotated[int, Meta(ge=0, le=MAX_DURATION_MS)]
AboveZero = Annotated[int, Meta(ge=1, le=MAX_DURATION_MS)]
NamedPriority = Literal["low", "normal", "high"]
NamedBackoff = Literal["none", "fixed", "linear", "quadratic", "exponential"]


class RetrySpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``max_attempts`` counts charged runs, the first included. ``on`` names exception classes; empty means any.

    ``backoff`` is a name, a list of seconds of which the last repeats, or an object with ``type``.
    """

    max_attempts: Annotated[int, Meta(ge=1, le=1_000_000)] = 4
    backoff: NamedBackoff | list[float] | Backoff = "exponential"
    on: list[str] = []

    def retry(self) -> Retry:
        backoff: Any = self.backoff
        return Retry(max_attempts=self.max_attempts, backoff=backoff, on=self.on)


class KeepSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long the ended job and its result stay, by how it ends. ``completed_ms: 0`` stores no result."""

    completed_ms: Millis | None = None
    cancelled_ms: Millis | None = None
    failed_ms: Millis | None = None

    def by_status(self) -> dict[str, float]:
        named = (("completed", self.completed_ms), ("cancelled", self.cancelled_ms), ("failed", self.failed_ms))
        return {status: ms / 1000 for status, ms in named if ms is not None}


class WebhookSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """POST how the job ended to ``url``. ``secret`` says where the worker finds the key that signs it, ``env:NAME`` or
    ``file:/path``; it is an admin's to name."""

    url: str
    secret: str | None = None
    on: tuple[Literal["completed", "failed"], ...] = ("completed", "failed")
    timeout_ms: AboveZero = 10_000
    queue: str = ""

    def webhook(self) -> Webhook:
        return Webhook(self.url, secret=self.secret, on=self.on, timeout=self.timeout_ms / 1000, queue=self.queue)


class SubmitJob(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One call of a task. ``task`` names it and ``args`` are its arguments by parameter name.

    ``type``, ``name`` and ``task_type`` are other words for ``task``; ``payload`` is one for ``args``. What is left out
    is as the task's workers have announced; ``pool`` is needed for a task that no worker has announced.

    Due after ``delay_ms`` or at ``run_at``. While a job holds ``key``, the same key answers that job; ``unique`` says
    how long one is held, ``until_finished``, ``while_waiting`` or milliseconds, and without ``key`` task and arguments
    are the key. ``on_duplicate``: ``return`` the holder, ``reject`` with 409, or ``replace`` what it is to do while it
    waits. ``throttle_ms``: at most one job in that time; ``debounce_ms``: one job, that long after the latest call.
    ``start_within_ms``: before others of its priority. ``expires_ms``: not run if it has not begun by then.
    ``keep_ms``: how long the ended job stays. ``after``: ids of jobs that end before, as ``when`` says.
    ``owner`` is the caller's; only an admin may name another, and the keys of others begin with their owner.
    """

    task: str | None = None
    type: str | None = None
    name: str | None = None
    task_type: str | None = None
    args: dict[str, Any] | None = None
    payload: dict[str, Any] | None = None
    queue: str | None = None
    pool: Pool | None = None
    priority: Annotated[int, Meta(ge=0, le=100)] | NamedPriority | None = None
    delay_ms: Millis | None = None
    run_at: Annotated[datetime, Meta(tz=True)] | None = None
    key: str | None = None
    unique: Literal["until_finished", "while_waiting"] | AboveZero | None = None
    on_duplicate: OnDuplicate | None = None
    throttle_ms: AboveZero | None = None
    debounce_ms: AboveZero | None = None
    tags: list[str] | None = None
    owner: str | None = None
    tenant: str | None = None
    timeout_ms: AboveZero | None = None
    retry: RetrySpec | None = None
    keep_ms: Millis | KeepSpec | None = None
    start_within_ms: AboveZero | None = None
    expires_ms: AboveZero | None = None
    after: list[str] | None = None
    when: When | None = None
    webhook: WebhookSpec | list[WebhookSpec] | None = None

    def task_name(self) -> str:
        given = [name for name in (self.task, self.type, self.name, self.task_type) if name is not None]
        if len(given) != 1:
            problem = "is missing" if not given else "is given twice, under two names"
            raise invalid(f"the name of the task {problem}", "task")
        if given[0] in BUILT_IN:
            raise invalid(f"the task {given[0]!r} is built in, and its jobs come with other jobs", "task")
        return given[0]

    def arguments(self) -> dict[str, Any]:
        if self.args is not None and self.payload is not None:
            raise invalid("the arguments are given twice, as args and as payload", "args")
        return self.args or self.payload or {}


async def new_job(
    request: ApiRequest, body: SubmitJob, number: int = 0, later: Collection[str] = ()
) -> tuple[NewJob, CallOptions]:
    """The job that the body asks for, made for the caller; nothing is stored. Raises ``ApiError`` and the errors of
    ``App.named_job``. ``number`` tells the new jobs of one request apart; ``later`` names arguments that come
    from other jobs."""
    name = body.task_name()
    options = _options(request, body)
    job = await request.app.named_job(name, body.arguments(), options, pool=body.pool)
    id = request.new_id(number)
    changes: dict[str, Any] = {} if id is None else {"id": id}
    if job.key is not None:
        changes["key"] = request.caller.own_key(job.key)
    return (msgspec.structs.replace(job, **changes) if changes else job), options


async def check_parents(request: ApiRequest, job: NewJob) -> None:
    """Raises ``ApiError`` for a parent that the caller may not know of: it looks like one that is not there."""
    if request.caller.is_admin:
        return
    for id, parent in zip(job.parents, await get_many(request.ask, job.parents), strict=True):
        if parent is None or not request.caller.sees(parent):
            raise invalid(f"there is no job {id} to wait for", "after")


class _Parent(msgspec.Struct, frozen=True):
    id: str


def _options(request: ApiRequest, body: SubmitJob) -> CallOptions:
    given: dict[str, Any] = {
        "delay": seconds(body.delay_ms),
        "run_at": body.run_at,
        "key": body.key,
        "priority": body.priority,
        "queue": body.queue,
        "tags": body.tags,
        "timeout": seconds(body.timeout_ms),
        "retry": None if body.retry is None else _named("retry", body.retry.retry),
        "keep": body.keep_ms.by_status() if isinstance(body.keep_ms, KeepSpec) else seconds(body.keep_ms),
        "owner": owner_of(request, body.owner),
        "tenant": body.tenant,
        "unique": seconds(body.unique) if isinstance(body.unique, int) else body.unique,
        "on_duplicate": body.on_duplicate,
        "throttle": seconds(body.throttle_ms),
        "debounce": seconds(body.debounce_ms),
        "start_within": seconds(body.start_within_ms),
        "expires": seconds(body.expires_ms),
        "after": None if body.after is None else [_Parent(job_id(id)) for id in body.after],
        "when": body.when,
        "webhook": _named("webhook", partial(_webhooks, request, body)),
    }
    try:
        return call_options(**given)
    except ConfigError as error:
        raise invalid(str(error), field_of(error, given)) from error


def _webhooks(request: ApiRequest, body: SubmitJob) -> list[Webhook] | None:
    """Raises ``ApiError`` where somebody who is no admin names a key: it would sign what that caller likes."""
    specs = body.webhook if isinstance(body.webhook, list) else [body.webhook] if body.webhook else []
    if any(spec.secret is not None for spec in specs):
        request.caller.require("admin")
    return [spec.webhook() for spec in specs] or None


def _named(field: str, make: Callable[[], T]) -> T:
    try:
        return make()
    except ConfigError as error:
        raise invalid(str(error), field) from error


def owner_of(request: ApiRequest, given: str | None) -> str | None:
    """Whose job it will be. Raises ``ApiError`` for somebody else's name."""
    caller = request.caller
    if given is None or given == caller.owner:
        return caller.owner
    caller.require("admin")
    return given


def seconds(ms: int | None) -> float | None:
    return None if ms is None else ms / 1000


def field_of(error: ConfigError, given: Mapping[str, Any]) -> str | None:
    """The field that an option's error begins with."""
    named = str(error).partition(":")[0].removeprefix("opts(").partition("=")[0]
    return named if named in given else None
