"""Claims: the second half of ``exchange``, and ``reclaim``.

A claim walks the lines of a queue along the index of waiting jobs, so that its cost depends on how many lines there
are and how many jobs are taken, never on how many wait. What most stores have none of (deadlines, turns, parked jobs)
is asked for once, by one statement.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from abaca.backend import MOST_PARKED
from abaca.backends.sqlite.admission import count_claims
from abaca.backends.sqlite.aging import Aging
from abaca.backends.sqlite.limits import Gate, limit_of_queue, next_refill, refill, settings_of
from abaca.backends.sqlite.lines import Head, Level, Line, Reader, Row
from abaca.backends.sqlite.rows import job_of, limits_of, read_alone
from abaca.backends.sqlite.turns import Turns, forget
from abaca.backends.sqlite.tx import Tx, pack
from abaca.model import Job, Lease, QueueSettings, Want, job_topic


class Claimed(NamedTuple):
    """The jobs, and when none was due, the instant at which the first of them will be (``None``: none waits)."""

    jobs: list[Job]
    next_due: int | None = None


class _Facts(NamedTuple):
    """What ``claim_facts.sql`` answers: 0 for what the store has none of."""

    refills: int
    parked: int
    dated: int
    turns: int
    tasks: int


def claim(tx: Tx, want: Want, lease: Lease) -> Claimed:
    facts = _Facts(*tx.rows("claim_facts")[0])
    if facts.refills:
        refill(tx)
        facts = _Facts(*tx.rows("claim_facts")[0])
    taken = _Taken(tx, want, lease, facts)
    counted: list[tuple[str, slice]] = []
    for queue in dict.fromkeys(want.queues):
        settings, before = settings_of(tx, queue), len(taken.picked)
        goes_on = settings.paused or _Queue(taken, queue, settings).take()
        if settings.bounded and len(taken.picked) > before:
            counted.append((queue, slice(before, len(taken.picked))))
        if not goes_on:
            break
    taken.gate.close()
    if not taken.picked:
        times = (taken.next_due, next_refill(tx))
        return Claimed([], min((at for at in times if at is not None), default=None))
    taken.lease_rest()
    jobs = _leased(tx, [job[2] for job in taken.picked], (job[1] for job in taken.picked))
    for queue, which in counted:
        count_claims(tx, queue, jobs[which])
    tx.hints += [(job_topic(job.spec.id), None) for job in jobs]
    return Claimed(jobs)


class _Taken:
    """What one claim has picked so far."""

    def __init__(self, tx: Tx, want: Want, lease: Lease, facts: _Facts) -> None:
        self.tx = tx
        self.facts = facts
        self.picked: list[Row | Head] = []
        self.gone: set[int] = set()
        self.next_due: int | None = None
        self.gate = Gate(tx)
        self.free = {lane: slots for lane, slots in want.slots.items() if slots > 0}
        self._lease = lease
        self._leased = 0
        self.bytes_left = want.max_bytes

    @property
    def has_room(self) -> bool:
        return bool(self.free) and self.bytes_left > 0 and self.gate.parked < MOST_PARKED

    def note_due(self, at: int) -> None:
        self.next_due = at if self.next_due is None else min(at, self.next_due)

    def fill(self, lane: str, jobs: int, size: int) -> None:
        """So many jobs, of so many bytes, were picked for a lane."""
        self.bytes_left -= size
        self.free[lane] -= jobs
        if not self.free[lane]:
            del self.free[lane]

    def lease_rest(self) -> None:
        """Make what is picked RUNNING, so that nothing finds it in its line any more."""
        rest = [job[2] for job in self.picked[self._leased :]]
        self._leased = len(self.picked)
        _lease(self.tx, rest, self._lease, dated=bool(self.facts.dated))


class _Queue:
    """One queue, while a claim takes from it."""

    def __init__(self, taken: _Taken, queue: str, settings: QueueSettings) -> None:
        self._taken = taken
        self._tx = taken.tx
        self._queue = queue
        self._settings = settings
        self._shared = limit_of_queue(queue, settings)
        self._is_limited = bool(self._shared or taken.facts.tasks)
        self._reader = Reader(taken.tx, queue)
        self._aging: Aging | None = None
        if settings.aging:
            self._aging = Aging(taken.tx, queue, self._reader, taken.free, taken.gone)

    def take(self) -> bool:
        """Pick what fits; ``False`` when nothing more fits at all."""
        for level in self._reader.levels(dated=bool(self._taken.facts.dated), ahead=self._aging is None):
            if not self._taken.free:
                break
            self._take_merged(level, level.dated)
            if not self._taken.has_room or not self._take_ordinary(level):
                break
        if self._aging is not None:
            self._aging.save()
        return self._taken.has_room

    def _take_merged(self, level: Level, lines: Sequence[Line]) -> bool:
        """Pick from lines in order across them; answers whether any was picked that did not come for its age."""
        free = self._taken.free
        served = [line for line in lines if line.lane in free]
        for line in served:
            self._taken.note_due(line.due_at)
        due = [line for line in served if line.due_at <= self._tx.now]
        if len(due) == 1 and self._aging is None:
            return self._take_line(due[0])
        claimed = False
        for head in heapq.merge(*(self._reader.due(line, free) for line in due)):
            claimed = self._take_next(head, level, None) or claimed
            if not self._taken.has_room:
                break
        return claimed

    def _take_line(self, line: Line) -> bool:
        """The same for one line in whose order nothing else has a say: what most claims are."""
        taken, picked = self._taken, self._taken.picked
        before = len(picked)
        for rows in self._reader.stretches(line, taken.free):
            first, left = len(picked), taken.bytes_left
            for row in rows:
                if left <= 0 or taken.gate.parked >= MOST_PARKED:
                    break
                if (row[4] is None and not self._is_limited) or self._lets_start(row):
                    picked.append(row)
                    left -= row[3]
            taken.fill(line.lane, len(picked) - first, taken.bytes_left - left)
            if not taken.has_room:
                break
        return len(picked) > before

    def _take_ordinary(self, level: Level) -> bool:
        """Pick from the ordinary lines of a level; ``False`` when nothing more fits at all."""
        tenants = {tenant for line in level.ordinary for tenant in (line.tenant, line.last)}
        if tenants:
            tenants.update(self._parked(level))
        if len(tenants) > 1:
            self._take_by_turns(level)
        elif self._take_merged(level, level.ordinary) and self._taken.facts.turns:
            forget(self._tx, self._queue, level.priority)
        return self._taken.has_room

    def _parked(self, level: Level) -> Sequence[str]:
        """The first and the last tenant with jobs that are parked out of these lines."""
        if not (self._taken.facts.parked or self._taken.gate.parked):
            return ()
        ((first, last),) = self._tx.rows("parked_tenants", queue=self._queue, priority=level.priority)
        return () if first is None else (first, last)

    def _take_by_turns(self, level: Level) -> None:
        free, gone = self._taken.free, self._taken.gone
        turns = Turns(self._tx, self._queue, level.priority, self._settings.weights, free, gone)
        for head in turns.heads(self._reader, level.ordinary, self._parked(level)):
            self._take_next(head, level, turns)
            if not self._taken.has_room:
                break
        turns.save()
        if turns.next_due is not None:
            self._taken.note_due(turns.next_due)

    def _take_next(self, head: Head, level: Level, turns: Turns | None) -> bool:
        """Take the job that comes next, after those whose age comes first; answers whether it was picked."""
        taken = self._taken
        if self._aging is not None:
            self._take_aged(self._aging, level, turns)
        line = head[-1]
        if not taken.has_room or line.lane not in taken.free or head[2] in taken.gone:
            return False
        if not self._start(head):
            if turns is not None:
                turns.on_park(line.tenant)
            return False
        if self._aging is not None:
            self._aging.on_claim()
        if turns is not None:
            turns.on_claim(line.tenant)
        return True

    def _take_aged(self, aging: Aging, level: Level, turns: Turns | None) -> None:
        while aging.is_due and self._taken.has_room:
            head = aging.oldest(dated=bool(self._taken.facts.dated))
            if head is None:
                return
            line = head[-1]
            if self._start(head):
                aging.on_claim()
                self._taken.lease_rest()
            elif turns is not None and line.priority == level.priority and not line.dated:
                turns.on_park(line.tenant)
            if turns is not None:
                turns.look_again()

    def _start(self, head: Head) -> bool:
        """Pick the job, or park it where a limit says so."""
        self._taken.gone.add(head[2])
        if not self._lets_start(head):
            return False
        self._taken.picked.append(head)
        self._taken.fill(head[-1].lane, 1, head[3])
        return True

    def _lets_start(self, job: Row | Head) -> bool:
        """Whether no limit of the queue, of the task or of the job itself is in its way; otherwise it is parked."""
        gate, n = self._taken.gate, job[2]
        of_task = gate.limit_of_task(n) if self._taken.facts.tasks else ()
        limits = (*self._shared, *of_task, *limits_of(job[4]))
        return not limits or gate.lets_start(n, job[1], limits)


def _lease(tx: Tx, numbers: Sequence[int], lease: Lease, *, dated: bool = False) -> None:
    """Make jobs RUNNING under ``lease``. ``dated``: some may come from a line of deadlines."""
    jobs = pack(numbers)
    if dated:
        tx.run("count_late", jobs=jobs, now=tx.now)
        tx.run("start_dated", jobs=jobs)
    tx.run("claim", jobs=jobs, worker=lease.worker, lease_ms=lease.ms, now=tx.now)


def _leased(tx: Tx, numbers: Sequence[int], ids: Iterable[bytes]) -> list[Job]:
    """The jobs as they are now, in the order given."""
    try:
        rows = tx.rows("rows_by_number", jobs=pack(numbers))
    except UnicodeDecodeError:  # one of them holds text that is none: find out which
        found = (read_alone(tx, id.hex()) for id in ids)
        return [job for job in found if job is not None]
    return [job_of(row, tx.now) for row in rows]


def reclaim(tx: Tx, limit: int, lease: Lease) -> list[Job]:
    tx.run("clip_leases", now=tx.now)
    lapsed = tx.rows("lapsed", now=tx.now, limit=limit)
    if not lapsed:
        return []
    numbers = [n for _, n in lapsed]
    _lease(tx, numbers, lease)
    return _leased(tx, numbers, (id for id, _ in lapsed))
