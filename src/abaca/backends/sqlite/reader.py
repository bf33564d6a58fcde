"""The reader of a backend object: a connection of its own, so that no read waits for a commit."""

from __future__ import annotations

from collections.abc import Callable

from abaca.backends.sqlite.connection import Inode, connect, translate
from abaca.backends.sqlite.settings import Settings
from abaca.backends.sqlite.threads import Call, Next
from abaca.backends.sqlite.tx import Tx, Wanted
from abaca.backends.sqlite.writer import check_same_file, roll_back
from abaca.clock import Clock

_BATCH_CALLS = 200


class Reader:
    """Reads that wait together see one snapshot, taken after the last of them was asked."""

    def __init__(self, settings: Settings, clock: Clock, wanted: Wanted, file: Callable[[], Inode | None]) -> None:
        """``file`` answers once the file is there and migrated, or raises."""
        self.settings = settings
        self._opened = file
        self._clock = clock
        self._wanted = wanted

    def open(self) -> None:
        self._file = self._opened()
        check_same_file(self.settings, self._file)
        try:
            self._connection = connect(self.settings)
        except BaseException as error:
            raise translate(error, self.settings.path) from error
        self._connection.execute("PRAGMA query_only = ON")

    def close(self) -> None:
        self._connection.close()

    def serve(self, calls: list[Call], more: Next) -> None:
        while len(calls) < _BATCH_CALLS and (call := more()) is not None:
            calls.append(call)
        try:
            check_same_file(self.settings, self._file)
            self._connection.execute("BEGIN")
        except Exception as error:
            for call in calls:
                call.error = translate(error, self.settings.path)
            return
        tx = Tx(self._connection, self._clock.now(), self._wanted)
        for call in calls:
            try:
                call.value = call.run(tx)
            except Exception as error:
                call.error = translate(error, self.settings.path)
        roll_back(self._connection)
