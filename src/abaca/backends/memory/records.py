"""The memory store's small versioned records."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import msgspec

from abaca.backends.search import check_records
from abaca.clock import Clock
from abaca.model import CURSOR, Record, Tick, Verdict


class MemoryRecords:
    """The half of the memory store that knows no jobs. One lock serves both halves."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._records: dict[tuple[str, str], tuple[Record, int | None]] = {}

    def _live(self, kind: str, id: str) -> Record | None:
        held = self._records.get((kind, id))
        if held is None:
            return None
        record, ends = held
        if ends is not None and self._clock.now() >= ends:
            del self._records[kind, id]
            return None
        return record

    async def read(self, kind: str, ids: Sequence[str]) -> list[Record | None]:
        with self._lock:
            return [self._live(kind, id) for id in ids]

    async def put(self, records: Sequence[Record], together: bool = False) -> list[Verdict]:
        check_records(records, together)
        with self._lock:
            if together and any(self._version(record) != record.version for record in records):
                return [Verdict.STALE] * len(records)
            return [self._put_and_tell(record) for record in records]

    def _put_and_tell(self, record: Record) -> Verdict:
        verdict = self._put(record)
        if verdict is Verdict.APPLIED:
            self._on_put(record)
        return verdict

    def _on_put(self, record: Record) -> None:
        """The other half may have a word for whom it concerns."""

    def _put(self, record: Record) -> Verdict:
        if self._version(record) != record.version:
            return Verdict.STALE
        if record.data is None:
            self._records.pop((record.kind, record.id), None)
            return Verdict.APPLIED
        ends = None if record.expires_ms is None else self._clock.now() + record.expires_ms * 1000
        raised = msgspec.structs.replace(record, version=record.version + 1)
        self._records[record.kind, record.id] = (raised, ends)
        return Verdict.APPLIED

    def _version(self, record: Record) -> int:
        stored = self._live(record.kind, record.id)
        return stored.version if stored is not None else 0

    def _move_cursor(self, tick: Tick) -> bool:
        """Move the schedule's cursor to the tick, if that is ahead of it."""
        cursor = self._live(CURSOR, tick.schedule)
        if cursor is None or cursor.data is None or int(cursor.data) >= tick.at:
            return False
        self._put(msgspec.structs.replace(cursor, data=b"%d" % tick.at))
        return True

    async def scan(self, kind: str, after: str, limit: int) -> list[Record]:
        with self._lock:
            ids = sorted(id for k, id in self._records if k == kind and id > after)
            live = (self._live(kind, id) for id in ids)
            return [record for record in live if record is not None][:limit]
