"""From a function and the options of ``@app.task`` to a task."""

from __future__ import annotations

from collections.abc import Callable, Iterable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from abaca.batching import batch_fields
from abaca.callbacks import callbacks_of
from abaca.checks import (
    KeepSpec,
    Priority,
    check_keep,
    check_name,
    check_priority,
    check_retry,
    check_size,
    check_tags,
    check_task_name,
    check_text,
    none_if_default,
    positive,
)
from abaca.client import Host
from abaca.declare import examine
from abaca.durations import Duration
from abaca.errors import TaskDeclarationError
from abaca.limitspec import Limit, limit_rules
from abaca.model import Keep
from abaca.options import Pool, TaskOptions
from abaca.retryspec import Retry
from abaca.secret import secret_names
from abaca.streamtask import task_of
from abaca.tasks import Callbacks, Task, TaskFunction
from abaca.webhooks import Webhooks


class TaskSettings(TypedDict, total=False):
    """The options of ``App.task``."""

    name: str | None
    queue: str
    priority: Priority
    pool: Pool | None
    retry: Retry | None
    timeout: Duration | None
    lease: Duration | None
    keep: KeepSpec | None
    tags: Iterable[str]
    max_payload: int | None
    limits: Sequence[Limit]
    tenant: str | None
    start_within: Duration | None
    expires: Duration | None
    on_success: Callbacks[Any] | None
    on_failure: Callbacks[Any] | None
    webhook: Webhooks | None
    secret: Iterable[str]


@dataclass(frozen=True, slots=True)
class Defaults:
    """What an app says of tasks that do not say it themselves."""

    keep: Keep | None
    max_payload: int
    largest: int
    """The most that ``max_payload`` of a task may be."""


def make_task(
    host: Host,
    fn: Callable[..., Any],
    defaults: Defaults,
    *,
    batch: int | None = None,
    linger: Duration | None = None,
    parallel: int | None = None,
    name: str | None = None,
    queue: str = "default",
    priority: Priority = "normal",
    pool: Pool | None = None,
    retry: Retry | None = None,
    timeout: Duration | None = None,
    lease: Duration | None = None,
    keep: KeepSpec | None = None,
    tags: Iterable[str] = (),
    max_payload: int | None = None,
    limits: Sequence[Limit] = (),
    tenant: str | None = None,
    start_within: Duration | None = None,
    expires: Duration | None = None,
    on_success: Callbacks[Any] | None = None,
    on_failure: Callbacks[Any] | None = None,
    webhook: Webhooks | None = None,
    secret: Iterable[str] = (),
) -> TaskFunction[..., Any, Any]:
    """Raises ``TaskDeclarationError`` for a function that cannot be a task, ``ConfigError`` naming an option."""
    handler = examine(fn, pool, batch=batch is not None)
    chosen = check_task_name(fn.__name__ if name is None else name)
    what = f"task {chosen!r}, "
    options = TaskOptions(
        queue=check_name(queue, what + "queue"),
        priority=check_priority(priority),
        pool=handler.pool,
        retry=None if retry is None else none_if_default(check_retry(retry)),
        timeout_ms=None if timeout is None else positive(timeout, what + "timeout"),
        lease_ms=None if lease is None else positive(lease, what + "lease"),
        keep=defaults.keep if keep is None else check_keep(keep, by="task"),
        tags=check_tags(tags),
        max_payload=defaults.max_payload
        if max_payload is None
        else check_size(max_payload, what + "max_payload", defaults.largest),
        limits=limit_rules(limits, chosen, list(handler.signature.parameters)),
        tenant=None if tenant is None else check_text(tenant, what + "tenant", 128),
        start_within_ms=None if start_within is None else positive(start_within, what + "start_within"),
        expires_ms=None if expires is None else positive(expires, what + "expires"),
        callbacks=callbacks_of(on_success, on_failure, webhook),
        secret=secret_names(secret, chosen, list(handler.signature.parameters), limits),
        **batch_fields(chosen, batch, linger, parallel),
    )
    task: TaskFunction[..., Any, Any] = task_of(host, chosen, handler, options)
    return task


def register(tasks: MutableMapping[str, Task[..., Any]], task: TaskFunction[..., Any, Any]) -> None:
    """Raises ``TaskDeclarationError`` when the name is taken."""
    holder = tasks.setdefault(task.name, task)  # one step, because modules may be imported in several threads
    if holder is not task:
        raise TaskDeclarationError(
            f"{task.module}.{task.qualname} cannot be a task: the name {task.name!r} is taken by "
            f"{holder.module}.{holder.qualname}; give it another with name="
        )
