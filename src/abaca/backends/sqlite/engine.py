"""The threads and files of one open store, and the only way to them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar, cast

from abaca.backends.hub import HubWatch
from abaca.backends.sqlite.connection import Inode
from abaca.backends.sqlite.hints import Hints
from abaca.backends.sqlite.reader import Reader
from abaca.backends.sqlite.settings import Settings
from abaca.backends.sqlite.threads import StoreThread
from abaca.backends.sqlite.tx import Told, Tx
from abaca.backends.sqlite.versions import VersionWatch
from abaca.backends.sqlite.wake import Announcer, Listener
from abaca.backends.sqlite.writer import Writer
from abaca.clock import Clock
from abaca.errors import BackendError, BackendUnavailable

T = TypeVar("T")


class Engine:
    """Usable from any thread and event loop of the process that opened it. Closed engines are not opened again."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.settings = settings
        self.hints = Hints()
        self.writer = Writer(settings, clock, self.hints.wanted, self._publish)
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._closing = False
        self._announcer: Announcer | None = None
        self._listener: Listener | None = None
        name = f"abaca-sqlite-{settings.path.name}"
        self._writing = StoreThread(f"{name}-writer", self.writer)
        self._reading = StoreThread(f"{name}-reader", self._reader(clock))
        self._browsing = StoreThread(f"{name}-browser", self._reader(clock))
        self._writing.start()
        self._reading.start()

    async def opened(self) -> None:
        await self._writing.opened()
        await self._reading.opened()
        with self._lock:
            if self._announcer is None:
                try:
                    self._announcer = Announcer(self.settings.wake_folder)
                except OSError as error:
                    raise BackendUnavailable(
                        f"SQLite store: {self.settings.wake_folder} cannot be used: {error}"
                    ) from error

    async def close(self) -> None:
        """Ends the threads after what was queued. In a forked child it leaves the parent's things alone."""
        if os.getpid() != self._process:
            return
        with self._lock:
            self._closing = True
            if self._listener is not None:
                self._listener.close()
            self._listener = None
        for thread in (self._browsing, self._reading, self._writing):  # the last connection to close tidies the file
            await thread.close()
        if self._announcer is not None:
            self._announcer.close()

    async def write(self, run: Callable[[Tx], T]) -> T:
        self._check_process()
        return cast("T", await self._writing.call(run))

    async def read(self, run: Callable[[Tx], T]) -> T:
        self._check_process()
        return cast("T", await self._reading.call(run))

    async def browse(self, run: Callable[[Tx], T]) -> T:
        """A read that may take long, on a thread of its own, made when it is first needed."""
        self._check_process()
        with self._lock:
            if self._closing:
                raise BackendUnavailable(f"the SQLite store {self.settings.path} was closed")
            if not self._browsing.started:
                self._browsing.start()
        await self._browsing.opened()
        return cast("T", await self._browsing.call(run))

    def watch(self, topics: Sequence[str]) -> HubWatch:
        """Other processes are listened to from the first watch on; one that only writes need not hear them."""
        self._check_process()
        with self._lock:
            if self._listener is None and self._announcer is not None and not self._closing:
                self._listener = Listener(
                    self.settings.wake_folder,
                    self._announcer.name,
                    partial(VersionWatch, self.settings),
                    self.hints.anybody,
                    self._heard,
                )
        return self.hints.watch(topics)

    def _reader(self, clock: Clock) -> Reader:
        return Reader(self.settings, clock, self.hints.wanted, self._opened_file)

    def _opened_file(self) -> Inode | None:
        self._writing.wait_opened()
        return self.writer.file

    def _check_process(self) -> None:
        if os.getpid() != self._process:
            raise BackendError(
                f"SQLite store {self.settings.path} was opened in process {self._process} and cannot be used after a "
                f"fork, in process {os.getpid()}; make a new backend there"
            )

    def _publish(self, told: list[Told]) -> None:
        if not told:
            return
        self.hints.publish(told)
        if self._announcer is not None:
            self._announcer.announce(dict(told))

    def _heard(self, topics: list[str] | None) -> None:
        if topics is None:
            self.hints.publish_all()
        else:
            self.hints.publish((topic, None) for topic in topics)
