"""Whose turn it is: the tenants of one queue and priority, by stride scheduling."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from abaca.backends.sqlite.lines import Head, Line, Reader, TenantLine
from abaca.backends.sqlite.tx import Tx
from abaca.model import turn_of

_ABOVE_ALL = 1 << 62
_Entry = tuple[int, int, bytes, str]
"""When a tenant comes, its first due job (when that was due, and its id), and who it is."""


class Turns:
    """The order in which the ordinary lines of one priority are served when several tenants wait there.

    ``free`` are the lanes with free slots; ``gone`` tells jobs, by number, that are claimed or parked already.
    """

    def __init__(
        self, tx: Tx, queue: str, priority: int, weights: dict[str, int], free: dict[str, int], gone: set[int]
    ) -> None:
        self._tx = tx
        self._place: dict[str, Any] = {"queue": queue, "priority": priority}
        self._weights = weights
        self._free = free
        self._gone = gone
        found = tx.rows("turn_time", **self._place)
        self._time: int = found[0][0] if found else 0
        self._passes: dict[str, int] = dict(tx.rows("passes", **self._place)) if found else {}
        self._changed: set[str] = set()
        self._known = bool(found)
        self._dropped = False
        self._tenants: dict[str, list[TenantLine]] = defaultdict(list)
        self._stay: set[str] = set()
        self._heap: list[_Entry] = []
        self.next_due: int | None = None

    def heads(self, reader: Reader, lines: Sequence[Line], parked: Sequence[str]) -> Iterator[Head]:
        """The jobs in their order. Each is to be claimed, parked or passed over before the next is asked for.

        ``parked`` are tenants with jobs that are parked out of these lines.
        """
        self._stay.update(parked)
        for line in lines:
            if line.lane in self._free:
                for tenant, own in reader.of_tenants(line).items():
                    self._tenants[tenant].append(own)
            else:
                self._stay.update((line.tenant, line.last))
        for tenant in self._tenants:
            self._push(tenant)
        while self._heap:
            _, at, id, tenant = heapq.heappop(self._heap)
            head = self._first(tenant)
            if head is not None and head[:2] == (at, id):
                yield head
            if head is not None:
                self._push(tenant)

    def on_claim(self, tenant: str) -> None:
        """The job that was asked for last is claimed."""
        if not self._heap and self._stay <= {tenant}:
            self._time, self._passes = 0, {}
            self._changed.clear()
            self._dropped = True
            return
        self._time = max(self._time, self._passes.get(tenant, 0))
        self._passes[tenant] = self._time + turn_of(self._weights, tenant)
        self._changed.add(tenant)

    def on_park(self, tenant: str) -> None:
        """A job of the tenant left its line for a bucket, where it still waits."""
        self._stay.add(tenant)

    def look_again(self) -> None:
        """Jobs went out of turn: leave out those who have none any more."""
        tenants = [entry[-1] for entry in self._heap]
        self._heap = []
        for tenant in tenants:
            self._push(tenant)

    def save(self) -> None:
        if self._dropped and self._known:
            forget(self._tx, **self._place)
        if self._changed:
            self._tx.run("put_turn_time", **self._place, time=self._time)
            rows = [(*self._place.values(), tenant, self._passes[tenant]) for tenant in self._changed]
            self._tx.many("put_pass", rows)
            self._tx.run("drop_passes", **self._place, time=self._time)

    def _push(self, tenant: str) -> None:
        head = self._first(tenant)
        if head is not None:
            comes_at = max(self._time, self._passes.get(tenant, 0))
            heapq.heappush(self._heap, (comes_at, *head[:2], tenant))

    def _first(self, tenant: str) -> Head | None:
        """The tenant's first job that is due in a free lane."""
        firsts: list[Head] = []
        for own in self._tenants[tenant]:
            head = own.first(self._gone.__contains__)
            if head is None:
                continue
            if head[0] <= self._tx.now and own.line.lane in self._free:
                firsts.append(head)
                continue
            self._stay.add(tenant)
            if self.next_due is None or head[0] < self.next_due:
                self.next_due = head[0]
        return min(firsts, default=None, key=lambda head: head[:2])


def forget(tx: Tx, queue: str, priority: int) -> None:
    """A lone tenant was served: what is known of the turns means nothing any more."""
    tx.run("drop_turns", queue=queue, priority=priority)
    tx.run("drop_passes", queue=queue, priority=priority, time=_ABOVE_ALL)
