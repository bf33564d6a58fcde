"""Bytes to text: marks of order, UTF-8, UTF-16 without a mark, and a guess for what is left."""

from __future__ import annotations

import codecs
import re

from charset_normalizer import from_bytes

from abaca_documents.errors import UnsupportedMediaType

SAMPLE = 1 << 16  # what the guess looks at; it takes time with the square of what it gets
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What no text holds: control characters other than tab, line and page ends, escape.
CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def decode(data: bytes, declared: str | None = None) -> tuple[str, str]:
    """The text and the name of its encoding, with `\\n` as the only line end and without NULs.

    `declared` is what the file itself says its encoding is; it counts after marks of order and UTF-8, because files
    lie about it more often than bytes happen to be UTF-8. Raises `ParseFailed` for bytes that are no text.
    """
    text, encoding = _decoded(data, declared)
    if len(CONTROL.findall(text[:SAMPLE])) > len(text[:SAMPLE]) // 50:
        raise UnsupportedMediaType("the file is neither text nor of a kind that can be read")
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    return text, encoding


def _decoded(data: bytes, declared: str | None) -> tuple[str, str]:
    for mark, encoding in MARKS:
        if data.startswith(mark):
            return data.decode(encoding, "replace"), encoding.removesuffix("-sig")
    if wide := _wide(data[:SAMPLE]):
        return data.decode(wide, "replace"), wide
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        pass
    if declared and (known := _known(declared)):
        return data.decode(known, "replace"), known
    best = from_bytes(data[:SAMPLE], enable_fallback=False).best()
    encoding = best.encoding if best is not None else "cp1252"
    return data.decode(encoding, "replace"), encoding


def _wide(sample: bytes) -> str | None:
    """UTF-16 without a mark: nearly every second byte of Western text is NUL, and always the same second."""
    if len(sample) < 4 or b"\0" not in sample:
        return None
    half = len(sample) // 2
    if sample[1::2].count(0) > half * 0.7 and sample[::2].count(0) < half * 0.1:
        return "utf-16-le"
    if sample[::2].count(0) > half * 0.7 and sample[1::2].count(0) < half * 0.1:
        return "utf-16-be"
    return None


def _known(name: str) -> str | None:
    try:
        return codecs.lookup(name.strip().strip("\"'")).name
    except (LookupError, ValueError):
        return None
