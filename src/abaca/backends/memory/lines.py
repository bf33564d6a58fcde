"""Lines of waiting jobs in memory: one per (queue, priority, lane), ordered by due time, then id."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

Place = tuple[int, str]
"""(due_at, id)"""
Line = tuple[str, int, str]
"""(queue, priority, lane)"""


class Lines:
    """Jobs that wait, in their order. Removal is lazy: a place that is no longer held is skipped at the head."""

    def __init__(self) -> None:
        self._heaps: dict[Line, list[Place]] = {}
        self._held: dict[str, tuple[Line, Place]] = {}

    def add(self, line: Line, due_at: int, id: str) -> None:
        place = (due_at, id)
        self._held[id] = (line, place)
        heapq.heappush(self._heaps.setdefault(line, []), place)

    def remove(self, id: str) -> None:
        self._held.pop(id, None)

    def head(self, line: Line) -> Place | None:
        """The first place still held, dropping those that are not."""
        heap = self._heaps.get(line)
        while heap:
            place = heap[0]
            if self._held.get(place[1]) == (line, place):
                return place
            heapq.heappop(heap)
        self._heaps.pop(line, None)
        return None

    def __iter__(self) -> Iterator[str]:
        """The ids that stand somewhere."""
        return iter(self._held)

    def line_of(self, id: str) -> Line | None:
        held = self._held.get(id)
        return None if held is None else held[0]

    def stands(self, id: str, line: Line, due_at: int) -> bool:
        """Whether the job has exactly this place."""
        return self._held.get(id) == (line, (due_at, id)) and line in self._heaps

    def lines(self) -> list[Line]:
        return list(self._heaps)

    def of_queue(self, queue: str) -> list[Line]:
        return [line for line in self._heaps if line[0] == queue]

    def waiting(self) -> Iterator[tuple[Line, Place]]:
        return iter(self._held.values())

    def take(self, queue: str, now: int, free: dict[str, int]) -> str | None:
        """Remove and answer the queue's next due job for which a slot is free, or ``None``."""
        best: tuple[int, int, str] | None = None
        for line in self.of_queue(queue):
            if free.get(line[2], 0) <= 0:
                continue
            head = self.head(line)
            if head is not None and head[0] <= now and (best is None or (-line[1], *head) < best):
                best = (-line[1], *head)
        if best is None:
            return None
        self.remove(best[2])
        return best[2]

    def next_due(self, queues: tuple[str, ...], free: dict[str, int]) -> int | None:
        """When the first job for these queues and slots is due."""
        heads = (self.head(line) for q in queues for line in self.of_queue(q) if free.get(line[2], 0) > 0)
        return min((head[0] for head in heads if head is not None), default=None)
