"""Of what kind a file is: told by its content, and by its name only between kinds of text."""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import PurePosixPath

from abaca_documents.errors import ParseFailed, UnsupportedMediaType
from abaca_documents.parsing.decoding import decode
from abaca_documents.parsing.media import Kind

HEAD = 1 << 14
OFFICE = {"word/document.xml": Kind.DOCX, "ppt/presentation.xml": Kind.PPTX, "xl/workbook.xml": Kind.XLSX}
BY_NAME = {
    Kind.MARKDOWN: "md markdown mdown mkd mdx",
    Kind.RST: "rst",
    Kind.CSV: "csv tsv tab",
    Kind.HTML: "html htm xhtml",
    Kind.EMAIL: "eml",
    Kind.JSON: "json",
    Kind.JSONL: "jsonl ndjson",
}
LANGUAGES = {
    "py": "python", "pyi": "python", "js": "javascript", "mjs": "javascript", "ts": "typescript", "tsx": "typescript",
    "jsx": "javascript", "c": "c", "h": "c", "cc": "c++", "cpp": "c++", "hpp": "c++", "cxx": "c++", "go": "go",
    "rs": "rust", "java": "java", "kt": "kotlin", "rb": "ruby", "php": "php", "sh": "shell", "bash": "shell",
    "pl": "perl", "lua": "lua", "sql": "sql", "cs": "c#", "swift": "swift", "scala": "scala", "r": "r", "css": "css",
    "toml": "toml", "yaml": "yaml", "yml": "yaml", "ini": "ini", "cfg": "ini", "xml": "xml", "svg": "xml",
}  # fmt: skip
NAMED = {suffix: kind for kind, suffixes in BY_NAME.items() for suffix in suffixes.split()}
# Kinds that are not read, each with what to do about it.
REFUSED = (
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an office file of before 2007, or one with a password; "
                                              "save it as docx, xlsx or pptx, without a password"),
    (b"{\\rtf", "rich text; save it as docx"),
    (b"\x89PNG", "a picture"), (b"\xff\xd8\xff", "a picture"), (b"GIF8", "a picture"), (b"RIFF", "sound or film"),
    (b"\x1f\x8b", "a gzip archive"), (b"BZh", "a bzip2 archive"), (b"\xfd7zXZ", "an xz archive"),
    (b"(\xb5/\xfd", "a zstd archive"), (b"7z\xbc\xaf", "a 7z archive"), (b"Rar!", "a rar archive"),
    (b"\x7fELF", "a program"), (b"MZ", "a program"), (b"SQLite format 3\0", "a database"),
)  # fmt: skip
WEB = re.compile(
    r"\s*+(?:<!--(?:(?!-->).)*+-->\s*+)*+(?:<\?xml[^>]*+>\s*+)?+(?:<!doctype\s+html|<html|<head\b|<body\b)",
    re.IGNORECASE | re.DOTALL,
)
MAIL = re.compile(r"(?:[!-9;-~]+:[^\n]*\n(?:[ \t][^\n]*\n)*){2,}\n")
MAIL_FIELD = re.compile(r"^(?:received|message-id|mime-version|return-path|from):", re.IGNORECASE | re.MULTILINE)


def suffix_of(filename: str) -> str:
    return PurePosixPath(filename).suffix.lstrip(".").lower()


def check_head(head: bytes) -> None:
    """Refuse by its first bytes what is never read. Raises `UnsupportedMediaType`."""
    for magic, what in REFUSED:
        if head.startswith(magic) and not (magic == b"MZ" and b"\0" not in head[:512]):
            raise UnsupportedMediaType(f"the file is {what}")


def kind_of(data: bytes, filename: str = "") -> Kind:
    """The kind of a file. Raises `ParseFailed` for what cannot be read, with the reason."""
    if b"%PDF-" in data[:1024]:
        return Kind.PDF
    if data.startswith(b"PK\x03\x04"):
        return _office(data)
    check_head(data)
    return _kind_of_text(data, suffix_of(filename))


def _office(data: bytes) -> Kind:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise ParseFailed(f"the file begins as a zip archive but cannot be opened: {error}") from None
    for name, kind in OFFICE.items():
        if name in names:
            return kind
    raise UnsupportedMediaType("the file is a zip archive; import it as an archive, each file in it is read")


def _kind_of_text(data: bytes, suffix: str) -> Kind:
    head, _ = decode(data[:HEAD])
    named = NAMED.get(suffix)
    if WEB.match(head):
        return Kind.HTML
    if MAIL.match(head) and MAIL_FIELD.search(head.partition("\n\n")[0]) and named in (None, Kind.EMAIL):
        return Kind.EMAIL
    if named is not None and named not in (Kind.JSON, Kind.JSONL):
        return named
    if suffix in LANGUAGES:
        return Kind.CODE
    return _json_or_text(data, head)


def _json_or_text(data: bytes, head: str) -> Kind:
    start = head.lstrip()[:1]
    if start in ("{", "["):
        first = head.lstrip().partition("\n")[0]
        if start == "{" and _is_json(first) and head.strip().count("\n"):
            return Kind.JSONL
        if _is_json(decode(data)[0]):
            return Kind.JSON
    return Kind.TEXT


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
