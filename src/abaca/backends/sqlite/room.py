"""Keeps a part of the disk for the jobs that are stored.

Every claim and settle needs room in the write-ahead log, so on a disk that inserts had filled no job could end. When
the disk is nearly full, inserts are refused, and the log is checkpointed before each transaction, which lets the next
ones write over it in place.
"""

from __future__ import annotations

import os
from pathlib import Path

import apsw

RESERVE_BYTES = 32 << 20
_RESERVE_SHARE = 20
"""On a small filesystem a twentieth of it."""


class Room:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._folder = str(path.parent)
        self._log = f"{path}-wal"

    def lacking(self, connection: apsw.Connection) -> str | None:
        """Why new jobs are to be refused, or ``None``. To be called outside of a transaction."""
        try:
            found = os.statvfs(self._folder)
            log = os.stat(self._log).st_size
        except OSError:  # the write itself says what is wrong
            return None
        free = found.f_bavail * found.f_frsize
        kept = min(RESERVE_BYTES, found.f_blocks * found.f_frsize // _RESERVE_SHARE)
        if free >= kept + log:  # what the log holds may have to find room in the file
            return None
        return self._lacking_after_checkpoint(connection, kept, log)

    def _lacking_after_checkpoint(self, connection: apsw.Connection, kept: int, log: int) -> str | None:
        try:
            frames, done = connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except apsw.Error:  # busy in another process, or no room even for this
            frames, done = 1, 0
        found = os.statvfs(self._folder)
        free = found.f_bavail * found.f_frsize
        if free >= kept + (log if frames > done else 0):
            return None
        return (
            f"SQLite store {self._path}: the disk is nearly full ({free} bytes are free). New jobs are refused below "
            f"{kept} bytes, so that stored ones can still run and end; make room, then repeat the call"
        )
