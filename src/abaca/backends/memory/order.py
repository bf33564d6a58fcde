"""Which job of a queue comes next: by priority, deadline, turns of tenants and due time; or, of a slot, by age."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from abaca.backends.memory.buckets import Buckets
from abaca.backends.memory.lines import Line, Lines, Place
from abaca.backends.memory.turns import Turns
from abaca.model import AGED_SLOT, QueueSettings


class Pick(NamedTuple):
    """The job that comes next. ``aged``: because it has been due longest."""

    line: Line
    place: Place
    aged: bool = False


class Order:
    """The order inside queues. It reads the lines, and keeps what turns and ages need."""

    def __init__(self, lines: Lines, buckets: Buckets) -> None:
        self._lines = lines
        self._buckets = buckets
        self._turns = Turns()
        self._claims: Counter[str] = Counter()

    def next(self, queue: str, settings: QueueSettings, now: int, free: dict[str, int]) -> Pick | None:
        """The job that comes next of those that are due in a lane with a free slot. It stays in its line."""
        if settings.aging and (self._claims[queue] + 1) % AGED_SLOT == 0:
            return self._longest_due(queue, now, free)
        for priority in self._lines.priorities(queue):
            lines = [line for line in self._lines.of_priority(queue, priority) if free.get(line.lane, 0) > 0]
            heads = [Pick(line, place) for line in lines if (place := self._lines.first_due(line, now)) is not None]
            if heads:
                return min(heads, key=self._rank) if len(heads) > 1 else heads[0]
        return None

    def _rank(self, pick: Pick) -> tuple[bool, int, Place]:
        """Inside one priority."""
        line, place, _ = pick
        return (not line.dated, 0 if line.dated else self._turns.comes_at(line), place)

    def _longest_due(self, queue: str, now: int, free: dict[str, int]) -> Pick | None:
        lines = (line for p in self._lines.priorities(queue) for line in self._lines.of_priority(queue, p))
        heads = [
            Pick(line, place, aged=True)
            for line in lines
            if free.get(line.lane, 0) > 0 and (place := self._lines.longest_due(line, now)) is not None
        ]
        return min(heads, key=lambda pick: (pick.place.due_at, pick.place.id), default=None)

    def on_claim(self, pick: Pick, settings: QueueSettings) -> None:
        """The job runs, and is about to leave its line."""
        line = pick.line
        if settings.aging:
            self._claims[line.queue] += 1
        if pick.aged or line.dated:
            return
        among = self._lines.of_priority(line.queue, line.priority)
        if self._shared(line, among):
            self._turns.on_claim(line, settings.weights, among)
        else:
            self._turns.forget(line)

    def _shared(self, line: Line, among: list[Line]) -> bool:
        """Whether another tenant has a job as well, in its line or parked out of it."""
        for other in among if len(among) > 1 else ():
            if other.tenant != line.tenant and not other.dated and self._lines.head(other) is not None:
                return True
        return self._buckets.hold_another(line)
