"""The file that holds metadata, chunks and vectors together, so that they change in one transaction.

Each part (the registry, the vector store) brings a ``Part``: what to do to every connection, and its tables. All of
them use the same ``LibraryFile``; a ``write`` within ``together()`` joins the transaction that is open.

SQLite is reached through apsw only: another SQLite library on the same file in one process would cancel its locks.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import apsw

from abaca_documents.errors import DocumentsError, StoreUnavailable

T = TypeVar("T")
Act = Callable[[apsw.Connection], T]

APPLICATION_ID = 0x41424144
_BUSY_STEP = 0.002
_SCRUB_SECONDS = 2.0
"""How long a scrub waits for those who read an older state: nobody writes meanwhile, in any process."""
_TRANSIENT = (apsw.BusyError, apsw.LockedError, apsw.FullError, apsw.IOError, apsw.CantOpenError, apsw.ReadOnlyError)


@dataclass(frozen=True, slots=True)
class Part:
    """``tables`` is idempotent and runs once for each opened file, in a transaction. ``prepare`` runs on every new
    connection, before anything else: it loads an extension, or registers a function."""

    name: str
    tables: Callable[[apsw.Connection], None]
    prepare: Callable[[apsw.Connection], None] | None = None


class LibraryFile:
    """Belongs to one event loop. One connection writes, ``readers`` others read; each has a thread of its own.
    ``synchronous`` is SQLite's; anything but ``FULL`` can lose what was answered to a power cut. ``admit`` is awaited
    before the first use, and refuses by what it raises."""

    def __init__(
        self,
        path: Path,
        *,
        readers: int = 2,
        busy_seconds: float = 30.0,
        synchronous: str = "FULL",
        admit: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.path = path
        self._admit = admit
        self._parts: list[Part] = []
        self._busy_seconds = busy_seconds
        self._synchronous = synchronous
        self._writer = _Line(self._connect, "documents-writer")
        self._readers = [_Line(self._connect, f"documents-reader-{n}") for n in range(readers)]
        self._free: asyncio.Queue[_Line] | None = None
        self._writing = asyncio.Lock()
        self._is_ready = False
        self._within: ContextVar[_Together | None] = ContextVar("within", default=None)

    def join(self, part: Part) -> None:
        """Before the first use. The same part again is known already."""
        if any(each.name == part.name for each in self._parts):
            return
        if self._is_ready:
            raise DocumentsError(f"library file {self.path}: {part.name!r} joins too late, it is in use already")
        self._parts.append(part)

    async def write(self, act: Act[T]) -> T:
        """Call ``act`` in a transaction: in the one that is open in this task, else in one of its own. What it raises
        undoes the transaction."""
        if (within := self._within.get()) is not None:
            return await self._writer.run(within.around(act))
        async with self._writing:
            await self._make_ready()
            return await self._writer.run(lambda connection: _in_transaction(connection, act))

    async def read(self, act: Act[T]) -> T:
        """Call ``act`` with one state of the file; within ``together()`` with the one that is being made."""
        if (within := self._within.get()) is not None:
            return await self._writer.run(within.around(act))
        if not self._is_ready:
            async with self._writing:
                await self._make_ready()
        if self._free is None:
            self._free = asyncio.Queue()
            for line in self._readers:
                self._free.put_nowait(line)
        line = await self._free.get()
        try:
            return await line.run(lambda connection: _in_snapshot(connection, act))
        finally:
            self._free.put_nowait(line)

    @asynccontextmanager
    async def together(self) -> AsyncIterator[None]:
        """One transaction around several calls of this task. Start no task within that uses the file. Keep it short:
        nobody else writes meanwhile, in any process."""
        if self._within.get() is not None:
            yield
            return
        within = _Together()
        try:
            async with self._writing:
                await self._make_ready()
                mark = self._within.set(within)
                try:
                    yield
                except BaseException:
                    self._within.reset(mark)
                    await self._writer.run(_roll_back)
                    raise
                self._within.reset(mark)
                if within.has_begun:
                    await self._writer.run(_commit)
        except BaseException:
            for _, otherwise in within.behind:
                otherwise()
            raise
        for act, _ in within.behind:
            await act()

    async def behind(self, act: Callable[[], Awaitable[None]], otherwise: Callable[[], None]) -> None:
        """Await ``act`` when what this task wrote is in the file: at once, or behind the transaction around it, which
        calls ``otherwise`` in its place where it is not known to be in."""
        if (within := self._within.get()) is not None:
            within.behind.append((act, otherwise))
        else:
            await act()

    async def check(self) -> list[str]:
        """What SQLite finds wrong with the file; nothing, as it should be. By a connection of its own: FTS5 with its
        secure deletion reports damage that is none to one that searched before the deletion."""
        async with self._writing:
            await self._make_ready()
        line = _Line(self._connect, "documents-check")
        try:
            rows = await line.run(lambda connection: connection.execute("PRAGMA integrity_check").fetchall())
        finally:
            await line.close()
        return [str(text) for (text,) in rows if text != "ok"]

    async def scrub(self) -> bool:
        """Bring the write-ahead log into the file and empty it: deleted text is overwritten in the file and would still
        stand in the log. ``False`` when somebody reads an older state meanwhile; ask again later."""
        async with self._writing:
            await self._make_ready()
            return await self._writer.run(self._empty_log)

    async def close(self) -> None:
        async with self._writing:
            for line in (*self._readers, self._writer):
                await line.close()
            self._is_ready = False

    def _empty_log(self, connection: apsw.Connection) -> bool:
        connection.set_busy_handler(_patience(_SCRUB_SECONDS))
        try:
            ((is_busy, _, _),) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        finally:
            connection.set_busy_handler(_patience(self._busy_seconds))
        return not is_busy

    async def _make_ready(self) -> None:
        if not self._is_ready:
            if self._admit is not None:
                await self._admit()
            await self._writer.run(lambda connection: _in_transaction(connection, self._make_tables))
            self._is_ready = True

    def _make_tables(self, connection: apsw.Connection) -> None:
        (found,) = connection.execute("PRAGMA application_id").fetchall()[0]
        if found not in (0, APPLICATION_ID):
            raise DocumentsError(f"library file {self.path} belongs to another program; name another file")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}").fetchall()
        for part in self._parts:
            part.tables(connection)

    def _connect(self) -> apsw.Connection:
        connection = apsw.Connection(str(self.path))
        try:
            connection.set_busy_handler(_patience(self._busy_seconds))
            for part in self._parts:
                if part.prepare is not None:
                    part.prepare(connection)
            _until_free(self._busy_seconds, lambda: connection.execute("PRAGMA journal_mode = WAL").fetchall())
            for pragma in (
                f"synchronous = {self._synchronous}",
                "temp_store = MEMORY",
                "secure_delete = ON",
                "cache_size = -16384",
            ):
                connection.execute(f"PRAGMA {pragma}").fetchall()
        except BaseException:
            connection.close()
            raise
        return connection


class _Together:
    """A transaction that begins with its first act."""

    def __init__(self) -> None:
        self.has_begun = False
        self.behind: list[tuple[Callable[[], Awaitable[None]], Callable[[], None]]] = []

    def around(self, act: Act[T]) -> Act[T]:
        def run(connection: apsw.Connection) -> T:
            if not self.has_begun:
                connection.execute("BEGIN IMMEDIATE").fetchall()
                self.has_begun = True
            return act(connection)

        return run


class _Line:
    """A connection and the thread that it is used in."""

    def __init__(self, connect: Callable[[], apsw.Connection], name: str) -> None:
        self._connect = connect
        self._name = name
        self._thread: ThreadPoolExecutor | None = None
        self._connection: apsw.Connection | None = None

    async def run(self, act: Act[T]) -> T:
        """A cancel waits for ``act`` to end, so that nobody uses the connection beside it."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, self._name)
        running = asyncio.get_running_loop().run_in_executor(self._thread, self._perform, act)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await _finished([running])
            raise

    async def close(self) -> None:
        if self._thread is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._disconnect)
            self._thread.shutdown()
            self._thread = None

    def _perform(self, act: Act[T]) -> T:
        try:
            if self._connection is None:
                self._connection = self._connect()
            return act(self._connection)
        except _TRANSIENT as error:
            raise StoreUnavailable(f"library file: {type(error).__name__}: {error}; repeating is safe") from error

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


