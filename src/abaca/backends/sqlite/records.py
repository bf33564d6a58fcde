"""The store's small versioned records: ``read``, ``put``, ``scan``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from abaca.backends.sqlite.tx import Tx, column, from_column
from abaca.model import CURSOR, Record, Tick, Verdict


def read(tx: Tx, kind: str, ids: Sequence[str]) -> list[Record | None]:
    return [live(tx, kind, id) for id in ids]


def put(tx: Tx, records: Sequence[Record], together: bool = False) -> list[Verdict]:
    if together and any(_version(tx, record) != record.version for record in records):
        return [Verdict.STALE] * len(records)
    return [_put(tx, record) for record in records]


def move_cursor(tx: Tx, tick: Tick) -> bool:
    """Move the schedule's cursor to the tick, if that is ahead of it."""
    cursor = live(tx, CURSOR, tick.schedule)
    if cursor is None or cursor.data is None or int(cursor.data) >= tick.at:
        return False
    return _put(tx, msgspec.structs.replace(cursor, data=b"%d" % tick.at)) is Verdict.APPLIED


def scan(tx: Tx, kind: str, after: str, limit: int) -> list[Record]:
    return [_record(row) for row in tx.rows("scan_records", kind=kind, after=after, limit=limit, now=tx.now)]


def live(tx: Tx, kind: str, id: str) -> Record | None:
    found = tx.rows("record", kind=kind, id=id, now=tx.now)
    return _record(found[0]) if found else None


def _record(row: tuple[Any, ...]) -> Record:
    kind, id, version, data, expires_ms = row
    return Record(kind=kind, id=id, data=from_column(data), version=version, expires_ms=expires_ms)


def _version(tx: Tx, record: Record) -> int:
    stored = live(tx, record.kind, record.id)
    return stored.version if stored is not None else 0


def _put(tx: Tx, record: Record) -> Verdict:
    if _version(tx, record) != record.version:
        return Verdict.STALE
    if record.data is None:
        tx.run("delete_record", kind=record.kind, id=record.id)
        return Verdict.APPLIED
    tx.run(
        "put_record",
        kind=record.kind,
        id=record.id,
        version=record.version + 1,
        data=column(record.data),
        expires_ms=record.expires_ms,
        expires_at=None if record.expires_ms is None else tx.now + record.expires_ms * 1000,
    )
    return Verdict.APPLIED
