"""Which files a command line means."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from abaca import ConfigError
from abaca_documents.errors import IngestError, UnsupportedMediaType
from abaca_documents.parsing.kinds import kind_of

_HIDDEN = re.compile(r"\..+|__pycache__|node_modules")
Mark = tuple[int, int, int]
"""What tells one content of a file from another without reading it."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file with its name in the library: its own, or the path within the folder that it was found in."""

    path: Path
    name: str
    mark: Mark
    is_named: bool

    @property
    def source_id(self) -> str:
        """What the library knows it by: files of one name in two folders are two documents."""
        return str(self.path)

    def is_of_another_kind(self, largest: int) -> bool:
        """Whether it is no document at all, such as a picture beside the texts of a folder."""
        if self.is_named or self.mark[2] > largest:
            return False
        try:
            kind_of(self.path.read_bytes(), self.name)
        except UnsupportedMediaType:
            return True
        except (IngestError, OSError):
            return False
        return False


class Wanted:
    """What the words of a command line mean, as often as it is asked: files, and folders with the files in them, or
    with all below them. Raises ``ConfigError`` for a word that means nothing."""

    def __init__(self, words: Sequence[str], *, recursive: bool) -> None:
        paths = [Path(word).resolve() for word in words]
        for word, path in zip(words, paths, strict=True):
            if not path.is_file() and not path.is_dir():
                raise ConfigError(f"{word}: there is no such file and no such folder")
        self.files = tuple(path for path in paths if path.is_file())
        self.folders = tuple(path for path in paths if path.is_dir())
        self.recursive = recursive

    def look(self) -> dict[Path, Found]:
        """The files that are there now, in order. Hidden ones in folders are passed over, and links to folders."""
        found = {path: each for path in self.files if (each := _found(path, path.name, is_named=True)) is not None}
        for folder in self.folders:
            for path in self._within(folder):
                each = _found(path, path.relative_to(folder).as_posix(), is_named=False)
                if each is not None:
                    found.setdefault(path, each)
        return found

    def has_lost(self, path: Path) -> bool:
        """Whether a path is one of these and was deleted. Where its whole folder is away nothing is told by that."""
        if path.exists():
            return False
        if path in self.files:
            return path.parent.is_dir()
        homes = (folder for folder in self.folders if folder in path.parents)
        return any(folder.is_dir() and (self.recursive or path.parent == folder) for folder in homes)

    def _within(self, folder: Path) -> Iterator[Path]:
        for home, below, names in os.walk(folder):
            below[:] = sorted(name for name in below if not _HIDDEN.fullmatch(name)) if self.recursive else []
            yield from (Path(home, name) for name in sorted(names) if not _HIDDEN.fullmatch(name))


def _found(path: Path, name: str, *, is_named: bool) -> Found | None:
    try:
        about = path.stat()
    except OSError:
        return None
    if not path.is_file():
        return None
    return Found(path, name, (about.st_ino, about.st_mtime_ns, about.st_size), is_named)
