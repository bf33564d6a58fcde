"""The store in an SQLite file: durable without a server, for any number of processes of one machine.

Each verb is one function over a transaction (``tx.py``); this file sends it to the writing or the reading thread.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from functools import partial

import apsw

from abaca.backends.hub import HubWatch
from abaca.backends.search import check_batch, check_new, check_records
from abaca.backends.sqlite import audit as auditing
from abaca.backends.sqlite import beats as heart
from abaca.backends.sqlite import claims, edits, inserts, limits, log, search, settles
from abaca.backends.sqlite import records as shelf
from abaca.backends.sqlite.engine import Engine
from abaca.backends.sqlite.filesystem import filesystem_weaknesses
from abaca.backends.sqlite.rows import read_jobs
from abaca.backends.sqlite.settings import DURABILITY, WEAKNESS, Settings, parse_url
from abaca.backends.sqlite.tx import Tx
from abaca.clock import Clock, SystemClock
from abaca.errors import BackendError, BackendUnavailable
from abaca.model import (
    Amended,
    Beat,
    Cancelled,
    Card,
    Change,
    Exchanged,
    Fault,
    History,
    Job,
    Lease,
    NewJob,
    NewUpdate,
    Page,
    Pulse,
    Query,
    Receipt,
    Record,
    Requeued,
    Settle,
    Stats,
    Verdict,
    Want,
    queue_topic,
)

_LONGEST_WAIT = 1.0
"""Seconds for which a held claim trusts in hints: one from another process may be lost."""


class SqliteBackend:
    """Usable from any thread and any event loop of the process that opened it."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self._engine: Engine | None = None
        self._lock = threading.Lock()
        self._held: set[HubWatch] = set()
        self._unholds = 0

    @property
    def durability(self) -> str:
        return f"sqlite {apsw.sqlite_lib_version()}, {DURABILITY[self._settings.synchronous]}"

    @property
    def weaknesses(self) -> tuple[str, ...]:
        settings = self._settings
        return WEAKNESS[settings.synchronous] + filesystem_weaknesses(settings.path.parent)

    @property
    def engine(self) -> Engine:
        """Raises ``BackendError`` before ``open`` and after ``close``."""
        if self._engine is None:
            raise BackendError(f"SQLite store {self._settings.path} is not open; call open() first")
        return self._engine

    async def open(self) -> None:
        with self._lock:
            if self._engine is None:
                self._engine = Engine(self._settings, self._clock)
            engine = self._engine
        try:
            await engine.opened()
        except Exception:
            with self._lock:
                if self._engine is engine:
                    self._engine = None
            await engine.close()
            raise

    async def close(self) -> None:
        self.unhold()
        with self._lock:
            engine, self._engine = self._engine, None
        if engine is not None:
            await engine.close()

    async def insert(self, jobs: Sequence[NewJob]) -> list[Receipt]:
        check_new(jobs)
        jobs = tuple(jobs)

        def act(tx: Tx) -> list[Receipt]:
            if tx.no_room is not None:
                raise BackendUnavailable(tx.no_room)
            return inserts.insert(tx, jobs)

        return await self.engine.write(act)

    async def exchange(self, done: Sequence[Settle], want: Want | None, lease: Lease) -> Exchanged:
        check_batch(done)
        done = tuple(done)
        generation = self._unholds

        def act(tx: Tx) -> Exchanged:
            verdicts = settles.settle(tx, done)
            return Exchanged(verdicts=verdicts, jobs=claims.claim(tx, want, lease).jobs if want is not None else [])

        answer = await self.engine.write(act)
        if want is not None and want.hold_ms and not answer.jobs:
            return Exchanged(verdicts=answer.verdicts, jobs=await self._hold(want, lease, generation))
        return answer

    async def _hold(self, want: Want, lease: Lease, generation: int) -> list[Job]:
        """Subscribe, then look, then wait for a hint, the next due time, or the end of the hold.

        ``generation`` is of the moment of the call: an ``unhold`` that came since then counts.
        """
        loop = asyncio.get_running_loop()
        ends = loop.time() + want.hold_ms / 1000
        watch = self.engine.watch([queue_topic(queue) for queue in want.queues])
        self._held.add(watch)
        try:
            while generation == self._unholds:
                claimed, now = await self.engine.write(lambda tx: (claims.claim(tx, want, lease), tx.now))
                left = ends - loop.time()
                if claimed.jobs or left <= 0:
                    return claimed.jobs
                until_due = _LONGEST_WAIT if claimed.next_due is None else max(0.0, (claimed.next_due - now) / 1e6)
                await watch.next(min(left, until_due, _LONGEST_WAIT))
            return []
        finally:
            self._held.discard(watch)
            await watch.close()

    def unhold(self) -> None:
        self._unholds += 1
        if self._engine is not None and self._held:
            self._engine.hints.publish_all()

    async def reclaim(self, limit: int, lease: Lease) -> list[Job]:
        return await self.engine.write(partial(claims.reclaim, limit=limit, lease=lease))

    async def beat(self, card: Card | None, beats: Sequence[Beat], lease: Lease) -> list[Pulse]:
        return await self.engine.write(partial(heart.beat, card=card, beats=tuple(beats), lease=lease))

    async def sign_off(self, worker: str) -> None:
        await self.engine.write(lambda tx: tx.run("drop_card", worker=worker))

    async def cancel(self, ids: Sequence[str]) -> list[Cancelled]:
        return await self.engine.write(partial(edits.cancel, ids=tuple(ids)))

    async def requeue(self, runs: Sequence[tuple[str, int]]) -> list[Requeued]:
        return await self.engine.write(partial(edits.requeue, runs=tuple(runs)))

    async def amend(self, changes: Sequence[Change]) -> list[Amended]:
        return await self.engine.write(partial(edits.amend, changes=tuple(changes)))

    async def append(self, updates: Sequence[NewUpdate]) -> list[Verdict]:
        check_batch(updates)
        return await self.engine.write(partial(log.append, updates=tuple(updates)))

    async def updates(self, id: str, after: int, limit: int) -> History:
        return await self.engine.read(partial(log.history, id=id, after=after, limit=limit))

    async def get(self, ids: Sequence[str]) -> list[Job | None]:
        wanted = tuple(ids)
        found = await self.engine.read(partial(read_jobs, ids=wanted))
        return [found.get(id) for id in wanted]

    async def find(self, query: Query) -> Page:
        return await self.engine.browse(partial(search.find, query=query))

    async def stats(self) -> Stats:
        return await self.engine.browse(search.stats)

    async def read(self, kind: str, ids: Sequence[str]) -> list[Record | None]:
        return await self.engine.read(partial(shelf.read, kind=kind, ids=tuple(ids)))

    async def put(self, records: Sequence[Record], together: bool = False) -> list[Verdict]:
        check_records(records, together)
        return await self.engine.write(partial(limits.put_records, records=tuple(records), together=together))

    async def scan(self, kind: str, after: str, limit: int) -> list[Record]:
        return await self.engine.read(partial(shelf.scan, kind=kind, after=after, limit=limit))

    async def purge(self, limit: int) -> int:
        return await self.engine.write(partial(edits.purge, limit=limit))

    async def audit(self, repair: bool = False) -> list[Fault]:
        return await auditing.audit(self.engine, repair)

    async def watch(self, topics: Sequence[str]) -> HubWatch:
        return self.engine.watch(topics)


def from_url(url: str, clock: Clock | None) -> SqliteBackend:
    """``sqlite:///relative.db`` or ``sqlite:////absolute/path.db``, with ``?synchronous=full|normal|off``."""
    return SqliteBackend(parse_url(url), clock)
