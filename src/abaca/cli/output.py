"""How answers look: aligned columns for people, JSON for machines."""

from __future__ import annotations

import os
import re
import sys
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

import msgspec

from abaca.text import escape

_STEERING = re.compile(r"[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_LEAST_TEXT = 4
_WIDTH = 80
"""Columns of a terminal that does not know how many it has, such as one that a program made."""


def print_json(value: Any) -> None:
    print(json_text(msgspec.json.format(msgspec.json.encode(value), indent=2)))


def json_line(value: Any) -> str:
    """A value as JSON on one line, without what could steer a terminal."""
    return json_text(msgspec.json.encode(value))


def json_text(data: bytes) -> str:
    """JSON as it is printed. What could steer a terminal can stand only inside its strings: there it is escaped."""
    return _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", data.decode())


def print_table(heads: Sequence[str], rows: Iterable[Sequence[object]], nothing: str) -> None:
    """Columns as wide as they need to be; ``nothing`` where there is no row. Numbers stand on the right.

    On a terminal that is too narrow, columns that say nothing are left out and long names are cut; a pipe gets all.
    """
    texts = [[clean(cell) for cell in row] for row in rows]
    if not texts:
        print(nothing)
        return
    table = [list(heads), *texts]
    room = os.get_terminal_size(sys.stdout.fileno()).columns or _WIDTH if sys.stdout.isatty() else None
    if room is not None and _width(table) > room:
        telling = [i for i in range(len(heads)) if any(row[i] != "-" for row in texts)]
        table = [[row[i] for i in telling] for row in table]
    right = [all(_is_number(row[i]) for row in table[1:]) for i in range(len(table[0]))]
    widths = _widths(table)
    if room is not None:
        _shrink(widths, right, room)
    for row in table:
        cells = [
            _cut(cell, width).rjust(width) if on_right else _cut(cell, width).ljust(width)
            for cell, width, on_right in zip(row, widths, right, strict=True)
        ]
        print("  ".join(cells).rstrip())


def _widths(table: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(*table, strict=True)]


def _width(table: Sequence[Sequence[str]]) -> int:
    widths = _widths(table)
    return sum(widths) + 2 * (len(widths) - 1)


def _shrink(widths: list[int], right: Sequence[bool], room: int) -> None:
    """Take what is too much from the widest of the later columns of text; the first one names the row and stays."""
    while sum(widths) + 2 * (len(widths) - 1) > room:
        widest = max(range(1, len(widths)), key=lambda i: 0 if right[i] else widths[i], default=0)
        if widest == 0 or right[widest] or widths[widest] <= _LEAST_TEXT:
            return
        widths[widest] -= 1


def _cut(cell: str, width: int) -> str:
    return cell if len(cell) <= width else cell[: width - 1] + "\N{HORIZONTAL ELLIPSIS}"


def print_pairs(pairs: Iterable[tuple[str, object]]) -> None:
    known = [(name, clean(value)) for name, value in pairs if value not in (None, "", ())]
    width = max((len(name) for name, _ in known), default=0)
    for name, value in known:
        print(f"{name.ljust(width)}  {value}")


def say(text: str) -> None:
    """A sentence: folded between words in a terminal, one line elsewhere."""
    print(_folded(clean(text), sys.stdout))


def note(text: str) -> None:
    """A word beside the answer, on stderr so that it never mixes with what a program reads."""
    print(_folded(clean(text), sys.stderr), file=sys.stderr)


def _folded(text: str, stream: TextIO) -> str:
    if not stream.isatty():
        return text
    width = os.get_terminal_size(stream.fileno()).columns or _WIDTH
    return textwrap.fill(text, width, break_on_hyphens=False, break_long_words=False)


def clean(value: object) -> str:
    """Text on one line: what a job brings must not steer a terminal or pass for a line of ours."""
    return escape("-" if value is None or value == "" else str(value))


def _is_number(text: str) -> bool:
    return text == "-" or text.replace(".", "", 1).replace(",", "").isdecimal()
