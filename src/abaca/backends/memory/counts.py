"""How many jobs wait in the memory store, by queue."""

from __future__ import annotations

from abaca.backends.memory.lines import Lines
from abaca.model import QueueStats


def count_queues(lines: Lines, now: int) -> list[QueueStats]:
    """Every queue in which a job waits, by name."""
    places: dict[str, list[tuple[int, int]]] = {}
    for (queue, priority, _), (due_at, _) in lines.waiting():
        places.setdefault(queue, []).append((due_at, priority))
    return [_count(queue, places[queue], now) for queue in sorted(places)]


def _count(queue: str, places: list[tuple[int, int]], now: int) -> QueueStats:
    due = [due_at for due_at, _ in places if due_at <= now]
    by_priority: dict[int, int] = {}
    for _, priority in places:
        by_priority[priority] = by_priority.get(priority, 0) + 1
    return QueueStats(
        name=queue,
        due=len(due),
        later=len(places) - len(due),
        by_priority=dict(sorted(by_priority.items(), reverse=True)),
        oldest_due_at=min(due, default=None),
    )
