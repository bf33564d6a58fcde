"""Recounts the memory store's lines, keys and totals from its rows; with ``repair`` it mends them."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

from abaca.backends.memory.edges import Edges
from abaca.backends.memory.keys import Keys, must_hold
from abaca.backends.memory.rows import Row
from abaca.backends.memory.totals import Totals
from abaca.backends.memory.waiting import Waiting
from abaca.model import Fault, FaultKind, State

_PIECE = 1000
"""How many rows or entries are judged under one hold of the lock."""


@dataclass(slots=True, kw_only=True)
class Audit:
    """One audit. Rows are judged and mended in pieces, each under the store's lock."""

    rows: dict[str, Row]
    waiting: Waiting
    edges: Edges
    keys: Keys
    totals: Totals
    lock: threading.RLock
    now: Callable[[], int]
    repair: bool
    faults: list[Fault] = field(default_factory=list)

    async def run(self) -> list[Fault]:
        with self.lock:
            before = Totals(dict(self.totals.ended), Counter(self.totals.gone))
        counted: Counter[State] = Counter()
        await self._each(self.rows, lambda id: counted.update(self._judge_row(id)))
        await self._each(self.waiting.lines, self._judge_place)
        await self._each(self.edges, self._judge_edges)
        await self._each(self.keys, self._judge_key)
        await self._each(self.waiting.buckets, self._judge_bucket)
        with self.lock:
            for state in self.totals.ended:
                self._judge_total(state, counted[state], before)
        return self.faults

    async def _each(self, names: Iterable[str], judge: Callable[[str], object]) -> None:
        """Judge all that are there now, in pieces; each name is judged by what is true at that moment."""
        with self.lock:
            found = list(names)
        for first in range(0, len(found), _PIECE):
            with self.lock:
                for name in found[first : first + _PIECE]:
                    judge(name)
            await asyncio.sleep(0)

    def _found(self, kind: FaultKind, id: str, detail: str, mend: Callable[[], object] | None) -> None:
        mended = self.repair and mend is not None
        if mended and mend is not None:
            mend()
            self.totals.repaired += 1
        self.faults.append(Fault(kind=kind, id=id, detail=detail, repaired=mended))

    def _judge_row(self, id: str) -> tuple[State, ...]:
        """Also answers the state, for the recount."""
        row, now = self.rows.get(id), self.now()
        if row is None:
            return ()
        if row.state is State.WAITING:
            self._judge_parents(row)
        if row.state is State.WAITING and not self.waiting.stands(row):
            detail = f"it waits in queue {row.spec.queue!r} and does not stand in its line at its due time"
            self._found(FaultKind.WAITING_NOT_IN_LINE, id, detail, lambda: self.waiting.enter(row))
        elif row.state is State.RUNNING and row.lease_until is None:
            detail = f"it runs at epoch {row.epoch} and has no lease, so that nobody would take it from a dead worker"
            self._found(FaultKind.RUNNING_WITHOUT_LEASE, id, detail, lambda: setattr(row, "lease_until", now))
        elif row.state.ended and row.ended_at is None:
            detail = f"it is {row.state.name} and has no time at which it leaves"
            self._found(FaultKind.ENDED_NOT_EXPIRING, id, detail, lambda: setattr(row, "ended_at", now))
        key = row.spec.key
        if key is not None and must_hold(row) and self.keys.holder(key, now) != id:
            self._judge_holder(row, key)
        return (row.state,)

    def _judge_parents(self, row: Row) -> None:
        """A job counts what its edges give; a parent that has no edge was unknown, or has been deleted since."""
        if not (row.open_parents or row.unmet):
            return
        opened, unmet = self.edges.recount(row)
        gone = sum(row.spec.id not in self.edges.of_parent(parent) for parent in row.spec.parents)
        if row.open_parents != opened or not unmet <= row.unmet <= unmet + gone:
            detail = (
                f"it waits for {row.open_parents} parents with {row.unmet} unmet; "
                f"a recount gives {opened} and {unmet}, with {gone} gone"
            )
            self._found(FaultKind.PARENTS, row.spec.id, detail, lambda: self._count_anew(row))

    def _count_anew(self, row: Row) -> None:
        self.waiting.leave(row)
        self.edges.count(row)
        self.waiting.enter(row)

    def _judge_edges(self, parent: str) -> None:
        for id in list(self.edges.of_parent(parent)):
            child = self.rows.get(id)
            if child is None or child.state.ended or parent not in child.spec.parents:
                detail = f"an edge leads from job {parent} to it, and it does not wait for that"
                self._found(FaultKind.EDGE_WITHOUT_JOB, id, detail, partial(self.edges.remove, parent, id))
            elif parent not in self.rows:
                detail = f"an edge leads to it from job {parent}, which is unknown"
                self._found(FaultKind.EDGE_WITHOUT_JOB, id, detail, partial(self.edges.remove, parent, id))

    def _judge_holder(self, row: Row, key: str) -> None:
        other = self.keys.holder(key, self.now())
        free = other is None or not self._holds(other, key)
        detail = f"it is live and does not hold its key {key!r}" + ("" if free else f", which job {other} holds")
        take = (lambda: self.keys.take(row.spec, self.now())) if free else None
        self._found(FaultKind.HOLDER_WITHOUT_KEY, row.spec.id, detail, take)

    def _holds(self, id: str, key: str) -> bool:
        row = self.rows.get(id)
        return row is not None and not row.state.ended and row.spec.key == key

    def _judge_place(self, id: str) -> None:
        line, row = self.waiting.lines.line_of(id), self.rows.get(id)
        if line is None or (row is not None and row.state is State.WAITING and not row.open_parents):
            return  # it left meanwhile, or its row was judged with its place
        waits = "waits for its parents"
        what = "is unknown" if row is None else waits if row.state is State.WAITING else f"is {row.state.name}"
        detail = f"it stands in the line of queue {line.queue!r}, and the job {what}"
        self._found(FaultKind.LINE_WITHOUT_JOB, id, detail, lambda: self.waiting.lines.remove(id))

    def _judge_key(self, key: str) -> None:
        id = self.keys.holder(key, self.now())
        if id is not None and not self.keys.for_a_period(key) and not self._holds(id, key):
            detail = f"it is held in the name of job {id}, which is no live job with this key"
            self._found(FaultKind.KEY_WITHOUT_HOLDER, key, detail, lambda: self.keys.drop(key))

    def _judge_bucket(self, bucket: str) -> None:
        """Running jobs hold permits, and nobody else."""
        for id in sorted(self.waiting.buckets.holders(bucket)):
            row = self.rows.get(id)
            if row is None or row.state is not State.RUNNING or bucket not in row.permits:
                detail = f"it holds a permit of the bucket {bucket!r} and does not run"
                mend = partial(self.waiting.give_back, id, bucket)
                self._found(FaultKind.PERMIT_WITHOUT_RUN, id, detail, mend)

    def _judge_total(self, state: State, counted: int, before: Totals) -> None:
        """Jobs end and leave while others are counted, so the recount has bounds; without traffic they are equal."""
        total, gone = self.totals.ended[state], self.totals.gone[state]
        lowest, highest = before.ended[state] - gone, total - before.gone[state]
        if lowest <= counted <= highest:
            return
        detail = f"the total is {total}, a recount gives {counted + gone}"
        quiet = (total, gone) == (before.ended[state], before.gone[state])
        name = f"totals.{state.name.lower()}"
        mend = (lambda: self.totals.ended.__setitem__(state, counted + gone)) if quiet else None
        self._found(FaultKind.COUNT, name, detail, mend)
