"""The store in an SQLite file. See ``store.py``."""

from abaca.backends.sqlite.store import SqliteBackend, from_url

__all__ = ["SqliteBackend", "from_url"]
