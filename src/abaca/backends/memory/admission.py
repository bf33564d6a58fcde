"""Whether a queue takes one more job, and which of its jobs would make room."""

from __future__ import annotations

from abaca.backend import MOST_LOWER
from abaca.backends.admission import Pace, refused
from abaca.backends.memory.rows import Row
from abaca.backends.memory.waiting import Waiting
from abaca.model import NewJob, Overflow, Receipt


class Admission:
    """Judges new jobs by what waits, and by the pace of claims."""

    def __init__(self, rows: dict[str, Row], waiting: Waiting) -> None:
        self._rows = rows
        self._waiting = waiting

    def refusal(self, new: NewJob, now: int) -> Receipt | None:
        """What a job is answered whose queue is full; ``None`` where it is not."""
        settings = self._waiting.settings(new.queue)
        if not settings.bounded:
            return None
        length = sum(line.queue == new.queue for line in self._waiting.everyone())
        too_long = settings.max_length is not None and length >= settings.max_length
        if not too_long and settings.max_wait_ms is None:
            return None
        wait_ms = self._wait_ms(new.queue, now)
        if not too_long and wait_ms <= (settings.max_wait_ms or 0):
            return None
        most, again = settings.max_length if too_long else settings.max_wait_ms, settings.overflow is Overflow.WAIT
        return refused(new.id, new.queue, wait_ms, most or 0, too_long=too_long, again=again)

    def _wait_ms(self, queue: str, now: int) -> int:
        standing = (place.due_at for line, place in self._waiting.lines.waiting() if line.queue == queue)
        parked = (place.at for _, line, place in self._waiting.buckets.parked() if line.queue == queue)
        due = [*(at for at in standing if at <= now), *parked]
        return self._waiting.paces.get(queue, Pace()).wait_ms(now, len(due), min(due, default=now))

    def lower(self, new: NewJob) -> Row | None:
        """The job that a new one takes the place of, where the full queue sheds and there is one."""
        if self._waiting.settings(new.queue).overflow is not Overflow.SHED:
            return None
        standing = [
            (-line.priority, place.due_at, place.id)
            for line, place in self._waiting.lines.waiting()
            if line.queue == new.queue and line.priority < new.priority
        ]
        standing.sort(reverse=True)
        rows = (self._rows[id] for *_, id in standing[:MOST_LOWER])
        return next((row for row in rows if not row.epoch), None)
