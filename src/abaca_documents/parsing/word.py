"""Word files: paragraphs and tables in their order, headings by their style."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

import docx
from docx.document import Document
from docx.table import Table
from docx.text.paragraph import Paragraph

from abaca_documents.parsing.archive import look_over
from abaca_documents.parsing.media import Kind
from abaca_documents.parsing.writing import Full, Writer
from abaca_documents.protocols import Parsed, ParseLimits

HEADING = re.compile(r"heading (\d)|title$", re.IGNORECASE)


def parse(data: bytes, filename: str, limits: ParseLimits) -> Parsed:
    look_over(data)
    document = docx.Document(io.BytesIO(data))
    writer = Writer(Kind.DOCX, limits, "python-docx")
    writer.title = document.core_properties.title
    writer.metadata = {
        "author": document.core_properties.author,
        "subject": document.core_properties.subject,
        "keywords": document.core_properties.keywords,
    }
    try:
        _write(document, writer)
    except Full:
        pass
    return writer.done()


def _write(document: Document, writer: Writer) -> None:
    for block in document.iter_inner_content():
        if isinstance(block, Table):
            writer.paragraph("\n".join(_rows(block)))
            continue
        if level := _level(block):
            writer.heading(level, block.text)
            writer.title = writer.title or block.text
        writer.paragraph(block.text)


def _level(paragraph: Paragraph) -> int:
    """1 for a title and a first heading, 0 for what is no heading."""
    style = paragraph.style.name if paragraph.style is not None else None
    found = HEADING.match(style or "")
    return int(found[1] or 1) if found else 0


def _rows(table: Table) -> Iterator[str]:
    for row in table.rows:
        cells: list[str] = []
        seen = None
        for cell in row.cells:
            if cell._tc is not seen:  # a merged cell is given once for each column it spans
                cells.append(" ".join(cell.text.split()))
            seen = cell._tc
        yield "\t".join(cells)
