"""Options of a task and of one call, checked once and kept as plain values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Any, Literal, Protocol, TypedDict

import msgspec

from abaca.backend import MAX_PARENTS
from abaca.callbacks import callbacks_of, joined
from abaca.checks import (
    KeepSpec,
    Priority,
    check_keep,
    check_name,
    check_priority,
    check_retry,
    check_tags,
    check_text,
    instant,
    positive,
)
from abaca.codec import DEFAULT_MAX_PAYLOAD
from abaca.durations import Duration, parse_duration
from abaca.errors import ConfigError
from abaca.limitspec import LimitRule
from abaca.model import DEFAULT_PRIORITY, DEFAULT_QUEUE, After, Callback, Keep, KeyScope, RetryRule, Value, When
from abaca.retryspec import Retry
from abaca.text import shown

Pool = Literal["async", "thread", "process"]
Unique = Literal["until_finished", "while_waiting"] | Duration
OnDuplicate = Literal["return", "reject", "replace"]
Ending = When | Literal["completed", "failed", "ended"]
"""What end of its parents a job asks for; ``failed`` is any end but a completion."""

POOLS: tuple[Pool, ...] = ("async", "thread", "process")


class HasId(Protocol):
    """A stored job, or a call that will be one: a handle, a workflow's handle, a ``Call``."""

    @property
    def id(self) -> str: ...


Parents = HasId | Iterable[HasId]


class TaskOptions(Value, frozen=True, kw_only=True):
    """What a task's declaration says of its jobs. ``None`` is the default of the app or of the system.

    ``lane`` is that of the pool unless it is given. ``batch``: how many jobs one call takes; zero for an ordinary task.
    ``secret``: parameters whose values no view and no log line shows.
    """

    queue: str = DEFAULT_QUEUE
    priority: int = DEFAULT_PRIORITY
    pool: Pool = "async"
    lane: str = ""
    batch: int = 0
    linger_ms: int = 0
    parallel: int = 1
    retry: RetryRule | None = None
    timeout_ms: int | None = None
    lease_ms: int | None = None
    keep: Keep | None = None
    tags: tuple[str, ...] = ()
    max_payload: int = DEFAULT_MAX_PAYLOAD
    limits: tuple[LimitRule, ...] = ()
    tenant: str | None = None
    start_within_ms: int | None = None
    expires_ms: int | None = None
    callbacks: tuple[Callback, ...] = ()
    secret: tuple[str, ...] = ()

    @property
    def job_fields(self) -> dict[str, Any]:
        """The fields of a new job that differ from the model's own defaults."""
        fields = {
            "queue": self.queue,
            "priority": self.priority,
            "lane": self.lane or self.pool,
            "retry": self.retry,
            "timeout_ms": self.timeout_ms,
            "lease_ms": self.lease_ms,
            "keep": self.keep,
            "tags": self.tags,
            "tenant": self.tenant,
            "start_within_ms": self.start_within_ms,
            "expires_ms": self.expires_ms,
            "callbacks": self.callbacks,
        }
        return {name: value for name, value in fields.items() if value not in (None, ())}


KeyOf = Literal["task", "call"]


