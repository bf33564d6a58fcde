"""Whether the file changed, asked of SQLite."""

from __future__ import annotations

import apsw

from abaca.backends.sqlite.connection import connect
from abaca.backends.sqlite.settings import Settings


class VersionWatch:
    """A connection that only looks at ``PRAGMA data_version``, which changes with every commit of another one."""

    def __init__(self, settings: Settings) -> None:
        self._connection = connect(settings)
        self._seen = self._version()

    def changed(self) -> bool:
        try:
            version = self._version()
        except apsw.Error:  # whoever reads next gets the error
            return False
        changed, self._seen = version != self._seen, version
        return changed

    def close(self) -> None:
        self._connection.close()

    def _version(self) -> int:
        return int(self._connection.pragma("data_version"))
