"""What the memory store answers to people: counts, and searches."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter

from abaca.backends.memory.lines import Lines
from abaca.backends.memory.rows import Row
from abaca.backends.memory.totals import Totals
from abaca.backends.search import matches
from abaca.model import Card, Job, Page, Query, QueueStats, State, Stats


def find(rows: dict[str, Row], query: Query, now: int) -> Page:
    """Newest first."""
    found: list[Job] = []
    for id in sorted(rows, reverse=True):
        if query.cursor is not None and id >= query.cursor:
            continue
        job = rows[id].snapshot(now)
        if matches(job, query):
            if len(found) == query.limit:
                return Page(jobs=found, cursor=found[-1].id)
            found.append(job)
    return Page(jobs=found)


def count(rows: dict[str, Row], lines: Lines, totals: Totals, cards: Iterable[Card], now: int) -> Stats:
    return Stats(
        queues=_count_queues(lines, now),
        running=sum(row.state is State.RUNNING for row in rows.values()),
        totals=totals.by_name(),
        workers=sorted(cards, key=attrgetter("id")),
        seen_at=now,
        repaired=totals.repaired,
    )


def _count_queues(lines: Lines, now: int) -> list[QueueStats]:
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