class CallOptions(Value, frozen=True, kw_only=True):
    """What ``opts`` says of one call. ``fields`` go into the new job; the rest concerns the call alone.

    ``key_of`` makes the key where none is given: from the task's name, or with the arguments too. ``rejects``: a key
    that is held is an error for the caller. ``patience``: for how many seconds it waits for room in a full queue.
    """

    fields: dict[str, Any] = msgspec.field(default_factory=dict)
    wait_ms: int | None = None
    cancel_on_timeout: bool = False
    key_of: KeyOf | None = None
    rejects: bool = False
    patience: float | None = None

    def over(self, earlier: CallOptions) -> CallOptions:
        """These options, and the earlier ones where these say nothing. Raises ``ConfigError`` for pairs that clash."""
        fields = joined(earlier.fields, self.fields)
        if "delay_ms" in fields and "run_at" in fields:
            raise ConfigError("opts(delay=, run_at=): a job is due after a delay or at a time; give one of them")
        check_times(fields, "opts")
        wait_ms = earlier.wait_ms if self.wait_ms is None else self.wait_ms
        cancel_on_timeout = self.cancel_on_timeout or earlier.cancel_on_timeout
        if cancel_on_timeout and wait_ms is None:
            raise ConfigError("opts(cancel_on_timeout=True): it needs wait=, the time after which run() gives up")
        return CallOptions(
            fields=fields,
            wait_ms=wait_ms,
            cancel_on_timeout=cancel_on_timeout,
            key_of=None if "key" in fields else self.key_of or earlier.key_of,
            rejects=self.rejects or earlier.rejects,
            patience=earlier.patience if self.patience is None else self.patience,
        )

    def key(self, task: str, args: bytes) -> str:
        """The key of a call for which none was given."""
        if self.key_of == "task":
            return f"task:{task}"
        return f"call:{task}:{blake2b(args, digest_size=16).hexdigest()}"


NO_OPTIONS = CallOptions()


class CallSettings(TypedDict, total=False):
    """The options of ``Task.opts`` that may be said of a call whose task is known by its name alone."""

    delay: Duration | None
    run_at: datetime | None
    key: str | None
    priority: Priority | None
    queue: str | None
    tags: Iterable[str] | None
    timeout: Duration | None
    enqueue_timeout: Duration | None
    retry: Retry | None
    keep: KeepSpec | None
    owner: str | None
    tenant: str | None
    unique: Unique | None
    on_duplicate: OnDuplicate | None
    start_within: Duration | None
    expires: Duration | None
    after: Parents | None
    when: Ending | None


def call_options(
    *,
    delay: Duration | None = None,
    run_at: datetime | None = None,
    key: str | None = None,
    priority: Priority | None = None,
    queue: str | None = None,
    tags: Iterable[str] | None = None,
    timeout: Duration | None = None,
    retry: Retry | None = None,
    keep: KeepSpec | None = None,
    wait: Duration | None = None,
    enqueue_timeout: Duration | None = None,
    cancel_on_timeout: bool = False,
    owner: str | None = None,
    tenant: str | None = None,
    unique: Unique | None = None,
    on_duplicate: OnDuplicate | None = None,
    throttle: Duration | None = None,
    debounce: Duration | None = None,
    start_within: Duration | None = None,
    expires: Duration | None = None,
    after: Parents | None = None,
    when: Ending | None = None,
    on_success: object = None,
    on_failure: object = None,
    webhook: object = None,
) -> CallOptions:
    """Check what ``opts`` was given. Raises ``ConfigError`` naming the option."""
    uniqueness, key_of = _uniqueness(unique, on_duplicate, throttle, debounce)
    if debounce is not None and (delay is not None or run_at is not None):
        raise ConfigError("opts(debounce=): it is the delay itself; give no delay= or run_at= with it")
    fields = {
        "delay_ms": None if delay is None else parse_duration(delay, "delay"),
        "run_at": None if run_at is None else instant(run_at, "run_at"),
        "key": None if key is None else check_text(key, "key", 512),
        "priority": None if priority is None else check_priority(priority),
        "queue": None if queue is None else check_name(queue, "queue"),
        "tags": None if tags is None else check_tags(tags),
        "timeout_ms": None if timeout is None else positive(timeout, "timeout"),
        "retry": None if retry is None else check_retry(retry),
        "keep": None if keep is None else check_keep(keep),
        "owner": None if owner is None else check_text(owner, "owner", 128),
        "tenant": None if tenant is None else check_text(tenant, "tenant", 128),
        "start_within_ms": None if start_within is None else positive(start_within, "start_within"),
        "expires_ms": None if expires is None else positive(expires, "expires"),
        "after": _edges(after, when),
        "callbacks": callbacks_of(on_success, on_failure, webhook) or None,
    }
    return CallOptions(
        fields={name: value for name, value in fields.items() if value is not None} | uniqueness,
        key_of=key_of if key is None else None,
        rejects=on_duplicate == "reject",
        wait_ms=None if wait is None else parse_duration(wait, "wait"),
        cancel_on_timeout=cancel_on_timeout,
        patience=None if enqueue_timeout is None else parse_duration(enqueue_timeout, "enqueue_timeout") / 1000,
    )


