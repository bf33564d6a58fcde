"""A queue as people and programs see it: what waits in it, and its settings."""

from __future__ import annotations

import msgspec

from abaca.model import QueueSettings, QueueStats, Stats
from abaca.views.times import instant

NO_SETTINGS = QueueSettings()


class QueueView(msgspec.Struct, frozen=True, kw_only=True):
    """``due`` jobs could start now, ``later`` ones have a time, ``blocked`` ones wait for a limit or for parents.

    ``by_priority`` counts all three. ``late``: how many began after their deadline, since the store was made.
    """

    name: str
    due: int
    later: int
    blocked: int
    paused: bool
    concurrency: int | None
    max_length: int | None
    max_wait_ms: int | None
    overflow: str
    weights: dict[str, int]
    aging: bool
    late: int
    by_priority: dict[int, int]
    oldest_due_at: str | None
    oldest_age_ms: int | None


def queue_view(queue: QueueStats, settings: QueueSettings, stats: Stats) -> QueueView:
    oldest = queue.oldest_due_at
    return QueueView(
        name=queue.name,
        due=queue.due,
        later=queue.later,
        blocked=queue.blocked,
        paused=settings.paused,
        concurrency=settings.concurrency,
        max_length=settings.max_length,
        max_wait_ms=settings.max_wait_ms,
        overflow=settings.overflow,
        weights=settings.weights,
        aging=settings.aging,
        late=stats.late.get(queue.name, 0),
        by_priority=queue.by_priority,
        oldest_due_at=instant(oldest),
        oldest_age_ms=None if oldest is None else max(0, (stats.seen_at - oldest) // 1000),
    )
