"""``app.records``: small versioned values beside the jobs, for the application's own use."""

from __future__ import annotations

from collections.abc import Sequence

from abaca.checks import check_name, check_text
from abaca.client import Host
from abaca.model import Record, Verdict
from abaca.sync import twin

MAX_ID_BYTES = 512


class Records:
    """Small values with a version, at most 256 kB each, changed by compare-and-set. ``kind`` names the family."""

    __slots__ = ("_host",)

    def __init__(self, host: Host) -> None:
        self._host = host

    async def read(self, kind: str, ids: Sequence[str]) -> list[Record | None]:
        """Records in order; ``None`` where absent or expired. Raises ``ConfigError`` for a bad kind or id."""
        check_name(kind, "record kind")
        for id in ids:
            check_text(id, "record id", MAX_ID_BYTES)
        return await self._host.client().ask(lambda backend: backend.read(kind, ids))

    async def put(self, records: Sequence[Record], *, together: bool = False) -> list[Verdict]:
        """Store each record iff ``record.version`` is the stored one (0: absent); ``data=None`` deletes.

        Answers ``APPLIED`` or ``STALE`` for each. ``together``: all of them in one act, or none, and then every answer
        is ``STALE``. After a lost connection a record that was stored may answer ``STALE``: read it again. Raises
        ``ValueError`` above the size limit, ``ConfigError`` for a bad kind or id.
        """
        for record in records:
            check_name(record.kind, "record kind")
            check_text(record.id, "record id", MAX_ID_BYTES)
        return await self._host.client().ask(lambda backend: backend.put(records, together))

    async def scan(self, kind: str, after: str = "", limit: int = 100) -> list[Record]:
        """Records of a kind with ids above ``after``, in order of id. Raises ``ConfigError`` for a bad kind."""
        check_name(kind, "record kind")
        return await self._host.client().ask(lambda backend: backend.scan(kind, after, limit))

    read_sync = twin(read)
    put_sync = twin(put)
    scan_sync = twin(scan)
