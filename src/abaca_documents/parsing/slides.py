"""Presentations: each slide is a page, its title a heading; notes come after what the slide shows."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import Any

import pptx
from pptx.shapes.group import GroupShape
from pptx.slide import Slide

from abaca_documents.parsing.archive import look_over
from abaca_documents.parsing.media import Kind
from abaca_documents.parsing.writing import Full, Writer
from abaca_documents.protocols import Parsed, ParseLimits


def parse(data: bytes, filename: str, limits: ParseLimits) -> Parsed:
    look_over(data)
    show = pptx.Presentation(io.BytesIO(data))
    writer = Writer(Kind.PPTX, limits, "python-pptx")
    writer.title = show.core_properties.title
    writer.metadata = {"author": show.core_properties.author, "subject": show.core_properties.subject}
    writer.page_count = len(show.slides)
    try:
        for number, slide in enumerate(show.slides, 1):
            if not writer.may_read(number):
                break
            writer.page(number)
            _write(slide, number, writer)
    except Full:
        pass
    return writer.done()


def _write(slide: Slide, number: int, writer: Writer) -> None:
    shape = slide.shapes.title
    title = shape.text_frame.text.strip() if shape is not None else ""
    writer.heading(1, title or f"Slide {number}")
    writer.title = writer.title or title
    for text in _texts(slide.shapes):
        writer.paragraph(text)
    if slide.has_notes_slide and (notes := slide.notes_slide.notes_text_frame) is not None:
        writer.paragraph(notes.text)


def _texts(shapes: Iterable[Any]) -> Iterator[str]:
    for shape in shapes:
        if isinstance(shape, GroupShape):
            yield from _texts(shape.shapes)
        elif shape.has_text_frame:
            yield shape.text_frame.text.replace("\v", "\n")
        elif shape.has_table:
            yield "\n".join("\t".join(cell.text for cell in row.cells) for row in shape.table.rows)
