"""Stretches of a text, (start, end) in characters: how long units are packed and long ones are cut."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from semantic_text_splitter import MarkdownSplitter, TextSplitter

Span = tuple[int, int]

ENDING = re.compile(r"[.!?…]+[\"'”’»)\]]*(?=\s)|[。！？]+[」』”’）]*|\n[ \t]*\n\s*")  # noqa: RUF001 (ideographic marks)
BEFORE = re.compile(r"[\w.]+\.$")
ABBREVIATIONS = frozenset(
    {
        *("mr.", "mrs.", "ms.", "dr.", "prof.", "st.", "vs.", "etc.", "e.g.", "i.e.", "cf.", "fig.", "no.", "vol."),
        *("pp.", "p.", "approx.", "dept.", "est.", "inc.", "ltd.", "co.", "corp.", "jr.", "sr.", "al.", "ca.", "z.b."),
        *("d.h.", "bzw.", "usw.", "nr.", "abs.", "vgl.", "bsp."),
    }
)
WORD = re.compile(r"\w+|[^\w\s]")


def trimmed(text: str, span: Span) -> Span:
    """Without the white space at both ends."""
    start, end = span
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def sentences(text: str) -> list[Span]:
    """The sentences of a text, end to end: each with the white space behind it. A blank line always ends one."""
    found: list[Span] = []
    start = 0
    for mark in ENDING.finditer(text):
        if not _ends_here(text, mark):
            continue
        if found and text[start : mark.end()].isspace():
            found[-1] = (found[-1][0], mark.end())
        else:
            found.append((start, mark.end()))
        start = mark.end()
    if start < len(text):
        found.append((start, len(text)))
    return found


def _ends_here(text: str, mark: re.Match[str]) -> bool:
    if mark[0].startswith("\n") or mark[0][0] in "。！？":  # noqa: RUF001
        return True
    after = text[mark.end() : mark.end() + 40].lstrip()[:1]
    if after.islower():
        return False
    if mark[0].startswith("."):
        word = BEFORE.search(text, max(0, mark.start() - 20), mark.start() + 1)
        if word and (word[0].lower() in ABBREVIATIONS or (len(word[0]) == 2 and word[0][0].isupper())):
            return False
    return True


def cut_at(spans: Iterable[Span], places: Sequence[int]) -> Iterator[Span]:
    """The same stretches, cut also at these ascending places."""
    waiting = iter(places)
    place = next(waiting, None)
    for begin, end in spans:
        start = begin
        while place is not None and place < end:
            if place > start:
                yield start, place
                start = place
            place = next(waiting, None)
        yield start, end


def pack(
    text: str, units: Iterable[Span], size: int, overlap: int, breaks: frozenset[int] = frozenset()
) -> Iterator[Span]:
    """Join units that follow one another as long as they fit. The next stretch begins with as many whole units of the
    one before as fit into `overlap`. A unit that does not fit alone is cut. At `breaks` a stretch ends that is at least
    half full."""
    held: list[Span] = []
    is_new = False  # whether `held` has anything that was not given out yet
    for unit in fitting(text, units, size):
        start = held[0][0] if held else unit[0]
        is_break = unit[0] in breaks and unit[0] - start >= size // 2
        if held and is_new and (_length(text, start, unit[1]) > size or is_break):
            yield start, held[-1][1]
            held = [] if is_break else _tail(text, held, overlap, unit, size)
        held.append(unit)
        is_new = True
    if held and is_new:
        yield held[0][0], held[-1][1]


def _length(text: str, start: int, end: int) -> int:
    start, end = trimmed(text, (start, end))
    return end - start


def _tail(text: str, held: list[Span], overlap: int, unit: Span, size: int) -> list[Span]:
    """The last units that fit into the overlap, and together with the next unit into the size."""
    kept: list[Span] = []
    for each in reversed(held[1:]):
        if held[-1][1] - each[0] > overlap or _length(text, each[0], unit[1]) > size:
            break
        kept.insert(0, each)
    return kept


def fitting(text: str, units: Iterable[Span], size: int) -> Iterator[Span]:
    """The same units, those cut that do not fit alone."""
    for start, end in units:
        if _length(text, start, end) <= size:
            yield start, end
        else:
            inner = list(split(text[start:end], size, 0))
            for at, (first, last) in enumerate(inner):
                # End to end again: what was trimmed between two parts belongs to the first of them.
                yield start + first, start + (inner[at + 1][0] if at + 1 < len(inner) else last)


def split(text: str, size: int, overlap: int, *, is_markdown: bool = False) -> Iterator[Span]:
    """Cut at the largest boundaries that fit: paragraphs, lines, sentences, words, characters; of Markdown, its own."""
    kind = MarkdownSplitter if is_markdown else TextSplitter
    for start, part in kind(size, overlap=overlap).chunk_indices(text):
        yield start, start + len(part)


def windows(length: int, size: int, overlap: int) -> Iterator[Span]:
    """Stretches of one length, each beginning `size - overlap` after the one before."""
    start = 0
    while start < length:
        end = min(length, start + size)
        yield start, end
        if end == length:
            return
        start = end - overlap


def words(text: str) -> list[Span]:
    """Words and marks: what stands for tokens where no model's tokenizer is given."""
    return [found.span() for found in WORD.finditer(text)]
