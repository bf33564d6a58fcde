"""Which files a command line means, and what belongs to each."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from abaca import ConfigError
from abaca_compile.model import GivenFile
from abaca_compile.suffixes import language_of
from abaca_compile.validation.sources import MOST_BYTES, MOST_FILES

_INCLUDE = re.compile(rb'^[ \t]*#[ \t]*include[ \t]*"([^"\n]+)"', re.MULTILINE)
_HIDDEN = re.compile(r"\..+|__pycache__|node_modules|target|build")


@dataclass(frozen=True, slots=True)
class Found:
    """A file to be compiled. ``base`` is the folder that its names are relative to; ``prefix`` leads there from where
    the command runs. ``files`` are the source, first, and the headers that it includes."""

    path: Path
    base: Path
    files: tuple[Path, ...]

    @property
    def prefix(self) -> str:
        text = self.base.as_posix()
        return "" if text == "." else f"{text.rstrip('/')}/"

    @property
    def entry(self) -> str:
        return self.path.relative_to(self.base).as_posix()

    def given(self) -> tuple[GivenFile, ...]:
        """Raises ``ConfigError`` for a file that cannot be read."""
        return tuple(GivenFile(name=path.relative_to(self.base).as_posix(), content=_text(path)) for path in self.files)


def found_files(words: Iterable[str], *, any_name: bool = False) -> list[Found]:
    """The files that the words mean, each once: files, folders with all sources below, and patterns.

    A file that is named is taken whatever it ends in where ``any_name`` says that its language is known otherwise.
    Raises ``ConfigError`` for a word that means nothing.
    """
    found: dict[Path, Found] = {}
    for word in words:
        for path, base in _paths(word, any_name=any_name):
            found.setdefault(path, Found(path, base, (path, *_included(path, base))))
    return list(found.values())


def _paths(word: str, *, any_name: bool) -> Iterator[tuple[Path, Path]]:
    path = Path(word)
    if path.is_dir():
        below = [each for each in _below(path) if language_of(each.name) is not None]
        if not below:
            raise ConfigError(f"{word}: no file below it ends as a source does")
        yield from ((each, path) for each in below)
        return
    if path.is_file():
        if not any_name and language_of(path.name) is None:
            raise ConfigError(f"{word}: its name does not tell the language; give --language or --env")
        yield path, path.parent
        return
    matched = [Path(each) for each in sorted(glob.glob(word, recursive=True))]
    sources = [each for each in matched if each.is_file() and language_of(each.name) is not None]
    if not sources:
        raise ConfigError(f"{word}: there is no such file")
    yield from ((each, each.parent) for each in sources)


def _below(folder: Path) -> Iterator[Path]:
    for entry in sorted(folder.iterdir()):
        if _HIDDEN.fullmatch(entry.name):
            continue
        if entry.is_dir() and not entry.is_symlink():
            yield from _below(entry)
        elif entry.is_file():
            yield entry


def _included(path: Path, base: Path) -> Iterator[Path]:
    """The headers below ``base`` that a source names in quotation marks, and those that they name."""
    top, seen, waiting, room = base.resolve(), {path}, [path], MOST_BYTES
    while waiting and len(seen) < MOST_FILES:
        file = waiting.pop()
        content = file.read_bytes()
        room -= len(content)
        for name in _INCLUDE.findall(content) if room > 0 else ():
            header = _header(file.parent / name.decode(errors="replace"), base, top)
            if header is not None and header not in seen:
                seen.add(header)
                waiting.append(header)
                yield header


def _header(named: Path, base: Path, top: Path) -> Path | None:
    if not named.is_file() or not named.resolve().is_relative_to(top):
        return None
    return base / named.resolve().relative_to(top)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: it cannot be read: {error}") from error
