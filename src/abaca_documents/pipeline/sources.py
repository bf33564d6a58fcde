"""What a bulk import reads: a list of names that does not change, and the bytes of each. Nothing outside is reached: an
entry of an archive or a manifest is bytes with a name, and no path on this machine but below the manifest's folder."""

from __future__ import annotations

import zipfile
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import msgspec

from abaca_documents.errors import ParseFailed, TooLarge, ValidationError
from abaca_documents.model import ImportKind, ImportPayload
from abaca_documents.pipeline.exporting import Archive as CollectionArchive
from abaca_documents.pipeline.exporting import opened_archive

MOST = 1_000_000
"""Items of one import."""


@dataclass(frozen=True, slots=True)
class Entry:
    filename: str
    data: bytes
    document_id: str = ""
    source_id: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)


class Source(Protocol):
    names: list[str]

    def read(self, at: int) -> Entry:
        """Raises ``TooLarge``, ``ParseFailed``, ``ValidationError`` for an item that cannot be had."""
        ...


@contextmanager
def open_source(payload: ImportPayload, stored: Path | None, largest: int) -> Iterator[Source]:
    """``stored`` are the bytes that ``payload.content_hash`` names. Raises ``ValidationError``."""
    path = stored or Path(payload.path)
    source: Source
    try:
        match payload.kind:
            case ImportKind.FOLDER:
                source = Folder(path, payload.pattern, largest)
            case ImportKind.ZIP:
                with zipfile.ZipFile(path) as archive:
                    yield _few(Archive(archive, largest))
                return
            case ImportKind.COLLECTION:
                with opened_archive(path, largest) as carried:
                    yield _few(Carrying(carried, payload.collection))
                return
            case ImportKind.JSONL:
                source = Lines(path, largest)
            case ImportKind.MANIFEST:
                source = Manifest(path, largest)
    except (OSError, zipfile.BadZipFile) as error:
        raise ValidationError("path", f"{path.name} cannot be read as {payload.kind}: {error}") from error
    yield _few(source)


def _few(source: Source) -> Source:
    if len(source.names) > MOST:
        raise ValidationError("path", f"{len(source.names):,} items; at most {MOST:,} are imported by one job")
    return source


class Folder:
    """Files below a folder by their relative paths, in order. Links that lead out of it are passed over."""

    def __init__(self, root: Path, pattern: str, largest: int) -> None:
        self._root = root.resolve(strict=True)
        self._largest = largest
        found = (path for path in self._root.glob(pattern) if path.is_file())
        inside = (path for path in found if path.resolve().is_relative_to(self._root))
        self.names = sorted(path.relative_to(self._root).as_posix() for path in inside)

    def read(self, at: int) -> Entry:
        path = (self._root / self.names[at]).resolve()
        if not path.is_relative_to(self._root):
            raise ParseFailed(f"{self.names[at]} leads out of the folder by now")
        return Entry(self.names[at], _bytes(path, self._largest))


class Archive:
    """The files of a zip archive. No more than ``largest`` bytes of any are unpacked, whatever it says of itself."""

    def __init__(self, archive: zipfile.ZipFile, largest: int) -> None:
        self._archive = archive
        self._largest = largest
        self._entries = sorted(
            (each for each in archive.infolist() if not each.is_dir()), key=lambda each: each.filename
        )
        self.names = [each.filename for each in self._entries]

    def read(self, at: int) -> Entry:
        try:
            with self._archive.open(self._entries[at]) as packed:
                data = packed.read(self._largest + 1)
        except (zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError, EOFError) as error:
            raise ParseFailed(f"{self.names[at]} cannot be unpacked: {error}") from error
        except Exception as error:  # zlib and lzma raise their own
            raise ParseFailed(f"{self.names[at]} cannot be unpacked: {type(error).__name__}: {error}") from error
        if len(data) > self._largest:
            raise TooLarge(f"{self.names[at]} is larger than {self._largest:,} bytes")
        return Entry(self.names[at].lstrip("/"), data)


class Carrying:
    """The documents of a collection's archive. Ids stay where the collection has the same name: elsewhere there are
    documents of these ids."""

    def __init__(self, archive: CollectionArchive, collection: str) -> None:
        self._archive = archive
        self._is_renamed = collection != archive.collection.name
        self.names = [each.filename for each in archive.documents]

    def read(self, at: int) -> Entry:
        line = self._archive.documents[at]
        id = "" if self._is_renamed else line.document_id
        return Entry(line.filename, self._archive.bytes_of(line), id, line.source_id, line.metadata)


