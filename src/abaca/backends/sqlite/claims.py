"""Claims: the second half of ``exchange``, and ``reclaim``.

A claim walks the lines of a queue along the index of waiting jobs, so that its cost depends on how many lines there
are and how many jobs are taken, never on how many wait.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from abaca.backend import MOST_PARKED
from abaca.backends.sqlite.limits import Gate, limit_of_queue, next_refill, refill, settings_of
from abaca.backends.sqlite.rows import job_of, limits_of, read_alone
from abaca.backends.sqlite.tx import Tx, pack
from abaca.model import Job, Lease, Limit, Want, job_topic

_ABOVE_ALL = 1 << 62
_Named = tuple[bytes, int]
"""A job by its id, and by its number in this file."""


_Head = tuple[int, bytes, int, int, str | None, str]
"""A due job: when it was due, id, number, bytes of its arguments, options with limits, lane."""


class Claimed(NamedTuple):
    """The jobs, and when none was due, the instant at which the first of them will be (``None``: none waits)."""

    jobs: list[Job]
    next_due: int | None = None


class _Line(NamedTuple):
    priority: int
    lane: str
    due_at: int


def claim(tx: Tx, want: Want, lease: Lease) -> Claimed:
    refill(tx)
    taken = _Taken(tx, want)
    for queue in dict.fromkeys(want.queues):
        if not taken.take_queue(queue):
            break
    taken.gate.close()
    if not taken.picked:
        times = (taken.next_due, next_refill(tx))
        return Claimed([], min((at for at in times if at is not None), default=None))
    jobs = lease_jobs(tx, taken.picked, lease)
    tx.hints += [(job_topic(job.spec.id), None) for job in jobs]
    return Claimed(jobs)


class _Taken:
    """What one claim has picked so far."""

    def __init__(self, tx: Tx, want: Want) -> None:
        self.picked: list[_Named] = []
        self.next_due: int | None = None
        self.gate = Gate(tx)
        self._tx = tx
        self._free = {lane: slots for lane, slots in want.slots.items() if slots > 0}
        self._bytes_left = want.max_bytes

    def take_queue(self, queue: str) -> bool:
        """Pick what fits of one queue; ``False`` when nothing more fits at all."""
        settings = settings_of(self._tx, queue)
        if settings.paused:
            return True
        shared = limit_of_queue(queue, settings)
        for lines in self._by_priority(queue):
            due = [line for line in lines if line.due_at <= self._tx.now]
            self._note_due(lines)
            if due and not self._take_lines(queue, due, shared):
                return False
        return self._has_room

    @property
    def _has_room(self) -> bool:
        return bool(self._free) and self._bytes_left > 0 and self.gate.parked < MOST_PARKED

    def _by_priority(self, queue: str) -> Iterator[list[_Line]]:
        """The queue's lines with a free slot, those of one priority together, higher first."""
        together: list[_Line] = []
        after = _Line(_ABOVE_ALL, "", 0)
        while self._free and (found := self._tx.rows("next_line", queue=queue, priority=after[0], lane=after[1])):
            after = _Line(*found[0])
            if together and together[0].priority != after.priority:
                yield together
                together = []
            if after.lane in self._free:
                together.append(after)
        if together:
            yield together

    def _note_due(self, lines: list[_Line]) -> None:
        first = min(line.due_at for line in lines)
        self.next_due = first if self.next_due is None else min(first, self.next_due)

    def _take_lines(self, queue: str, lines: list[_Line], shared: tuple[Limit, ...]) -> bool:
        """Pick from lines of one priority, in order of due time and id across them."""
        parked: Counter[str] = Counter()
        heads = [self._heads(queue, line, parked) for line in lines]
        for _, id, n, size, options, lane in heads[0] if len(heads) == 1 else heapq.merge(*heads):
            if lane not in self._free:
                continue
            if not self._has_room:
                return False
            if (shared or options is not None) and not self.gate.lets_start(n, id, (*shared, *limits_of(options))):
                parked[lane] += 1
                continue
            self.picked.append((id, n))
            self._bytes_left -= size
            self._free[lane] -= 1
            if not self._free[lane]:
                del self._free[lane]
        return self._has_room

    def _heads(self, queue: str, line: _Line, parked: Counter[str]) -> Iterator[_Head]:
        """The due jobs of a line in order, read as far as there are free slots, and on where some were parked."""
        past = 0
        while slots := self._free.get(line.lane, 0):
            rows = self._tx.rows(
                "take",
                queue=queue,
                priority=line.priority,
                lane=line.lane,
                now=self._tx.now,
                limit=slots,
                past=past,
            )
            before = parked[line.lane]
            for due_at, id, n, size, options in rows:
                yield due_at, id, n, size, options, line.lane
            if len(rows) < slots:
                return
            past += len(rows) - (parked[line.lane] - before)


def lease_jobs(tx: Tx, named: Sequence[_Named], lease: Lease) -> list[Job]:
    """Make jobs RUNNING under ``lease``, and answer them as they are then, in the order given."""
    numbers = pack([n for _, n in named])
    tx.run("claim", jobs=numbers, worker=lease.worker, lease_ms=lease.ms, now=tx.now)
    try:
        rows = tx.rows("rows_by_number", jobs=numbers)
    except UnicodeDecodeError:  # one of them holds text that is none: find out which
        found = (read_alone(tx, id.hex()) for id, _ in named)
        return [job for job in found if job is not None]
    return [job_of(row, tx.now) for row in rows]


def reclaim(tx: Tx, limit: int, lease: Lease) -> list[Job]:
    tx.run("clip_leases", now=tx.now)
    named = tx.rows("lapsed", now=tx.now, limit=limit)
    return lease_jobs(tx, [(id, n) for id, n in named], lease) if named else []
