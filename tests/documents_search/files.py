"""Files of every kind, made here: pdf by hand, office files by the libraries that others write them with."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from typing import Any

import docx
import openpyxl
import pptx

WORDS = "A lease ends when its worker stops beating."


def pdf_of(pages: Sequence[str], *, title: str = "", outline: Sequence[str] = (), loop: bool = False) -> bytes:
    """A pdf with one line of text for each page. With `loop` the tree of pages leads back to itself."""
    count = len(pages)
    kids = " ".join(f"{10 + 2 * index} 0 R" for index in range(count)) + (" 2 0 R" if loop else "")
    marks = 10 + 2 * count
    objects = {
        1: f"<</Type/Catalog/Pages 2 0 R{f'/Outlines {marks} 0 R' if outline else ''}>>",
        2: f"<</Type/Pages/Kids[{kids}]/Count {1 << 30 if loop else count}>>",
        3: "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        4: f"<</Title({title})/Author(Ada)>>",
    }
    for index, text in enumerate(pages):
        stream = f"BT /F 12 Tf 72 700 Td ({text}) Tj ET"
        objects[10 + 2 * index] = (
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Resources<</Font<</F 3 0 R>>>>"
            f"/Contents {11 + 2 * index} 0 R>>"
        )
        objects[11 + 2 * index] = f"<</Length {len(stream)}>>stream\n{stream}\nendstream"
    if outline:
        last = marks + len(outline)
        objects[marks] = f"<</Type/Outlines/First {marks + 1} 0 R/Last {last} 0 R>>"
        for index, name in enumerate(outline):
            after = f"/Next {marks + 2 + index} 0 R" if marks + 1 + index < last else ""
            objects[marks + 1 + index] = f"<</Title({name})/Parent {marks} 0 R/Dest[{10 + 2 * index} 0 R/Fit]{after}>>"
    out = io.BytesIO(b"")
    out.write(b"%PDF-1.4\n")
    places = {}
    for number, body in sorted(objects.items()):
        places[number] = out.tell()
        out.write(f"{number} 0 obj{body}endobj\n".encode("latin-1"))
    start = out.tell()
    out.write(f"xref\n0 {max(objects) + 1}\n".encode())
    for number in range(max(objects) + 1):
        free = number not in places
        out.write(f"{places.get(number, 0):010d} {65535 if free else 0:05d} {'f' if free else 'n'} \n".encode())
    out.write(f"trailer<</Size {max(objects) + 1}/Root 1 0 R/Info 4 0 R>>\nstartxref\n{start}\n%%EOF".encode())
    return out.getvalue()


def word_file() -> bytes:
    document = docx.Document()
    document.core_properties.author = "Ada"
    document.add_heading("Leases", 1)
    document.add_paragraph(WORDS)
    document.add_heading("Beats", 2)
    table = document.add_table(rows=1, cols=2)
    table.cell(0, 0).text, table.cell(0, 1).text = "interval", "2 s"
    return _saved(document)


def slide_file() -> bytes:
    show: Any = pptx.Presentation()
    for title, text in (("Leases", WORDS), ("Beats", "Every two seconds.")):
        slide = show.slides.add_slide(show.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = text
    show.slides[1].notes_slide.notes_text_frame.text = "Say it twice."
    return _saved(show)


def sheet_file() -> bytes:
    book: Any = openpyxl.Workbook()
    book.active.title = "Prices"
    for row in (("fruit", "price"), ("apple", 3.0), ("pear", 2.5)):
        book.active.append(row)
    book.create_sheet("Stock").append(("apple", 7))
    return _saved(book)


def _saved(file: object) -> bytes:
    out = io.BytesIO()
    file.save(out)  # type: ignore[attr-defined]
    return out.getvalue()


def zip_of(**parts: bytes) -> bytes:
    """A zip archive; `__` in a name stands for a slash, and the suffix is `.xml`."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in parts.items():
            archive.writestr(name.replace("__", "/") + ".xml", body)
    return out.getvalue()


MAIL = (
    b"From: Ada <ada@example.org>\r\nTo: Bob <bob@example.org>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"
    b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/html; "
    b"charset=iso-8859-1\r\n\r\n<p>Sch\xf6n, dass du <b>da</b> bist.</p>\r\n--x\r\nContent-Type: text/plain\r\n"
    b"Content-Disposition: attachment; filename=plan.txt\r\n\r\nsecret\r\n--x--\r\n"
)
WEB = (
    b"<!DOCTYPE html><html lang=en><head><title>On  leases</title><style>p{}</style></head><body><h1>Leases</h1>"
    b"<p>A lease <b>ends</b>\n when its worker stops<br>beating.</p><script>var x</script><h2>Beats</h2><ul><li>one"
    b"<li>two</ul><pre>a\n  b</pre><table><tr><td>x<td>y</table></body></html>"
)
