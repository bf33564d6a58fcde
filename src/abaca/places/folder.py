"""A folder: one file for each blob, whole or not there, on disk before ``put`` returns.

``ROOT/SPACE/IIIII/III/NAME``: the digits are the first eight of the job's id, which are the time at which it was made,
so that a folder holds what was made within about a minute and folders sort by age. Files are the user's alone.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

from abaca.codec import NotHere
from abaca.errors import PlaceUnavailable
from abaca.places.base import BLOB_NAME, Blob, Page
from abaca.places.urls import folder_of

_CLOCK: Final = ".clock"
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
_TRIES = 5
_MOST_KNOWN = 10_000

P = ParamSpec("P")
T = TypeVar("T")


class FolderPlace:
    """Blobs as files. The folder is made when it is needed."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known: set[Path] = set()
        """Folders that are there and whose own entries are on disk."""

    @property
    def shown(self) -> str:
        return self._root.as_uri()

    async def put(self, space: str, name: str, data: bytes) -> None:
        await self._do(self._put, space, name, data)

    async def get(self, space: str, name: str, start: int, size: int) -> bytes:
        return await self._do(self._get, space, name, start, size)

    async def delete(self, space: str, name: str) -> None:
        await self._do(self._delete, space, name)

    async def page(self, space: str, after: str, limit: int) -> Page:
        return await self._do(self._page, space, after, limit)

    async def close(self) -> None:
        pass

    async def _do(self, act: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await asyncio.to_thread(act, *args, **kwargs)
        except OSError as error:
            raise PlaceUnavailable(f"{self.shown}: {error.strerror or error}") from error

    def _put(self, space: str, name: str, data: bytes) -> None:
        folder = self._folder(space, name)
        for left in reversed(range(_TRIES)):
            self._make(folder)
            try:
                self._write(folder, name, data)
                break
            except FileNotFoundError:  # a sweep took the folder, which was empty
                self._known.discard(folder)
                self._known.discard(folder.parent)
                if not left:
                    raise

    def _write(self, folder: Path, name: str, data: bytes) -> None:
        partial = folder / f"{name}.{secrets.token_hex(4)}.tmp"
        descriptor = os.open(partial, _WRITE, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.rename(partial, folder / name)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        _sync(folder)

    def _make(self, folder: Path) -> None:
        """Make a folder and those above it, and see to it that their entries are on disk."""
        if folder in self._known:
            return
        if folder != self._root:
            self._make(folder.parent)
            folder.mkdir(mode=0o700, exist_ok=True)
            _sync(folder.parent)
        elif not folder.is_dir():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _sync(folder.parent)
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known.add(folder)

    def _get(self, space: str, name: str, start: int, size: int) -> bytes:
        try:
            descriptor = os.open(self._folder(space, name) / name, _READ)
        except FileNotFoundError:
            if not (self._root / space).is_dir():  # that tells nothing about the blob
                raise PlaceUnavailable(f"{self.shown}: the folder of this store is not there; is it mounted?") from None
            raise NotHere(f"it is not in {self.shown}") from None
        try:
            return _read(descriptor, start, size)
        finally:
            os.close(descriptor)

    def _delete(self, space: str, name: str) -> None:
        folder = self._folder(space, name)
        (folder / name).unlink(missing_ok=True)
        for each in (folder, folder.parent):
            try:
                each.rmdir()
            except OSError:  # not empty, or gone
                return
            self._known.discard(each)

    def _page(self, space: str, after: str, limit: int) -> Page:
        home = self._root / space
        if not home.is_dir():
            return Page([], 0)
        clock = home / _CLOCK
        os.close(os.open(clock, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
        os.utime(clock, follow_symlinks=False)
        now = os.stat(clock, follow_symlinks=False).st_mtime_ns // 1000
        blobs: list[Blob] = []
        for blob in _blobs(home, after):
            if len(blobs) == limit:
                return Page(blobs, now, blobs[-1].name)
            blobs.append(blob)
        return Page(blobs, now)

    def _folder(self, space: str, name: str) -> Path:
        """Raises ``ValueError`` for a name that no blob has: nothing outside the root is ever touched."""
        if not BLOB_NAME.fullmatch(name) or not space.isalnum():
            raise ValueError(f"{name!r} in {space!r} is no name of a blob")
        return self._root / space / name[:5] / name[5:8]


def from_url(url: str) -> FolderPlace:
    return FolderPlace(folder_of(url))


def _blobs(home: Path, after: str) -> Iterator[Blob]:
    """Those above a name, in order."""
    for first in _entries(home, after[:5], folders=True):
        for second in _entries(home / first, after[5:8] if first == after[:5] else "", folders=True):
            folder = home / first / second
            for name in _entries(folder, after, folders=False):
                if name <= after or not BLOB_NAME.fullmatch(name) or name[:8] != first + second:
                    continue
                try:
                    found = os.stat(folder / name, follow_symlinks=False)
                except FileNotFoundError:  # another worker sweeps too
                    continue
                if stat.S_ISREG(found.st_mode):
                    yield Blob(name, found.st_mtime_ns // 1000)


def _entries(folder: Path, least: str, *, folders: bool) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(
                entry.name
                for entry in entries
                if entry.name >= least and entry.is_dir(follow_symlinks=False) is folders
            )
    except FileNotFoundError:
        return []


def _read(descriptor: int, start: int, size: int) -> bytes:
    pieces = []
    while size and (piece := os.pread(descriptor, size, start)):
        pieces.append(piece)
        start, size = start + len(piece), size - len(piece)
    return b"".join(pieces)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
