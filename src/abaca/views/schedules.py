"""A schedule as people and programs see it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec

from abaca.model import Cron, Every, Missed, Overlap, Schedule
from abaca.views.payloads import arguments_json
from abaca.views.times import instant


class ScheduleView(msgspec.Struct, frozen=True, kw_only=True):
    """Either ``cron`` and ``tz``, or ``every_ms``. ``next`` are the next ticks, as many as were asked for."""

    id: str
    cron: str | None
    tz: str | None
    every_ms: int | None
    task: str
    args: Any
    queue: str
    priority: int
    tags: tuple[str, ...]
    enabled: bool
    missed: Missed
    missed_limit: int
    overlap: Overlap
    jitter_ms: int
    starts_at: str | None
    ends_at: str | None
    description: str
    declared_by: str | None
    next: tuple[str, ...]


def schedule_view(schedule: Schedule, upcoming: Iterable[datetime] = (), secret: Collection[str] = ()) -> ScheduleView:
    """``secret`` names the parameters of its task whose values are masked."""
    cadence = schedule.cadence
    return ScheduleView(
        id=schedule.id,
        cron=cadence.expression if isinstance(cadence, Cron) else None,
        tz=cadence.tz if isinstance(cadence, Cron) else None,
        every_ms=cadence.ms if isinstance(cadence, Every) else None,
        task=schedule.job.task,
        args=arguments_json(schedule.job.args, secret),
        queue=schedule.job.queue,
        priority=schedule.job.priority,
        tags=schedule.job.tags,
        enabled=schedule.enabled,
        missed=schedule.missed,
        missed_limit=schedule.missed_limit,
        overlap=schedule.overlap,
        jitter_ms=schedule.jitter_ms,
        starts_at=instant(schedule.starts_at),
        ends_at=instant(schedule.ends_at),
        description=schedule.description,
        declared_by=schedule.declared_by,
        next=tuple(_moment(tick) for tick in upcoming),
    )


def _moment(tick: datetime) -> str:
    return tick.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
