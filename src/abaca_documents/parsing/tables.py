"""Tables of text: each row becomes a line that names its columns, so that a row found alone says what it is."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

from abaca_documents.errors import ParseFailed
from abaca_documents.parsing.decoding import decode
from abaca_documents.parsing.media import Kind
from abaca_documents.parsing.writing import Full, Writer
from abaca_documents.protocols import Parsed, ParseLimits

SAMPLE = 8192
DELIMITERS = ",;\t|"
LONGEST = 1 << 20  # characters of one field


def parse(data: bytes, filename: str, limits: ParseLimits) -> Parsed:
    text, encoding = decode(data)
    writer = Writer(Kind.CSV, limits, "csv")
    writer.metadata = {"encoding": encoding}
    csv.field_size_limit(LONGEST)
    try:
        for line in labelled(csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text[:SAMPLE]))):
            writer.line(line)
    except Full:
        pass
    except csv.Error as error:
        raise ParseFailed(f"the table cannot be read: {error}") from None
    return writer.done()


def _delimiter(sample: str) -> str:
    """The delimiter that gives most lines of the sample the same number of columns, and more than one."""
    lines = [line for line in sample.split("\n")[:-1] or sample.split("\n") if line][:50]
    best = (0, 0, ",")
    for delimiter in DELIMITERS:
        counts = [line.count(delimiter) for line in lines]
        usual = max(set(counts), key=counts.count, default=0)
        if usual:
            best = max(best, (counts.count(usual), usual, delimiter))
    return best[2]


def labelled(rows: Iterable[list[str]]) -> Iterator[str]:
    """Lines `name: value; name: value`. A first row of several texts and no number names the columns."""
    names: list[str] | None = None
    for row in rows:
        cells = [" ".join(cell.split()) for cell in row]
        if not any(cells):
            continue
        if names is None:
            names = cells if _is_header(cells) else []
            if names:
                yield "; ".join(filter(None, names))
                continue
        yield "; ".join(
            f"{names[index]}: {cell}" if index < len(names) and names[index] else cell
            for index, cell in enumerate(cells)
            if cell
        )


def _is_header(cells: list[str]) -> bool:
    filled = [cell for cell in cells if cell]
    return len(filled) > 1 and len(set(filled)) == len(filled) and not any(_is_number(cell) for cell in filled)


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", ".").rstrip("%"))
    except ValueError:
        return False
    return True
