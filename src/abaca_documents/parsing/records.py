"""JSON: each value becomes a line that says its path; a file of many records gives one paragraph for each."""

from __future__ import annotations

import json
from collections.abc import Iterator

from abaca_documents.errors import ParseFailed
from abaca_documents.parsing.decoding import decode
from abaca_documents.parsing.media import Kind
from abaca_documents.parsing.writing import Full, Writer
from abaca_documents.protocols import Parsed, ParseLimits

TITLES = ("title", "name", "subject", "heading")


def parse_json(data: bytes, filename: str, limits: ParseLimits) -> Parsed:
    text, encoding = decode(data)
    writer = Writer(Kind.JSON, limits, "json")
    writer.metadata = {"encoding": encoding}
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ParseFailed(f"the file is no JSON that can be read: {error}") from None
    if isinstance(value, dict):
        writer.title = next((value[name] for name in TITLES if isinstance(value.get(name), str)), None)
    try:
        for record in value if isinstance(value, list) else [value]:
            _write(record, writer)
    except Full:
        pass
    return writer.done()


def parse_lines(data: bytes, filename: str, limits: ParseLimits) -> Parsed:
    text, encoding = decode(data)
    writer = Writer(Kind.JSONL, limits, "json")
    writer.metadata = {"encoding": encoding}
    try:
        for number, line in enumerate(text.split("\n"), 1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise ParseFailed(f"line {number} is no JSON that can be read: {error}") from None
            _write(record, writer)
    except Full:
        pass
    return writer.done()


def _write(record: object, writer: Writer) -> None:
    for path, value in _leaves(record):
        writer.line(f"{path}: {value}" if path else value)
    writer.line("")


def _leaves(root: object) -> Iterator[tuple[str, str]]:
    """Every scalar with its path, in order. Without recursion, as JSON nests deeper than Python calls."""
    stack: list[tuple[str, object]] = [("", root)]
    while stack:
        path, value = stack.pop()
        if isinstance(value, dict):
            stack.extend((f"{path}.{name}" if path else str(name), inner) for name, inner in reversed(value.items()))
        elif isinstance(value, list):
            stack.extend((path, inner) for inner in reversed(value))
        elif isinstance(value, str):
            if value.strip():
                yield path, value
        elif value is not None:
            yield path, json.dumps(value)
