"""Opening the file: what is refused, what is set, and what SQLite's errors mean to a caller."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path

import apsw

from abaca.backends.sqlite.filesystem import network_filesystem
from abaca.backends.sqlite.settings import Settings
from abaca.backends.sqlite.statements import migrations, sql
from abaca.errors import BackendError, BackendUnavailable, ConfigError

OLDEST_SQLITE = (3, 51, 3)
"""Older ones can corrupt a WAL when two processes checkpoint and reset it at once."""
APPLICATION_ID = 0x41424143
_BUSY_STEP = 0.0002
"""Seconds between two tries for a lock. A busy process leaves the write lock free for parts of a millisecond only, so
SQLite's own steps, which grow to 100 ms, let another one starve."""
_CHECKPOINT_PAGES = 4000
_WAL_LIMIT_BYTES = 64 << 20

_UNAVAILABLE = (
    apsw.BusyError,
    apsw.LockedError,
    apsw.FullError,
    apsw.IOError,
    apsw.CantOpenError,
    apsw.ReadOnlyError,
    apsw.InterruptError,
    apsw.NoMemError,
)
DAMAGED = (apsw.CorruptError, apsw.NotADBError, apsw.FormatError)


def translate(error: BaseException, path: Path) -> BaseException:
    """What a caller gets for an error: SQLite's become ``BackendUnavailable`` or ``BackendError``, others stay."""
    if isinstance(error, _UNAVAILABLE):
        return BackendUnavailable(f"SQLite store {path}: {error}; repeating the call is safe")
    if isinstance(error, DAMAGED):
        return BackendError(
            f"SQLite store {path} is damaged: {error}; stop its workers and restore or recover the file"
        )
    if isinstance(error, apsw.Error):
        return BackendError(f"SQLite store {path}: {type(error).__name__}: {error}")
    if isinstance(error, UnicodeDecodeError):
        return BackendError(f"SQLite store {path} holds text that is none: {error}")
    return error


def check_version(version: str) -> None:
    """Raise ``ConfigError`` for an SQLite library that could damage the file."""
    if tuple(int(part) for part in version.split(".")[:3]) < OLDEST_SQLITE:
        wanted = ".".join(map(str, OLDEST_SQLITE))
        raise ConfigError(f"SQLite {version} can damage a database that several processes write; use {wanted} or later")


def prepare_file(path: Path) -> None:
    """Refuse a place that cannot hold the file safely; make the file, readable by its owner alone, if it is missing.

    It is made under another name and linked, never opened here: closing a descriptor of a file that SQLite has open
    in this process would cancel SQLite's locks.
    """
    check_version(apsw.sqlite_lib_version())
    folder = path.parent
    if not folder.is_dir():
        raise ConfigError(f"SQLite store {path}: the folder {folder} does not exist; make it first")
    if (kind := network_filesystem(folder)) is not None:
        raise ConfigError(f"SQLite store {path} is on a network filesystem ({kind}), where WAL loses data; move it")
    if path.exists():
        return
    made = folder / f".{path.name}.{secrets.token_hex(6)}"
    try:
        os.close(os.open(made, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        os.link(made, path)
    except FileExistsError:
        pass
    except OSError as error:
        raise BackendUnavailable(f"SQLite store {path} cannot be made: {error}") from error
    finally:
        made.unlink(missing_ok=True)


Inode = tuple[int, int]


def inode(path: Path) -> Inode | None:
    """What tells this file from another that took its name; ``None`` when there is no file."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def connect(settings: Settings, cache_kib: int = 4 * 1024) -> apsw.Connection:
    """A connection with every pragma set, to a file in WAL mode. Raises apsw's errors."""
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_NOMUTEX  # no connection leaves the thread that made it
    connection = apsw.Connection(str(settings.path), flags=flags)
    try:
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)  # else it plans anew for each new value of a parameter
        connection.set_busy_handler(_patience(settings.busy_seconds))
        until_free(settings, lambda: connection.execute("PRAGMA journal_mode = WAL").fetchall())
        for pragma in (
            f"synchronous = {settings.synchronous}",
            "temp_store = MEMORY",
            "trusted_schema = OFF",
            f"cache_size = -{cache_kib}",
            f"wal_autocheckpoint = {_CHECKPOINT_PAGES}",
            f"journal_size_limit = {_WAL_LIMIT_BYTES}",
        ):
            connection.execute(f"PRAGMA {pragma}").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection


def _patience(seconds: float) -> Callable[[int], bool]:
    """What SQLite asks when something is locked: wait a step and go on, or give up."""
    began = 0.0

    def wait(tries: int) -> bool:
        nonlocal began
        if tries == 0:
            began = time.monotonic()
        time.sleep(_BUSY_STEP)
        return time.monotonic() - began < seconds

    return wait


def until_free(settings: Settings, act: Callable[[], object]) -> None:
    """Do ``act`` again while other processes hold the lock, at most ``busy_seconds``; then ``BusyError`` comes through.

    SQLite does not ask the busy handler for every kind of busy (recovery, the change to WAL), so this goes around it.
    """
    deadline = time.monotonic() + settings.busy_seconds
    while True:
        try:
            act()
            return
        except apsw.BusyError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(_BUSY_STEP)


def migrate(connection: apsw.Connection, settings: Settings) -> None:
    """Bring the schema up to date. Safe when several processes open the file at once: one migrates, the rest find it.

    Raises ``ConfigError`` for a file of another program or of a newer release.
    """
    steps = migrations()
    if _version(connection, settings.path, len(steps)) == len(steps):
        return
    until_free(settings, lambda: connection.execute("BEGIN IMMEDIATE"))
    try:
        for number, statements in steps[_version(connection, settings.path, len(steps)) :]:
            connection.execute(statements)
            connection.execute(f"PRAGMA user_version = {number}")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("COMMIT")
    except BaseException:
        if not connection.get_autocommit():
            connection.execute("ROLLBACK")
        raise


def _version(connection: apsw.Connection, path: Path, known: int) -> int:
    owner, version, used = connection.execute(sql("identity")).fetchall()[0]
    if owner != APPLICATION_ID and (owner or version or used):
        raise ConfigError(f"{path} is an SQLite database of another program; give the store a file of its own")
    assert isinstance(version, int)
    if version > known:
        raise ConfigError(
            f"SQLite store {path} has schema {version}, and this release knows up to {known}; "
            "use the release that wrote it, or a later one"
        )
    return version
