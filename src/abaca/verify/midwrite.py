"""SIGKILL to every process on a SQLite file, at a moment when one of them is in the middle of a write."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Sequence
from pathlib import Path

import apsw

from abaca.verify import proc

_TRIES = 25
_SHORTEST_WAIT, _LONGEST_WAIT = 0.03, 0.12
"""Seconds between two tries, in which everybody runs: long beside the moment for which they stand still."""


async def kill_in_mid_write(database: Path, pids: Sequence[int], rng: random.Random) -> bool:
    """Answers whether somebody held the file's write lock when all were killed.

    Everybody is stopped, and then the lock is asked for: when it is not free, whoever has it was stopped between the
    begin and the end of a transaction. Otherwise they go on for a moment, and it is tried again.
    """
    for attempt in range(_TRIES):
        everybody = proc.freeze(*pids)
        hit = _is_locked(database)
        if hit or attempt == _TRIES - 1:
            for pid in everybody:
                proc.send(pid, signal.SIGKILL)
            return hit
        for pid in reversed(everybody):
            proc.send(pid, signal.SIGCONT)
        await asyncio.sleep(rng.uniform(_SHORTEST_WAIT, _LONGEST_WAIT))
    return False


def _is_locked(database: Path) -> bool:
    """The connection is closed again, so that whoever comes after the kill is alone and has to recover the file."""
    try:
        connection = apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READWRITE)
    except apsw.Error:
        return False
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
    except apsw.BusyError:
        return True
    finally:
        connection.close()
    return False
