"""The folder of packed data sets: a file per content, named by its digest. Blocking; called in threads."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from abaca_strategies.data import DataSet
from abaca_strategies.data.packing import packed_header, read_packed, write_packed
from abaca_strategies.failures import DataError
from abaca_strategies.packed import Header

_SUFFIX = ".bars"
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_READABLE = 0o755


class DataFiles:
    """``folder`` is made at the first write. A file that nothing names any more stays for ``grace`` seconds."""

    def __init__(self, folder: Path, grace: float = 24 * 3600.0) -> None:
        self.folder = folder / "data"
        self._grace = grace
        self._checked: dict[str, tuple[int, int]] = {}

    def path(self, digest: str) -> Path:
        match = _DIGEST.fullmatch(digest)
        if match is None:
            raise DataError(f"{digest[:80]!r} is no digest of data")
        return self.folder / f"{match[1]}{_SUFFIX}"

    def has(self, digest: str) -> bool:
        return self.path(digest).is_file()

    def put(self, data: DataSet) -> str:
        """Writes the file unless it is there, and answers its digest."""
        path = self.path(data.digest)
        if path.is_file():
            os.utime(path)  # whoever is about to name it has the time of grace to do so
            return data.digest
        path.parent.mkdir(parents=True, exist_ok=True, mode=_READABLE)
        write_packed(data, path)
        return data.digest

    def get(self, digest: str, name: str, tickers: Iterable[str] | None = None) -> DataSet:
        """The data, hashed and compared once per process and file. Raises ``DataError`` for a file that is damaged or
        gone, and for a ticker that it does not have."""
        path = self._sound(digest, name)
        return read_packed(path, name=name, tickers=tickers)

    def header(self, digest: str, name: str) -> Header:
        """What the file says of itself. Raises ``DataError`` as ``get`` does."""
        return packed_header(self._sound(digest, name))

    def _sound(self, digest: str, name: str) -> Path:
        path = self.path(digest)
        try:
            told = path.stat()
        except OSError as error:
            raise DataError(f"the file of data set {name!r} cannot be read: {error}") from error
        mark = (told.st_ino, told.st_size)
        if self._checked.get(digest) != mark:
            read_packed(path, name=name, tickers=(), digest=digest)
            self._checked[digest] = mark
        return path

    def let_go(self, digest: str) -> None:
        """From now on the file has its time of grace."""
        path = self.path(digest)
        if path.is_file():
            os.utime(path)

    def old(self) -> Iterator[str]:
        """Digests of files that were not touched for the time of grace. Parts of files that were never finished go."""
        before = time.time() - self._grace
        for path in sorted(self.folder.glob(f"*{_SUFFIX}*")) + sorted(self.folder.glob(f".*{_SUFFIX}-*")):
            if _touched(path) >= before:
                continue
            if path.name.startswith("."):
                path.unlink(missing_ok=True)
            elif _DIGEST.fullmatch(digest := f"sha256:{path.name.removesuffix(_SUFFIX)}"):
                yield digest

    def remove(self, digest: str) -> None:
        self.path(digest).unlink(missing_ok=True)
        self._checked.pop(digest, None)


def _touched(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return float("inf")  # it went meanwhile
