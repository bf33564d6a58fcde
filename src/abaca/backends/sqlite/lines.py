"""The lines of a queue, read along their indexes as far as a claim needs them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from abaca.backends.sqlite.tx import Tx

_ABOVE_ALL = 1 << 62
_BELOW_ALL = -(1 << 62)
_MOST_READ = 64
"""How many jobs of one tenant are read at once."""


class Line(NamedTuple):
    """A line of jobs, and in it the first and the last tenant; ``due_at`` is when the first job of the first is due.

    One of deadlines is ``dated`` and of no tenant.
    """

    priority: int
    lane: str
    due_at: int
    tenant: str = ""
    last: str = ""
    dated: bool = False


Row = tuple[int, bytes, int, int, str | None]
"""A job in its line: what orders it there (due time or deadline), id, number, bytes of its arguments, options with
limits."""
Head = tuple[int, bytes, int, int, str | None, Line]
"""The same, and the line."""


@dataclass(frozen=True, slots=True)
class Level:
    """The lines of one priority, whether or not they have free slots."""

    priority: int
    ordinary: list[Line] = field(default_factory=list)
    dated: list[Line] = field(default_factory=list)


class Reader:
    """Reads the lines of one queue."""

    def __init__(self, tx: Tx, queue: str) -> None:
        self._tx = tx
        self._queue = queue

    def levels(self, *, dated: bool, ahead: bool = True) -> Iterator[Level]:
        """Higher priorities first. With ``dated`` there may be lines of deadlines.

        Not ``ahead``: nothing of a level is read before the one above it is done with.
        """
        lines: dict[int, list[Line]] = defaultdict(list)
        for line in self.dated_lines() if dated else ():
            lines[line.priority].append(line)
        for together in self._by_priority(ahead=ahead):
            priority = together[0].priority
            for above in sorted((other for other in lines if other > priority), reverse=True):
                yield Level(above, dated=lines.pop(above))
            yield Level(priority, together, lines.pop(priority, []))
        for below in sorted(lines, reverse=True):
            yield Level(below, dated=lines[below])

    def _by_priority(self, *, ahead: bool) -> Iterator[list[Line]]:
        together: list[Line] = []
        place = (_ABOVE_ALL, "")
        while found := self._tx.rows("next_line", queue=self._queue, priority=place[0], lane=place[1]):
            line = Line(*found[0])
            if together and together[0].priority != line.priority:
                yield together
                together = []
                if not ahead:
                    place = (line.priority + 1, "")
                    continue
            together.append(line)
            place = line[:2]
        if together:
            yield together

    def dated_lines(self) -> Iterator[Line]:
        place = (_ABOVE_ALL, "")
        while found := self._tx.rows("next_dated", queue=self._queue, priority=place[0], lane=place[1]):
            priority, lane, due_at = found[0]
            line = Line(priority, lane, due_at, dated=True)
            yield line
            place = line[:2]

    def ordinary_lines(self) -> Iterator[Line]:
        for together in self._by_priority(ahead=True):
            yield from together

    def due(self, line: Line, free: dict[str, int], *, oldest: bool = False) -> Iterator[Head]:
        """The due jobs of a line. One of deadlines goes by them, or, with ``oldest``, by due time."""
        for rows in self.stretches(line, free, oldest=oldest):
            for row in rows:
                yield (*row, line)

    def stretches(self, line: Line, free: dict[str, int], *, oldest: bool = False) -> Iterator[Sequence[Row]]:
        """The same by stretches, each as long as there are free slots, until one is not; an ordinary
        line has one tenant."""
        name = "take" if not line.dated else "take_oldest" if oldest else "take_dated"
        at, id = _BELOW_ALL, b""
        while slots := free.get(line.lane, 0):
            rows = self._read(name, line, slots, at, id)
            yield rows
            if len(rows) < slots:
                return
            at, id = rows[-1][:2]

    def of_tenants(self, line: Line) -> dict[str, TenantLine]:
        """What each tenant has in an ordinary line, due or not."""
        rows = self._tx.rows("heads", queue=self._queue, priority=line.priority, lane=line.lane)
        return {tenant: TenantLine(self, line._replace(tenant=tenant, last=tenant), head) for tenant, *head in rows}

    def after(self, line: Line, head: Head, limit: int) -> list[Head]:
        """The next jobs of a line of one tenant, due or not."""
        rows = self._read("take", line, limit, head[0], head[1], now=_ABOVE_ALL)
        return [(*row, line) for row in rows]

    def _read(self, name: str, line: Line, limit: int, at: int, id: bytes, now: int | None = None) -> list[Row]:
        of_tenant = {} if line.dated else {"tenant": line.tenant}
        rows: list[Any] = self._tx.rows(
            name,
            queue=self._queue,
            priority=line.priority,
            lane=line.lane,
            now=self._tx.now if now is None else now,
            at=at,
            id=id,
            limit=limit,
            **of_tenant,
        )
        return rows


class TenantLine:
    """The jobs of one tenant in one line, read a few at a time, later ones included."""

    def __init__(self, reader: Reader, line: Line, head: Sequence[Any]) -> None:
        self.line = line
        self._reader = reader
        self._heads: list[Head] = [(*head, line)]  # the last one is the next
        self._read = 1

    def first(self, gone: Callable[[int], bool]) -> Head | None:
        """The first job whose number is not among those that are gone."""
        while self._heads:
            head = self._heads[-1]
            if not gone(head[2]):
                return head
            self._heads.pop()
            if not self._heads and self._read:
                limit = min(2 * self._read, _MOST_READ)
                more = self._reader.after(self.line, head, limit)
                self._read = limit if len(more) == limit else 0
                self._heads = more[::-1]
        return None

    def due(self, now: int, gone: Callable[[int], bool]) -> Iterator[Head]:
        """The jobs that are due, each asked for when the one before it is gone."""
        while (head := self.first(gone)) is not None and head[0] <= now:
            yield head
