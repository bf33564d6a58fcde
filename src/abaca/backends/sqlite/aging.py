"""Aging: of so many claims from a queue, one goes to the job that has been due longest."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from abaca.backends.sqlite.lines import Head, Line, Reader
from abaca.backends.sqlite.tx import Tx
from abaca.model import AGED_SLOT


class Aging:
    """The claims of one queue that ages. ``free`` are the lanes with free slots, ``gone`` what is claimed or parked."""

    def __init__(self, tx: Tx, queue: str, reader: Reader, free: dict[str, int], gone: set[int]) -> None:
        self._tx = tx
        self._queue = queue
        self._reader = reader
        self._free = free
        self._gone = gone
        found = tx.rows("age", queue=queue)
        self._before: int = found[0][0] if found else 0
        self._claims = self._before
        self._heap: list[tuple[int, bytes, Head, Iterator[Head]]] | None = None

    @property
    def is_due(self) -> bool:
        """Whether the next claim goes to the oldest."""
        return (self._claims + 1) % AGED_SLOT == 0

    def on_claim(self) -> None:
        self._claims += 1

    def save(self) -> None:
        if self._claims != self._before:
            self._tx.run("put_age", queue=self._queue, claims=self._claims)

    def oldest(self, *, dated: bool) -> Head | None:
        """The job that has been due longest, in any line with a free slot. With ``dated`` there may be deadlines."""
        if self._heap is None:
            self._heap = []
            for jobs in self._lines(dated=dated):
                self._push(jobs)
        while self._heap:
            _, _, head, jobs = self._heap[0]
            if head[2] not in self._gone and head[-1].lane in self._free:
                return head
            heapq.heappop(self._heap)
            if head[-1].lane in self._free:
                self._push(jobs)
        return None

    def _lines(self, *, dated: bool) -> Iterator[Iterator[Head]]:
        for line in (*self._reader.ordinary_lines(), *(self._reader.dated_lines() if dated else ())):
            if line.lane in self._free:
                yield from self._of_line(line)

    def _of_line(self, line: Line) -> Iterator[Iterator[Head]]:
        if line.tenant == line.last:
            yield self._reader.due(line, self._free, oldest=True)
            return
        for own in self._reader.of_tenants(line).values():
            yield own.due(self._tx.now, self._gone.__contains__)

    def _push(self, jobs: Iterator[Head]) -> None:
        assert self._heap is not None
        head = next(jobs, None)
        if head is not None:
            heapq.heappush(self._heap, (*head[:2], head, jobs))