class Line(msgspec.Struct, frozen=True):
    """A line of JSON: a document with its text, or of a manifest with the path of its file."""

    text: str | None = None
    content: str | None = None
    path: str | None = None
    filename: str | None = None
    document_id: str = ""
    source_id: str = ""
    metadata: dict[str, Any] = {}


class _Lined:
    """The lines of a file that are not blank. None but the one that is read is in memory."""

    def __init__(self, path: Path, largest: int) -> None:
        self._path = path
        self._longest = 8 * largest  # a character may be written as six
        self._starts = array("Q")
        self.names: list[str] = []
        for start, line in _lines(path, self._longest):
            self._starts.append(start)
            self.names.append(self.name(line, len(self._starts)))

    def name(self, line: bytes, number: int) -> str:
        return f"line {number}"

    def line(self, at: int) -> Line:
        with self._path.open("rb") as file:
            file.seek(self._starts[at])
            data = file.readline(self._longest)
        if len(data) == self._longest:
            raise TooLarge(f"line {at + 1} is larger than {self._longest:,} bytes")
        return _line(data)


class Lines(_Lined):
    """One document in each line."""

    def read(self, at: int) -> Entry:
        line = self.line(at)
        text = line.content if line.text is None else line.text
        if text is None:
            raise ParseFailed(f"line {at + 1} has neither text nor content")
        name = line.filename or f"{line.document_id or line.source_id or f'line-{at + 1}'}.txt"
        return Entry(name, text.encode("utf-8", "surrogatepass"), line.document_id, line.source_id, line.metadata)


class Manifest(_Lined):
    """Lines that name files below the manifest's own folder, each with its metadata."""

    def __init__(self, path: Path, largest: int) -> None:
        super().__init__(path, largest)
        self._root = path.resolve(strict=True).parent
        self._largest = largest

    def name(self, line: bytes, number: int) -> str:
        try:
            return _line(line).path or super().name(line, number)
        except ParseFailed:
            return super().name(line, number)

    def read(self, at: int) -> Entry:
        line = self.line(at)
        if not line.path:
            raise ParseFailed(f"line {at + 1} has no path")
        path = (self._root / line.path).resolve()
        if not path.is_relative_to(self._root):
            raise ValidationError("path", f"{line.path!r} leads out of the manifest's folder")
        return Entry(
            line.filename or line.path, _bytes(path, self._largest), line.document_id, line.source_id, line.metadata
        )


def inside_folder(folder: str, path: str) -> Path:
    """Where a path below the folder leads, links followed. Raises ``ValidationError`` where that is outside, or where
    there is no such folder."""
    if not folder:
        raise ValidationError("path", "nothing of this machine may be imported: documents.import_folder is empty")
    try:
        root = Path(folder).resolve(strict=True)
        found = (root / path).resolve(strict=True)
    except (OSError, ValueError, RuntimeError):
        raise ValidationError("path", f"there is nothing at {path[:200]!r} in the folder for imports") from None
    if not found.is_relative_to(root):
        raise ValidationError("path", f"{path[:200]!r} leads out of the folder for imports")
    return found


def _lines(path: Path, longest: int) -> Iterator[tuple[int, bytes]]:
    """Where each line starts that is not blank, and the beginning of it."""
    start = 0
    with path.open("rb") as file:
        while piece := file.readline(longest):
            head, end = piece, len(piece)
            while len(piece) == longest and not piece.endswith(b"\n"):
                piece = file.readline(longest)
                end += len(piece)
            if head.strip():
                yield start, head
            start += end


def _bytes(path: Path, largest: int) -> bytes:
    try:
        with path.open("rb") as opened:
            data = opened.read(largest + 1)
    except OSError as error:
        raise ParseFailed(f"{path.name} cannot be read: {error.strerror}") from error
    if len(data) > largest:
        raise TooLarge(f"{path.name} is larger than {largest:,} bytes")
    return data


def _line(data: bytes) -> Line:
    try:
        return msgspec.json.decode(data, type=Line)
    except msgspec.DecodeError as error:
        raise ParseFailed(f"it is no line of JSON with a document: {error}") from error
