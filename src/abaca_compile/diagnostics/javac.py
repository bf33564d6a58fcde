"""javac's text: `File.java:3: error: text`, the line, a caret below the place, and details behind them."""

from __future__ import annotations

import re

import msgspec

from abaca_compile.diagnostics.texts import Gathering, Reading, Sources, plain_name
from abaca_compile.model import Diagnostic, Severity

_LOCATED = re.compile(r"(?P<file>[^:\s][^:]*\.java):(?P<line>\d+): (?P<severity>error|warning|Note): (?P<message>.*)")
_LOOSE = re.compile(r"(?:(?P<file>[^:\s][^:]*\.java): )?(?P<severity>error|warning|Note): (?P<message>.*)")
_CARET = re.compile(r"([ \t]*)\^$")
_LINT = re.compile(r"\[([a-z-]+)\] (.*)", re.DOTALL)
_COUNT = re.compile(r"\d+ (?:errors?|warnings?)$")
_SEVERITIES = {"warning": Severity.WARNING, "Note": Severity.NOTE}


def read_javac(text: str, sources: Sources) -> Reading:
    gathering = Gathering()
    for line in text.splitlines():
        if found := _LOCATED.fullmatch(line):
            gathering.add(_message(found, int(found["line"])))
        elif found := _LOOSE.fullmatch(line):
            gathering.add(_message(found, None))
        elif _COUNT.fullmatch(line):
            continue
        elif gathering.last is not None:
            gathering.replace_last(_continued(gathering.last, line, sources))
    return Reading(gathering.all(), text)


def _message(found: re.Match[str], number: int | None) -> Diagnostic:
    message, option = found["message"], None
    if lint := _LINT.fullmatch(message):
        option, message = f"-Xlint:{lint[1]}", lint[2]
    return Diagnostic(
        severity=_SEVERITIES.get(found["severity"], Severity.ERROR),
        message=message,
        option=option,
        file=plain_name(found["file"]),
        line=number,
    )


def _continued(last: Diagnostic, line: str, sources: Sources) -> Diagnostic:
    """A line behind a message: the caret gives the column, a detail is a note, the source's line is nothing new."""
    if last.column is None and (caret := _CARET.fullmatch(line)):
        return msgspec.structs.replace(last, column=len(caret[1]) + 1)
    if last.column is not None or last.line is None:
        if not line.strip():
            return last
        note = Diagnostic(severity=Severity.NOTE, message=re.sub(r"\s+", " ", line.strip()))
        return msgspec.structs.replace(last, children=(*last.children, note))
    shown = sources.line(last.file, last.line)
    if shown is not None and shown.decode(errors="replace") == line:
        return last
    return msgspec.structs.replace(last, message=f"{last.message}\n{line.strip()}")
