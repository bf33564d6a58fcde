"""Django's ``Task`` with what Abaca adds to it, and how what Django says of one is said to Abaca."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.utils import timezone

from abaca.django.framework import AnyTask
from abaca.durations import Duration
from abaca.limitspec import Limit
from abaca.retryspec import Retry

_OWN_OPTIONS = ("retry", "timeout", "lease", "keep", "limits")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class AbacaTask(AnyTask):
    """What ``@task`` makes where the backend is Abaca. It takes these options beside Django's own; they mean what
    they mean in ``App.task``, and are those of the backend where they are not given."""

    retry: Retry | None = None
    timeout: Duration | None = None
    lease: Duration | None = None
    keep: Any = None
    limits: tuple[Limit, ...] = ()


def own_options(task: AnyTask) -> dict[str, Any]:
    """Those that were given; a task that another backend's class made has none."""
    found = {name: getattr(task, name, None) for name in _OWN_OPTIONS}
    return {name: value for name, value in found.items() if value not in (None, ())}


def abaca_priority(priority: int) -> int:
    """Django's -100 to 100 as 0 to 100, in the same order: 0 is 50, and two neighbours share a number."""
    return (priority + 101) // 2


def differences(declared: AnyTask, called: AnyTask) -> dict[str, Any] | None:
    """What ``using`` changed, in JSON; ``None`` for nothing."""
    changed: dict[str, Any] = {
        name: getattr(called, name)
        for name in ("priority", "queue_name")
        if getattr(called, name) != getattr(declared, name)
    }
    if called.run_after is not None:
        changed["run_after"] = aware(called.run_after).isoformat()
    return changed or None


def using(declared: AnyTask, changed: Mapping[str, Any] | None) -> AnyTask:
    """The task as it was called."""
    if not changed:
        return declared
    run_after = changed.get("run_after")
    return declared.using(
        priority=changed.get("priority"),
        queue_name=changed.get("queue_name"),
        run_after=None if run_after is None else local(datetime.fromisoformat(run_after)),
    )


def aware(at: datetime) -> datetime:
    return timezone.make_aware(at) if timezone.is_naive(at) else at


def local(at: datetime) -> datetime:
    """An aware time as Django has it: aware, or where ``USE_TZ`` is off naive in the default time zone."""
    return at if settings.USE_TZ else timezone.make_naive(at)


def instant(micros: int | None) -> datetime | None:
    """The store's time as Django has it."""
    return None if micros is None else local(datetime.fromtimestamp(micros / 1e6, UTC))
