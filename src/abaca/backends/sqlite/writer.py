"""The one writer of a backend object: group commit.

Calls that wait are run in order inside one transaction, each in a savepoint, and are answered after the commit: many
callers share one fsync, and an answer means that the write is as safe as ``durability`` says.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import apsw

from abaca.backends.sqlite.connection import Inode, connect, inode, migrate, prepare_file, translate, until_free
from abaca.backends.sqlite.room import Room
from abaca.backends.sqlite.settings import Settings
from abaca.backends.sqlite.threads import Call, Next
from abaca.backends.sqlite.tx import Told, Tx, Wanted
from abaca.buggify import buggify
from abaca.clock import Clock
from abaca.errors import BackendError

_CACHE_KIB = 16 * 1024
_BATCH_CALLS = 500
_BATCH_SECONDS = 0.01
"""How long a transaction goes on taking calls: others wait for the lock, and the first call for its answer."""


class Writer:
    """Owns the writing connection. ``commits`` counts the transactions that were committed."""

    def __init__(self, settings: Settings, clock: Clock, wanted: Wanted, publish: Callable[[list[Told]], None]) -> None:
        """``publish`` is given the hints of each transaction, on the writer's thread."""
        self.settings = settings
        self.commits = 0
        self.file: Inode | None = None
        self._clock = clock
        self._wanted = wanted
        self._publish = publish
        self._room = Room(settings.path)

    def open(self) -> None:
        path = self.settings.path
        try:
            prepare_file(path)
            self._connection = connect(self.settings, _CACHE_KIB)
            try:
                migrate(self._connection, self.settings)
            except BaseException:
                self._connection.close()
                raise
        except BaseException as error:
            raise translate(error, path) from error
        self.file = inode(path)

    def close(self) -> None:
        try:
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except apsw.Error:  # the next process to open the file does it
            pass
        self._connection.close()

    def serve(self, calls: list[Call], more: Next) -> None:
        try:
            check_same_file(self.settings, self.file)
            no_room = self._room.lacking(self._connection)
            until_free(self.settings, lambda: self._connection.execute("BEGIN IMMEDIATE"))
        except Exception as error:
            self._refuse(calls, more, error)
            return
        try:
            tx = Tx(self._connection, self._clock.now(), self._wanted, no_room)
            self._run_all(tx, calls, more)
            buggify("sqlite.before_commit")
            self._connection.execute("COMMIT")
        except Exception as error:
            self._serve_again(calls, error)
            return
        self.commits += 1
        buggify("sqlite.before_publish")
        self._publish(tx.hints)

    def _refuse(self, calls: list[Call], more: Next, error: Exception) -> None:
        """No transaction could begin: all that wait are told now, since each would wait as long again."""
        while (call := more()) is not None:
            calls.append(call)
        for call in calls:
            call.error = translate(error, self.settings.path)

    def _run_all(self, tx: Tx, calls: list[Call], more: Next) -> None:
        stops = time.monotonic() + _BATCH_SECONDS
        self._run(tx, calls[0])
        while len(calls) < _BATCH_CALLS and time.monotonic() < stops and (call := more()) is not None:
            calls.append(call)
            self._run(tx, call)

    def _run(self, tx: Tx, call: Call) -> None:
        """Run one call; its failure undoes what it wrote and nothing else."""
        execute = self._connection.execute
        hints = len(tx.hints)
        execute("SAVEPOINT call")
        try:
            call.value, call.error = call.run(tx), None
        except Exception as error:
            if self._connection.get_autocommit():  # SQLite gave up the whole transaction
                raise
            execute("ROLLBACK TO call")
            del tx.hints[hints:]
            call.error = translate(error, self.settings.path)
        execute("RELEASE call")

    def _serve_again(self, calls: list[Call], error: Exception) -> None:
        """The transaction failed as a whole: nothing of it is stored, so each of its calls gets one of its own."""
        roll_back(self._connection)
        if len(calls) == 1:
            calls[0].error = translate(error, self.settings.path)
        else:
            for call in calls:
                self.serve([call], _nothing_more)


def _nothing_more() -> None:
    return None


def roll_back(connection: apsw.Connection) -> None:
    """End the transaction, if SQLite has not ended it by itself."""
    try:
        if not connection.get_autocommit():
            connection.execute("ROLLBACK")
    except apsw.Error:  # the next BEGIN says what is wrong
        pass


def check_same_file(settings: Settings, opened: Inode | None) -> None:
    """Raise ``BackendError`` when the path no longer leads to the file that is open."""
    if inode(settings.path) != opened:
        raise BackendError(
            f"SQLite store {settings.path} was deleted or replaced while it was open; what is written now would be "
            "lost. Restart the program to open the present file"
        )
