"""Whether a queue takes one more job: the measured pace of its claims, and what a refusal says."""

from __future__ import annotations

from typing import NamedTuple

from abaca.backend import SLICE_MS
from abaca.model import Inserted, Receipt, full_queue, slow_queue

_SLICE_US = SLICE_MS * 1000


class Pace(NamedTuple):
    """What is counted of a queue's claims: in the slice of the latest, and in the one before it.

    ``claims`` are jobs, ``busy_us`` is how long jobs waited for them that were due. ``last_at`` is when the latest was.
    """

    slice: int = 0
    claims: int = 0
    busy_us: int = 0
    claims_before: int = 0
    busy_us_before: int = 0
    last_at: int = 0

    def at(self, now: int) -> Pace:
        """The same, seen from a slice in which nothing may have been claimed yet."""
        present = now // _SLICE_US
        if present == self.slice:
            return self
        if present == self.slice + 1:
            return Pace(present, 0, 0, self.claims, self.busy_us, self.last_at)
        return Pace(present, 0, 0, 0, 0, self.last_at)

    def after_claims(self, now: int, claims: int, oldest_due: int) -> Pace:
        """Once so many jobs were claimed in one act, the first of which was due at ``oldest_due``."""
        pace = self.at(now)
        waited = max(0, now - max(pace.last_at, oldest_due)) if pace.claims + pace.claims_before else 0
        return pace._replace(claims=pace.claims + claims, busy_us=pace.busy_us + waited, last_at=now)

    def wait_ms(self, now: int, due: int, oldest_due: int) -> int:
        """How long a new job would wait behind ``due`` others, of which the first was due at ``oldest_due``."""
        if not due:
            return 0
        pace = self.at(now)
        claims = pace.claims + pace.claims_before
        if not claims:
            return max(0, now - oldest_due) // 1000
        busy_us = pace.busy_us + pace.busy_us_before + max(0, now - max(pace.last_at, oldest_due))
        return due * busy_us // (claims * 1000)


def refused(id: str, queue: str, wait_ms: int, most: int, *, too_long: bool, again: bool) -> Receipt:
    """The receipt of a job that a full queue does not take: ``too_long`` as its maximal length is, or by its wait."""
    reason = full_queue(queue, most) if too_long else slow_queue(queue, wait_ms, most)
    return Receipt(id=id, outcome=Inserted.REFUSED, reason=reason, wait_ms=wait_ms, again=again)