async def _finished(running: Sequence[asyncio.Future[T]]) -> None:
    while not all(each.done() for each in running):
        try:
            await asyncio.wait(running)
        except asyncio.CancelledError:
            continue
    for each in running:
        if not each.cancelled():
            each.exception()


def _in_transaction(connection: apsw.Connection, act: Act[T]) -> T:
    connection.execute("BEGIN IMMEDIATE").fetchall()
    try:
        answer = act(connection)
        _commit(connection)
        return answer
    except BaseException:
        _roll_back(connection)
        raise


def _in_snapshot(connection: apsw.Connection, act: Act[T]) -> T:
    connection.execute("BEGIN").fetchall()
    try:
        return act(connection)
    finally:
        _roll_back(connection)


def _commit(connection: apsw.Connection) -> None:
    connection.execute("COMMIT").fetchall()


def _roll_back(connection: apsw.Connection) -> None:
    """SQLite may have rolled back by itself, when the disk was full."""
    if connection.in_transaction:
        connection.execute("ROLLBACK").fetchall()


def _patience(seconds: float) -> Callable[[int], bool]:
    began = 0.0

    def wait(tries: int) -> bool:
        nonlocal began
        if tries == 0:
            began = time.monotonic()
        time.sleep(_BUSY_STEP)
        return time.monotonic() - began < seconds

    return wait


def _until_free(seconds: float, act: Callable[[], object]) -> None:
    """SQLite does not ask the busy handler while a file changes to WAL."""
    began = time.monotonic()
    while True:
        try:
            act()
            return
        except apsw.BusyError:
            if time.monotonic() - began > seconds:
                raise
            time.sleep(_BUSY_STEP)
