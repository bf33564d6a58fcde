"""Text that is kept as it is: plain text, Markdown, reStructuredText, programs. Only the headings are looked for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from abaca_documents.parsing.decoding import decode
from abaca_documents.parsing.kinds import LANGUAGES, suffix_of
from abaca_documents.parsing.media import Kind
from abaca_documents.parsing.writing import Full, Writer
from abaca_documents.protocols import Parsed, ParseLimits

FENCE = re.compile(r"\s{0,3}(`{3,}|~{3,})")
ATX = re.compile(r"\s{0,3}(#{1,6})[ \t]+(.+?)[ \t]*#*[ \t]*$")
UNDERLINE = re.compile(r"([=\-~^\"'`#*+.:_])\1{2,}\s*$")
FRONT_TITLE = re.compile(r"\A---\n(?:.*\n)*?title:[ \t]*[\"']?(.+?)[\"']?[ \t]*\n(?:.*\n)*?---\n")
SYMBOL = re.compile(
    r"(?:(?:export|public|private|protected|static|final|abstract|async|pub(?:\([a-z]+\))?|default|unsafe)\s+)*"
    r"(?:class|def|function|func|fn|struct|interface|trait|impl|enum|module|namespace|type)\s+\(?[A-Za-z_$][\w$.:<>]*"
)
Heading = tuple[int, int, str]  # line, level, text


def parse_text(data: bytes, filename: str, limits: ParseLimits) -> Parsed:
    return _parse(data, filename, limits, Kind.TEXT)


def parse_markdown(data: bytes, filename: str, limits: ParseLimits) -> Parsed:
    return _parse(data, filename, limits, Kind.MARKDOWN)


def parse_rst(data: bytes, filename: str, limits: ParseLimits) -> Parsed:
    return _parse(data, filename, limits, Kind.RST)


def parse_code(data: bytes, filename: str, limits: ParseLimits) -> Parsed:
    return _parse(data, filename, limits, Kind.CODE)


def _parse(data: bytes, filename: str, limits: ParseLimits, kind: Kind) -> Parsed:
    text, encoding = decode(data)
    writer = Writer(kind, limits, "text")
    writer.metadata = {"encoding": encoding}
    lines = text.split("\n")
    if kind is Kind.CODE:
        writer.metadata["language"] = LANGUAGES.get(suffix_of(filename), "")
        headings = {line: (level, words) for line, level, words in _symbols(lines)}
        writer.title = PurePosixPath(filename).name
    elif kind is Kind.TEXT:
        headings = {}
    else:
        found = _markdown(lines) if kind is Kind.MARKDOWN else _underlined(lines)
        headings = {line: (level, words) for line, level, words in found}
        writer.title = _title(text, headings)
    try:
        for number, line in enumerate(lines):
            if number in headings:
                writer.heading(*headings[number])
            writer.write(line if number == len(lines) - 1 else line + "\n")
    except Full:
        pass
    return writer.done()


def _title(text: str, headings: dict[int, tuple[int, str]]) -> str | None:
    if front := FRONT_TITLE.match(text[:4096]):
        return front[1]
    return headings[min(headings)][1] if headings else None


def _markdown(lines: list[str]) -> Iterator[Heading]:
    fence = ""
    front = 0
    if lines and lines[0].rstrip() == "---" and "---" in (line.rstrip() for line in lines[1:100]):
        front = 1 + [line.rstrip() for line in lines[1:100]].index("---")
    for number, line in enumerate(lines):
        if number <= front and front:
            continue
        if mark := FENCE.match(line):
            if not fence:
                fence = mark[1]
            elif mark[1].startswith(fence) and line.strip() == mark[1]:
                fence = ""
            continue
        if fence:
            continue
        if found := ATX.match(line):
            yield number, len(found[1]), found[2]
        elif line.strip() and number + 1 < len(lines) and re.match(r"\s{0,3}(=+|-{2,})\s*$", lines[number + 1]):
            before = lines[number - 1].strip() if number else ""
            if not before and not line.startswith(("    ", "\t", "-", "*", ">", "|")):
                yield number, 1 if "=" in lines[number + 1] else 2, line.strip()


def _underlined(lines: list[str]) -> Iterator[Heading]:
    """reStructuredText: the level of a mark is the order in which the file first uses it."""
    levels: dict[tuple[str, bool], int] = {}
    for number in range(len(lines) - 1):
        line, mark = lines[number], UNDERLINE.match(lines[number + 1])
        if mark is None or not line.strip() or (line[0].isspace() and not number) or UNDERLINE.match(line):
            continue
        if len(lines[number + 1].rstrip()) < len(line.rstrip()):
            continue
        over = number > 0 and lines[number - 1].rstrip() == lines[number + 1].rstrip()
        if number > 0 and lines[number - 1].strip() and not over:
            continue
        level = levels.setdefault((mark[1], over), len(levels) + 1)
        yield number, level, line.strip()


def _symbols(lines: list[str]) -> Iterator[Heading]:
    """Definitions of a program; the level is the depth of indentation."""
    for number, line in enumerate(lines):
        words = line.lstrip()
        if found := SYMBOL.match(words):
            indent = len(line.expandtabs(4)) - len(line.expandtabs(4).lstrip())
            yield number, 1 + indent // 2, found[0].removesuffix(":")
