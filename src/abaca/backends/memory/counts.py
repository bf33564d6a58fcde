"""What the memory store answers to people: counts, and searches."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from operator import attrgetter

from abaca.backend import CARD_LIFE_MS
from abaca.backends.memory.rows import Row
from abaca.backends.memory.totals import Totals
from abaca.backends.memory.waiting import Waiting
from abaca.backends.search import matches
from abaca.model import Card, Job, Page, Query, QueueStats, State, Stats


def is_listed(card: Card, now: int) -> bool:
    return now - card.seen_at <= CARD_LIFE_MS * 1000


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


def count(rows: dict[str, Row], waiting: Waiting, totals: Totals, cards: Iterable[Card], now: int) -> Stats:
    return Stats(
        queues=_count_queues(waiting, now),
        running=sum(row.state is State.RUNNING for row in rows.values()),
        totals=totals.by_name(),
        workers=sorted(cards, key=attrgetter("id")),
        seen_at=now,
        repaired=totals.repaired,
        late=dict(totals.late),
    )


def _count_queues(waiting: Waiting, now: int) -> list[QueueStats]:
    """Every queue in which a job waits, by name."""
    times: dict[str, list[int]] = defaultdict(list)
    priorities: dict[str, Counter[int]] = defaultdict(Counter)
    for line, place in waiting.lines.waiting():
        times[line.queue].append(place.due_at)
    for line in waiting.everyone():
        priorities[line.queue][line.priority] += 1
    return [_count(queue, times[queue], priorities[queue], now) for queue in sorted(priorities)]


def _count(queue: str, times: list[int], by_priority: Counter[int], now: int) -> QueueStats:
    due = [due_at for due_at in times if due_at <= now]
    return QueueStats(
        name=queue,
        due=len(due),
        later=len(times) - len(due),
        blocked=by_priority.total() - len(times),
        by_priority=dict(sorted(by_priority.items(), reverse=True)),
        oldest_due_at=min(due, default=None),
    )
