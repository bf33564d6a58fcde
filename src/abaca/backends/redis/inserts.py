"""Inserts made at the same moment travel together."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from abaca.backend import MAX_BATCH, MAX_BATCH_BYTES, MAX_PARENTS
from abaca.backends.admission import refused
from abaca.backends.redis.keys import SERVED_PARTITION
from abaca.backends.redis.requests import pack_new
from abaca.backends.redis.server import Server
from abaca.backends.search import unknown_parent
from abaca.model import Inserted, Keep, NewJob, Receipt

_SERVED = f"{SERVED_PARTITION:02x}"
_INSERTED, _KNOWN, _HELD, _REFUSED, _REPLACED, _PASSED, _ORPHAN = b"0123456"
_BY_LENGTH = b"l"
_CANCEL_KEEP = Keep().cancelled_ms
_LARGE = 100
"""A call of so many jobs travels by itself: waiting a turn for others would gain nothing."""
_EDGE_BYTES = MAX_BATCH_BYTES // MAX_PARENTS
"""What an edge counts as, so that one call makes no more of them than one job may have."""


@dataclass(slots=True, eq=False)
class _Call:
    jobs: list[NewJob]
    words: list[bytes]
    size: int
    receipts: asyncio.Future[list[Receipt]]


class Inserts:
    """Calls of one turn of the event loop become one script call, as far as the limits of a batch allow."""

    def __init__(self, server: Server, base: bytes) -> None:
        self._server = server
        self._base = base
        self._calls: list[_Call] = []
        self._jobs = self._bytes = 0
        self._sending: set[asyncio.Task[None]] = set()

    async def insert(self, jobs: Sequence[NewJob], now: bytes) -> list[Receipt]:
        edges = sum([len(job.parents) for job in jobs if job.after])
        if edges > MAX_PARENTS and len(jobs) > 1:
            half = len(jobs) // 2
            return await self.insert(jobs[:half], now) + await self.insert(jobs[half:], now)
        loop = asyncio.get_running_loop()
        served = [job for job in jobs if not is_foreign(job)]
        words = [word for job in served for word in pack_new(job)]
        size = sum(map(len, words)) + _EDGE_BYTES * edges
        call = _Call(served, words, size, loop.create_future())
        if len(served) >= _LARGE and not self._calls and not self._sending:
            await self._send([call], now)  # nothing to wait for, and it leaves in this turn of the loop
            return _in_order(jobs, await call.receipts)
        if self._calls and (self._jobs + len(served) > MAX_BATCH or self._bytes + size > MAX_BATCH_BYTES):
            self._flush(now)
        if not self._calls:
            loop.call_soon(self._flush, now)
        self._calls.append(call)
        self._jobs += len(served)
        self._bytes += size
        return _in_order(jobs, await call.receipts)

    async def submit(self, server: Server, before: Sequence[Sequence[bytes]], job: NewJob, now: bytes) -> Receipt:
        """One job at once, over another connection, behind commands whose answers are pushed."""
        outcomes, *holders = await server.run("insert", self._base, now, _CANCEL_KEEP, *pack_new(job), before=before)
        return _receipt(job, outcomes[0], iter(holders))

    def _flush(self, now: bytes) -> None:
        calls, self._calls = self._calls, []
        self._jobs = self._bytes = 0
        if calls:
            task = asyncio.create_task(self._send(calls, now))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _send(self, calls: list[_Call], now: bytes) -> None:
        try:
            words = [word for call in calls for word in call.words]
            outcomes, *holders = await self._server.run("insert", self._base, now, _CANCEL_KEEP, *words)
        except BaseException as error:
            for call in calls:
                if not call.receipts.done():
                    call.receipts.set_exception(error)
            if not isinstance(error, Exception):
                raise
            return
        held = iter(holders)
        each = iter(outcomes)
        for call in calls:
            receipts = [_receipt(job, next(each), held) for job in call.jobs]
            if not call.receipts.done():
                call.receipts.set_result(receipts)


def _in_order(jobs: Sequence[NewJob], receipts: list[Receipt]) -> list[Receipt]:
    """Receipts for all of ``jobs``, those that were not sent included."""
    if len(receipts) == len(jobs):
        return receipts
    rest = iter(receipts)
    return [_refused(job) if is_foreign(job) else next(rest) for job in jobs]


def _receipt(job: NewJob, outcome: int, held: Iterator[bytes]) -> Receipt:
    if outcome == _INSERTED:
        return Receipt(id=job.id, outcome=Inserted.INSERTED)
    if outcome == _KNOWN:
        return Receipt(id=job.id, outcome=Inserted.KNOWN)
    if outcome == _PASSED:
        return Receipt(id=job.id, outcome=Inserted.PASSED)
    if outcome == _REFUSED:
        return _full(job, next(held))
    if outcome == _ORPHAN:
        parent = job.parents[int(next(held)) - 1]
        reason = unknown_parent(parent, job.id)
        return Receipt(id=job.id, outcome=Inserted.REFUSED, reason=reason)
    return Receipt(id=next(held).hex(), outcome=Inserted.HELD if outcome == _HELD else Inserted.REPLACED)


def _full(job: NewJob, told: bytes) -> Receipt:
    limit, most, wait_ms, again = told.split()
    too_long = limit == _BY_LENGTH
    return refused(job.id, job.queue, int(wait_ms), int(most), too_long=too_long, again=again == b"1")


def is_foreign(job: NewJob) -> bool:
    return job.id[-2:] != _SERVED


def _refused(job: NewJob) -> Receipt:
    reason = f"the id's last byte names partition {job.id[-2:]}; this store has one, {_SERVED}"
    return Receipt(id=job.id, outcome=Inserted.REFUSED, reason=reason)
