"""``app.records``: small versioned values beside the jobs, for the application's own use."""

from __future__ import annotations

from collections.abc import Sequence

from abaca.client import Host
from abaca.model import Record, Verdict
from abaca.options import check_name
from abaca.sync import twin


class Records:
    """Small values with a version, at most 256 kB each, changed by compare-and-set. ``kind`` names the family."""

    __slots__ = ("_host",)

    def __init__(self, host: Host) -> None:
        self._host = host

    async def read(self, kind: str, ids: Sequence[str]) -> list[Record | None]:
        """Records in order; ``None`` where absent or expired."""
        return await self._host.client().ask(lambda backend: backend.read(kind, ids))

    async def put(self, records: Sequence[Record]) -> list[Verdict]:
        """Store each record iff ``record.version`` is the stored one (0: absent); ``data=None`` deletes.

        Answers ``APPLIED`` or ``STALE`` for each. After a lost connection a record that was stored may answer
        ``STALE``: read it again. Raises ``ValueError`` above the size limit, ``ConfigError`` for a bad kind.
        """
        for record in records:
            check_name(record.kind, "record kind")
        return await self._host.client().ask(lambda backend: backend.put(records))

    async def scan(self, kind: str, after: str = "", limit: int = 100) -> list[Record]:
        """Records of a kind with ids above ``after``, in order of id."""
        return await self._host.client().ask(lambda backend: backend.scan(kind, after, limit))

    read_sync = twin(read)
    put_sync = twin(put)
    scan_sync = twin(scan)
