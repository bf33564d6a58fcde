"""How processes on one file wake each other without polling.

Each backend object owns a small file in the folder ``<database>-wake``. After a commit it writes the topics that
changed into its file (``ring.py``); the others watch the folder with inotify. Why not the nearer ways: a watch on the
WAL itself fires when frames are written, which is before the commit can be seen, and for every checkpoint and every
own write; ``PRAGMA data_version`` has to be polled; a socket per process has to be found and outlives a kill. A file
per writer names who changed something, so nobody wakes itself, and says what, so that of ten thousand waiters those
wake who are meant. Where inotify is missing or used up, ``data_version`` is polled while somebody waits.

A hint may be lost (a process killed between commit and write), so those who wait look for themselves at times.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import select
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from abaca.backends.sqlite.inotify import FolderWatch
from abaca.backends.sqlite.ring import RingReader, RingWriter
from abaca.backends.sqlite.versions import VersionWatch

POLL_SECONDS = 0.05
"""How often ``data_version`` is looked at where there is no inotify."""


class Announcer:
    """This object's own file. A lock held for its life tells the living from the killed, whose files are removed."""

    def __init__(self, folder: Path) -> None:
        """Raises ``OSError`` when the folder cannot be written."""
        folder.mkdir(mode=0o700, exist_ok=True)
        self.name = f"{os.getpid()}-{secrets.token_hex(8)}"
        self._path = folder / self.name
        made = folder / f".{self.name}"
        self._file = os.open(made, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        os.rename(made, self._path)  # locked before it has its name: nobody can take it for a dead one
        self._ring = RingWriter(self._file)
        for other in folder.iterdir():
            if other.name != self.name and not other.name.startswith("."):
                _remove_if_dead(other)

    def announce(self, topics: Iterable[str]) -> None:
        try:
            self._ring.write(topics)
        except OSError:  # a full disk: the others look for themselves at times
            pass

    def close(self) -> None:
        self._path.unlink(missing_ok=True)
        os.close(self._file)


def _remove_if_dead(path: Path) -> None:
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink(missing_ok=True)
    except BlockingIOError:
        pass
    finally:
        os.close(file)


class Listener:
    """A thread that hears of other processes' commits: ``changed(topics)``, or ``changed(None)`` for "anything"."""

    def __init__(
        self,
        folder: Path,
        own: str,
        versions: Callable[[], VersionWatch],
        waited_for: Callable[[], bool],
        changed: Callable[[list[str] | None], None],
    ) -> None:
        """What changes after this returns is heard."""
        self._folder = folder
        self._own = own
        self._versions = versions
        self._waited_for = waited_for
        self._changed = changed
        self._stop, self._stopper = os.pipe()
        self._readers: dict[str, RingReader] = {}
        run = self._poll
        try:
            self._watch = FolderWatch(folder)
        except OSError:
            pass
        else:
            run = self._listen
            for path in folder.iterdir():
                self._follow(path.name, from_start=False)
        self._thread = threading.Thread(target=run, name="abaca-sqlite-wake", daemon=True)
        self._thread.start()

    def close(self) -> None:
        os.close(self._stopper)
        self._thread.join()
        os.close(self._stop)

    def _follow(self, name: str, from_start: bool) -> RingReader | None:
        if name == self._own or name.startswith("."):
            return None
        try:
            self._readers[name] = RingReader(self._folder / name, from_start)
        except OSError:  # it closed in between
            return None
        return self._readers[name]

    def _listen(self) -> None:
        poll = select.poll()
        poll.register(self._stop, select.POLLIN | select.POLLHUP)
        poll.register(self._watch.descriptor, select.POLLIN)
        while all(descriptor != self._stop for descriptor, _ in poll.poll()):
            names, lost = self._watch.read()
            if lost:
                self._changed(None)
            for name in names - {self._own}:
                self._hear(name)
        self._watch.close()
        for reader in self._readers.values():
            reader.close()

    def _hear(self, name: str) -> None:
        reader = self._readers.get(name) or self._follow(name, from_start=True)
        if reader is None:
            return
        topics = reader.read()
        if topics is None or topics:
            self._changed(topics)
        if not (self._folder / name).exists():
            reader.close()
            del self._readers[name]

    def _poll(self) -> None:
        poll = select.poll()
        poll.register(self._stop, select.POLLIN | select.POLLHUP)
        versions = self._versions()
        self._changed(None)  # what happened before the first look
        while not poll.poll(POLL_SECONDS * 1000):
            if self._waited_for() and versions.changed():
                self._changed(None)
        versions.close()
