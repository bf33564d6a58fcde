"""Looks an office file over before anything unpacks it: how much is in it, and whether its XML declares entities."""

from __future__ import annotations

import io
import re
import zipfile

from abaca_documents.errors import ParseFailed, TooLarge
from abaca_documents.parsing.media import MAX_PARTS, MAX_UNPACKED, MIB

RATIO = 300  # text deflates by 4 to 30, zeros by 1000
SMALL = 4 * MIB  # below which the ratio says nothing
PROLOG = 1 << 16
DECLARATION = re.compile(rb"<\0?!\0?(D\0?O\0?C\0?T\0?Y\0?P\0?E|E\0?N\0?T\0?I\0?T\0?Y)")


def look_over(data: bytes) -> None:
    """Raise `ParseFailed` for an archive whose XML declares a document type, `TooLarge` for one of too much.

    The sizes that an archive declares hold: the reader stops at them.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            _measure(entries)
            for entry in entries:
                if entry.filename.endswith((".xml", ".rels", ".vml")):
                    with archive.open(entry) as part:
                        _refuse_declarations(entry.filename, part.read(PROLOG))
    except (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError, OSError, RuntimeError) as error:
        raise ParseFailed(f"the office file cannot be unpacked: {error}") from None


def _measure(entries: list[zipfile.ZipInfo]) -> None:
    if len(entries) > MAX_PARTS:
        raise TooLarge(f"the office file has {len(entries)} parts; the most is {MAX_PARTS}")
    total = sum(entry.file_size for entry in entries)
    if total > MAX_UNPACKED:
        raise TooLarge(f"the office file unpacks to {total} bytes; the most is {MAX_UNPACKED}")
    for entry in entries:
        if entry.file_size > SMALL and entry.file_size > RATIO * max(1, entry.compress_size):
            raise TooLarge(
                f"{entry.filename} in the office file unpacks {entry.compress_size} bytes to {entry.file_size}",
            )
        if entry.flag_bits & 1:
            raise ParseFailed("the office file needs a password")


def _refuse_declarations(name: str, prolog: bytes) -> None:
    """Office files never declare a document type; one that does is after entities, which multiply or read files."""
    if DECLARATION.search(prolog):
        raise ParseFailed(f"{name} in the office file declares a document type or XML entities")
