"""Workbooks: each sheet is a page with its name as heading, each row a line. Values, not formulas."""

from __future__ import annotations

import io
from datetime import datetime, time

import openpyxl

from abaca_documents.parsing.archive import look_over
from abaca_documents.parsing.media import Kind
from abaca_documents.parsing.tables import labelled
from abaca_documents.parsing.writing import Full, Writer
from abaca_documents.protocols import Parsed, ParseLimits


def parse(data: bytes, filename: str, limits: ParseLimits) -> Parsed:
    look_over(data)
    book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
    writer = Writer(Kind.XLSX, limits, "openpyxl")
    writer.title = book.properties.title
    writer.metadata = {"author": book.properties.creator or ""}
    writer.page_count = len(book.worksheets)
    try:
        for number, sheet in enumerate(book.worksheets, 1):
            if not writer.may_read(number):
                break
            writer.page(number)
            writer.heading(1, sheet.title)
            writer.line(sheet.title)
            sheet.reset_dimensions()  # files lie about them, and a reader that believes one reads a million empty rows
            rows = ([_shown(value) for value in row] for row in sheet.iter_rows(values_only=True))
            for line in labelled(rows):
                writer.line(line)
            writer.line("")
    except Full:
        pass
    finally:
        book.close()
    return writer.done()


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return " ".join(str(value).split())
