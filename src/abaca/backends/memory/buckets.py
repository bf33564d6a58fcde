"""Permits and rates by bucket, and the jobs that are parked until there is one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from abaca.backend import MOST_PARKED
from abaca.backends.memory.lines import Line, Lines, Place
from abaca.model import Limit


class Buckets:
    """Who holds a permit of which bucket, when its next start is allowed, and who is parked under it."""

    def __init__(self) -> None:
        self._holders: dict[str, set[str]] = {}
        self._full_at: dict[str, int] = {}
        self._refills: dict[str, tuple[int, Limit]] = {}
        self._let_back: set[str] = set()
        self._parked: dict[str, Lines] = {}
        self._tenants: dict[tuple[str, int], Counter[str]] = {}

    def __iter__(self) -> Iterator[str]:
        """The buckets of which somebody holds a permit."""
        return iter(self._holders)

    def holders(self, bucket: str) -> set[str]:
        return self._holders.get(bucket, set())

    def exhausted(self, limits: Sequence[Limit], now: int) -> tuple[Limit, int | None] | None:
        """The first limit that lets no further job start, and when it will where a rate says so."""
        for limit in limits:
            if limit.concurrency is not None and len(self.holders(limit.bucket)) >= limit.concurrency:
                return limit, None
            if limit.rate is not None:
                allowed_at = self._full(limit, now) - limit.interval_us * (limit.burst - 1)
                if allowed_at > now:
                    return limit, allowed_at
        return None

    def _full(self, limit: Limit, now: int) -> int:
        """When the bucket is full again; a clock that stepped back makes that no longer than it can take."""
        return min(self._full_at.get(limit.bucket, 0), now + limit.interval_us * limit.burst)

    def take(self, id: str, limits: Sequence[Limit], now: int) -> tuple[str, ...]:
        """Count a start in every bucket; answers the buckets of which the job holds a permit now."""
        for limit in limits:
            if limit.rate is not None:
                self._full_at[limit.bucket] = max(self._full(limit, now), now) + limit.interval_us
        permits = tuple(limit.bucket for limit in limits if limit.concurrency is not None)
        for bucket in permits:
            self._holders.setdefault(bucket, set()).add(id)
        return permits

    def release(self, id: str, bucket: str) -> None:
        held = self._holders.get(bucket, set())
        held.discard(id)
        if not held:
            self._holders.pop(bucket, None)

    def park(self, line: Line, place: Place, limit: Limit, refill_at: int | None) -> None:
        self._parked.setdefault(limit.bucket, Lines()).add(line, place)
        if not line.dated:
            self._tenants.setdefault((line.queue, line.priority), Counter())[line.tenant] += 1
        self._let_back.discard(limit.bucket)
        if refill_at is not None:
            self._refills[limit.bucket] = (refill_at, limit)

    def is_parked(self, bucket: str, line: Line, place: Place) -> bool:
        parked = self._parked.get(bucket)
        return parked is not None and parked.stands(line, place)

    def leave(self, id: str, bucket: str) -> None:
        parked = self._parked.get(bucket)
        if parked is not None:
            self._take_away(parked, id)
            self._tidy(bucket, parked)

    def _take_away(self, parked: Lines, id: str) -> None:
        line = parked.line_of(id)
        parked.remove(id)
        if line is not None and not line.dated:
            tenants = self._tenants[line.queue, line.priority]
            tenants[line.tenant] -= 1
            if not tenants[line.tenant]:
                del tenants[line.tenant]
            if not tenants:
                del self._tenants[line.queue, line.priority]

    def hold_another(self, line: Line) -> bool:
        """Whether a job is parked out of an ordinary line of this queue and priority, of another tenant than this."""
        tenants = self._tenants.get((line.queue, line.priority))
        return tenants is not None and (len(tenants) > 1 or line.tenant not in tenants)

    def unpark(self, bucket: str, count: int) -> list[str]:
        """Take away the first ``count`` jobs parked under a bucket, of each queue, lane and kind of line apart.

        Apart, because the first of all may be of a queue that nobody serves just now, or of a tenant that had its turn.
        """
        parked = self._parked.get(bucket)
        if parked is None or count <= 0:
            return []
        freed: list[str] = []
        left: dict[Line, int] = {}
        for line in sorted(parked.lines(), key=lambda line: -line.priority):
            group = line._replace(priority=0)
            while left.get(group, count) > 0 and (head := parked.head(line)) is not None:
                self._take_away(parked, head.id)
                left[group] = left.get(group, count) - 1
                freed.append(head.id)
        self._tidy(bucket, parked)
        return freed

    def let_back(self, bucket: str) -> list[str]:
        """Take away the first jobs because settings changed; if more are left, each ``refill`` goes on with them."""
        freed = self.unpark(bucket, MOST_PARKED)
        if bucket in self._parked:
            self._let_back.add(bucket)
            self._refills.pop(bucket, None)
        return freed

    def refill(self, now: int) -> list[str]:
        """Take away the jobs that were parked until now because of a rate, or until somebody claims."""
        freed = [id for bucket in sorted(self._let_back) for id in self.unpark(bucket, MOST_PARKED)]
        for bucket, (at, limit) in sorted(self._refills.items(), key=lambda item: (item[1][0], item[0])):
            if not now < at <= now + limit.interval_us:  # later than it can take: the clock has stepped back
                freed += self.unpark(bucket, min(limit.burst, max(1, 1 + (now - at) // limit.interval_us), MOST_PARKED))
                if bucket in self._refills:
                    self._refills[bucket] = (now + limit.interval_us, limit)
        return freed

    def next_refill(self) -> int | None:
        """When a claim may find more; an instant long ago where the next one will."""
        if self._let_back:
            return 0
        return min((at for at, _ in self._refills.values()), default=None)

    def parked(self) -> Iterator[tuple[str, Line, Place]]:
        for bucket, lines in self._parked.items():
            for line, place in lines.waiting():
                yield bucket, line, place

    def _tidy(self, bucket: str, parked: Lines) -> None:
        if not any(True for _ in parked):
            del self._parked[bucket]
            self._refills.pop(bucket, None)
            self._let_back.discard(bucket)
