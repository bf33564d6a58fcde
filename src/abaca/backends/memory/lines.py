"""Lines of waiting jobs in memory: one for each queue, priority, lane and kind."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import NamedTuple


class Line(NamedTuple):
    """Where a job stands. A line is of one tenant, or, ``dated``, of deadlines and of all tenants."""

    queue: str
    priority: int
    lane: str
    tenant: str = ""
    dated: bool = False


class Place(NamedTuple):
    """A place in a line, which is ordered by them. ``at`` is the deadline in a dated line, else the due time."""

    at: int
    id: str
    due_at: int


class Lines:
    """Jobs that wait, in their order. Removal is lazy: a place that is no longer held is skipped at the head."""

    def __init__(self) -> None:
        self._heaps: dict[Line, list[Place]] = {}
        self._index: dict[str, dict[int, list[Line]]] = {}
        self._held: dict[str, tuple[Line, Place]] = {}

    def add(self, line: Line, place: Place) -> None:
        self._held[place.id] = (line, place)
        heap = self._heaps.get(line)
        if heap is None:
            heap = self._heaps[line] = []
            self._index.setdefault(line.queue, {}).setdefault(line.priority, []).append(line)
        heapq.heappush(heap, place)

    def remove(self, id: str) -> None:
        self._held.pop(id, None)

    def head(self, line: Line) -> Place | None:
        """The first place still held, dropping those that are not."""
        heap = self._heaps.get(line)
        while heap:
            place = heap[0]
            if self._held.get(place.id) == (line, place):
                return place
            heapq.heappop(heap)
        if heap is not None:
            self._forget(line)
        return None

    def first_due(self, line: Line, now: int) -> Place | None:
        """The first place of a job that is due. The head, but where the clock has stepped back among deadlines."""
        head = self.head(line)
        if head is None or head.due_at <= now:
            return head
        return min((place for place in self._places(line) if place.due_at <= now), default=None) if line.dated else None

    def longest_due(self, line: Line, now: int) -> Place | None:
        """The place of the job that has been due longest, where one is due."""
        if not line.dated:
            return self.first_due(line, now)
        due = (place for place in self._places(line) if place.due_at <= now)
        return min(due, key=lambda place: (place.due_at, place.id), default=None)

    def priorities(self, queue: str) -> list[int]:
        """In which somebody stands, or stood lately; highest first."""
        return sorted(self._index.get(queue, ()), reverse=True)

    def of_priority(self, queue: str, priority: int) -> list[Line]:
        return list(self._index.get(queue, {}).get(priority, ()))

    def lines(self) -> list[Line]:
        return list(self._heaps)

    def __iter__(self) -> Iterator[str]:
        """The ids that stand somewhere."""
        return iter(self._held)

    def line_of(self, id: str) -> Line | None:
        held = self._held.get(id)
        return None if held is None else held[0]

    def stands(self, line: Line, place: Place) -> bool:
        """Whether the job has exactly this place."""
        return self._held.get(place.id) == (line, place) and line in self._heaps

    def waiting(self) -> Iterator[tuple[Line, Place]]:
        return iter(self._held.values())

    def next_due(self, queues: tuple[str, ...], free: dict[str, int]) -> int | None:
        """When the first job for these queues and slots is due."""
        lines = (line for q in queues for p in self.priorities(q) for line in self.of_priority(q, p))
        heads = (self.head(line) for line in lines if free.get(line.lane, 0) > 0)
        return min((head.due_at for head in heads if head is not None), default=None)

    def _places(self, line: Line) -> Iterator[Place]:
        return (place for stood, place in self._held.values() if stood == line)

    def _forget(self, line: Line) -> None:
        del self._heaps[line]
        priorities = self._index[line.queue]
        priorities[line.priority].remove(line)
        if not priorities[line.priority]:
            del priorities[line.priority]
        if not priorities:
            del self._index[line.queue]
