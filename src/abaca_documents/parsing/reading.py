"""Reads a file in this process. `confined` does the same where a bad file harms nothing."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from abaca_documents.errors import IngestError, ParseFailed, UnsupportedMediaType
from abaca_documents.parsing.kinds import kind_of
from abaca_documents.parsing.media import Kind
from abaca_documents.protocols import Parsed, ParseLimits

Read = Callable[[bytes, str, ParseLimits], Parsed]
PARSERS = {
    Kind.PDF: "pdf:parse",
    Kind.DOCX: "word:parse",
    Kind.PPTX: "slides:parse",
    Kind.XLSX: "sheets:parse",
    Kind.HTML: "web:parse",
    Kind.EMAIL: "mail:parse",
    Kind.CSV: "tables:parse",
    Kind.JSON: "records:parse_json",
    Kind.JSONL: "records:parse_lines",
    Kind.MARKDOWN: "plain:parse_markdown",
    Kind.RST: "plain:parse_rst",
    Kind.TEXT: "plain:parse_text",
    Kind.CODE: "plain:parse_code",
    Kind.PREMADE: "premade:parse",
}
UNLIMITED = ParseLimits()


def parser_for(kind: Kind) -> Read:
    """The parser of a kind; its library is loaded only now. Raises `UnsupportedMediaType` where that is missing."""
    module, _, name = PARSERS[kind].partition(":")
    try:
        found: Read = getattr(import_module(f"abaca_documents.parsing.{module}"), name)
    except ModuleNotFoundError as error:
        raise UnsupportedMediaType(
            f"a {kind.noun} file needs the package {error.name}, which is not installed; the extra abaca[documents] "
            "brings it"
        ) from None
    return found


def read(data: bytes, filename: str = "", limits: ParseLimits = UNLIMITED, kind: Kind | None = None) -> Parsed:
    """The text of a file.

    Raises `UnsupportedMediaType`, `TooLarge`, or `ParseFailed` with the reason for a file that cannot be read.
    """
    if not data:
        raise ParseFailed("the file is empty")
    kind = kind or kind_of(data, filename)
    parse = parser_for(kind)
    try:
        parsed = parse(data, filename, limits)
    except (IngestError, MemoryError):
        raise
    except Exception as error:
        # Parsers raise whatever their libraries do; what is left of it is one reason about one file.
        raise ParseFailed(f"the {kind.noun} file cannot be read: {type(error).__name__}: {error}") from error
    if not parsed.text.strip():
        raise ParseFailed(f"the {kind.noun} file holds no text" + (", only pictures" if kind is Kind.PDF else ""))
    return parsed
