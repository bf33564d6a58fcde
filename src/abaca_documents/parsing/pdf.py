"""PDF, by pdfium: the text of each page, and the outline as headings."""

from __future__ import annotations

import pypdfium2 as pdfium

from abaca_documents.errors import ParseFailed
from abaca_documents.parsing.media import Kind
from abaca_documents.parsing.writing import Full, Writer
from abaca_documents.protocols import Parsed, ParseLimits

FIELDS = {"Author": "author", "Subject": "subject", "Keywords": "keywords", "CreationDate": "created"}
MAX_OUTLINE = 20_000


def parse(data: bytes, filename: str, limits: ParseLimits) -> Parsed:
    try:
        document = pdfium.PdfDocument(data)
    except pdfium.PdfiumError as error:
        is_locked = any(word in str(error).lower() for word in ("password", "security"))
        raise ParseFailed(f"the pdf cannot be opened: {'it needs a password' if is_locked else error}") from None
    try:
        return _read(document, limits)
    finally:
        document.close()


def _read(document: pdfium.PdfDocument, limits: ParseLimits) -> Parsed:
    writer = Writer(Kind.PDF, limits, "pypdfium2")
    fields = document.get_metadata_dict()
    writer.title = fields.get("Title")
    writer.metadata = {name: fields.get(field, "") for field, name in FIELDS.items()}
    writer.page_count = len(document)
    outline = _outline(document)
    try:
        for number in range(1, len(document) + 1):
            if not writer.may_read(number):
                break
            writer.page(number)
            for level, title in outline.get(number, ()):
                writer.heading(level, title)
            writer.paragraph(_text(document, number))
    except Full:
        pass
    return writer.done()


def _text(document: pdfium.PdfDocument, number: int) -> str:
    """The text of a page; a page that pdfium cannot read is empty, and the others are kept."""
    try:
        page = document[number - 1]
    except pdfium.PdfiumError:
        return ""
    try:
        text: str = page.get_textpage().get_text_bounded()
    finally:
        page.close()
    # pdfium marks a hyphen at the end of a line, which it joins, as U+FFFE.
    return text.replace("\r\n", "\n").replace("\ufffe", "").replace("\0", "").strip()


def _outline(document: pdfium.PdfDocument) -> dict[int, list[tuple[int, str]]]:
    """The titles of the outline by page, each with its level, as far as they name a page."""
    found: dict[int, list[tuple[int, str]]] = {}
    for count, mark in enumerate(document.get_toc()):
        if count == MAX_OUTLINE:
            break
        target = mark.get_dest()
        index = target.get_index() if target is not None else None
        if index is not None:
            found.setdefault(index + 1, []).append((mark.level + 1, mark.get_title()))
    return found
