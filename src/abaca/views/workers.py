"""A worker as people and programs see it."""

from __future__ import annotations

import msgspec

from abaca.model import Card
from abaca.views.times import instant


class WorkerView(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker said in its last beat, at ``seen_at``. Counters count from ``started_at``."""

    id: str
    name: str
    host: str
    pid: int
    queues: tuple[str, ...]
    tasks: tuple[str, ...]
    slots: dict[str, int]
    running: tuple[str, ...]
    processed: int
    succeeded: int
    failed: int
    busy_ms: int
    draining: bool
    started_at: str
    seen_at: str


def worker_view(card: Card) -> WorkerView:
    return WorkerView(
        id=card.id,
        name=card.name,
        host=card.host,
        pid=card.pid,
        queues=card.queues,
        tasks=card.tasks,
        slots=card.slots,
        running=card.running,
        processed=card.processed,
        succeeded=card.succeeded,
        failed=card.failed,
        busy_ms=card.busy_ms,
        draining=card.draining,
        started_at=instant(card.started_at),
        seen_at=instant(card.seen_at),
    )