def _uniqueness(
    unique: Unique | None, on_duplicate: OnDuplicate | None, throttle: Duration | None, debounce: Duration | None
) -> tuple[dict[str, Any], KeyOf | None]:
    """The fields of the new job that say how long it holds its key, and what makes the key where none is given."""
    given = [name for name, value in (("unique", unique), ("throttle", throttle), ("debounce", debounce)) if value]
    if len(given) > 1:
        raise ConfigError(f"opts({given[0]}=, {given[1]}=): each says how long a key is held; give one of them")
    if on_duplicate not in (None, "return", "reject", "replace"):
        raise ConfigError(f"on_duplicate: {on_duplicate!r} is not usable; give 'return', 'reject' or 'replace'")
    replace = {"replace": True} if on_duplicate == "replace" else {}
    if throttle is not None:
        return {"key_scope": KeyScope.PERIOD, "key_ms": positive(throttle, "throttle"), **replace}, "task"
    if debounce is not None:
        if on_duplicate not in (None, "replace"):
            raise ConfigError(f"opts(debounce=, on_duplicate={on_duplicate!r}): debouncing replaces the waiting job")
        delay_ms = positive(debounce, "debounce")
        return {"key_scope": KeyScope.WAITING, "replace": True, "delay_ms": delay_ms}, "task"
    if unique is None:
        return replace, None
    if unique == "until_finished":
        return replace, "call"
    if unique == "while_waiting":
        return {"key_scope": KeyScope.WAITING, **replace}, "call"
    return {"key_scope": KeyScope.PERIOD, "key_ms": positive(unique, "unique"), **replace}, "call"


def _edges(after: Parents | None, when: Ending | None) -> tuple[After, ...] | None:
    if after is None:
        if when is not None:
            raise ConfigError("opts(when=): it says which end of the jobs in after= is asked for, and there are none")
        return None
    parents = list(after) if isinstance(after, Iterable) else [after]
    ids = tuple(parent.id for parent in parents if isinstance(getattr(parent, "id", None), str))
    if len(ids) != len(parents) or not ids:
        raise ConfigError(f"opts(after=): {shown(after)} is not usable; give a job's handle, or a list of them")
    if len(set(ids)) != len(ids):
        raise ConfigError("opts(after=): a job is given twice")
    if len(ids) > MAX_PARENTS:
        raise ConfigError(f"opts(after=): {len(ids):,} jobs are given and the limit is {MAX_PARENTS:,}")
    return (After(ids=ids, when=check_ending(when or When.COMPLETED)),)


def check_ending(value: Ending) -> When:
    try:
        return When(value)
    except ValueError:
        raise ConfigError(f"when: {shown(value)} is not usable; give 'completed', 'failed' or 'ended'") from None


def check_times(fields: Mapping[str, Any], what: str) -> None:
    """Raises ``ConfigError`` for times of a new job that no run could keep, naming the options."""
    delay_ms, expires_ms = fields.get("delay_ms"), fields.get("expires_ms")
    if fields.get("start_within_ms") is not None:
        for field, option in (("delay_ms", "delay"), ("run_at", "run_at")):
            if fields.get(field):
                raise ConfigError(
                    f"{what}(start_within=, {option}=): the deadline counts from now, and the job is due later; "
                    "give one of them"
                )
    if delay_ms and expires_ms is not None and expires_ms <= delay_ms:
        raise ConfigError(
            f"{what}(expires=, delay=): it would expire after {expires_ms / 1000:g} s, before it is due after "
            f"{delay_ms / 1000:g} s"
        )
