"""The kinds of files that can be read, by their media type, and the limits that no request changes."""

from __future__ import annotations

from enum import StrEnum

MIB = 1 << 20
MAX_UNPACKED = 400 * MIB
"""Bytes that the parts of an office file may hold together."""
MAX_PARTS = 10_000
OFFICE = "application/vnd.openxmlformats-officedocument."


class Kind(StrEnum):
    """A kind of file; its value is the media type."""

    PDF = "application/pdf"
    DOCX = OFFICE + "wordprocessingml.document"
    PPTX = OFFICE + "presentationml.presentation"
    XLSX = OFFICE + "spreadsheetml.sheet"
    HTML = "text/html"
    MARKDOWN = "text/markdown"
    RST = "text/x-rst"
    TEXT = "text/plain"
    CSV = "text/csv"
    JSON = "application/json"
    JSONL = "application/x-ndjson"
    EMAIL = "message/rfc822"
    CODE = "text/x-source"
    PREMADE = "application/vnd.abaca.chunks+json"
    """Never told by content: only who uploads chunks as such says so."""

    @property
    def noun(self) -> str:
        return self.name.lower()


PLAIN = frozenset({Kind.MARKDOWN, Kind.RST, Kind.TEXT, Kind.CSV, Kind.JSON, Kind.JSONL, Kind.CODE, Kind.PREMADE})
"""Kinds that Python's own code decodes and reads in one pass, with no native parser and nothing to unpack."""
