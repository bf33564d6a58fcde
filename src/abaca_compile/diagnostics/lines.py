"""Go, Node, TypeScript, and what the checker of Python writes: each has a form of its own."""

from __future__ import annotations

import re

import msgspec

from abaca_compile.diagnostics.texts import Gathering, Reading, Sources, plain_name
from abaca_compile.model import Diagnostic, Severity, Stage

_GO = re.compile(r"(?:vet: )?(?P<file>[^:\s][^:]*\.(?:go|mod)):(?P<line>\d+)(?::(?P<column>\d+))?: (?P<message>.*)")
_GO_LINK = re.compile(
    r"(?P<message>(?:runtime\.main_main·f: )?function main is undeclared in the main package"
    r"|\S+: relocation target \S+ not defined|link: .*|duplicated definition of symbol .*)"
)
_GO_LOOSE = re.compile(r"(?:go|compile|package \S+|no required module \S+): (?P<message>.*)")
_GO_PROGRESS = ("go: finding ", "go: downloading ", "go: added ")
_NODE_PLACE = re.compile(r"(?P<file>(?:file://)?/?[^:\s][^:]*\.[cm]?js):(?P<line>\d+)")
_NODE_MARK = re.compile(r"(?P<before>\s*)(?P<marks>\^+)\s*$")
_NODE_ERROR = re.compile(r"(?P<code>[A-Z]\w*Error)(?: \[\w+\])?: (?P<message>.*)")
_TSC = re.compile(
    r"(?P<file>[^(\s][^(]*)\((?P<line>\d+),(?P<column>\d+)\): "
    r"(?P<severity>error|warning|message) (?P<code>TS\d+): (?P<message>.*)"
)
_TSC_LOOSE = re.compile(r"(?P<severity>error|warning|message) (?P<code>TS\d+): (?P<message>.*)")
_SEVERITIES = {"warning": Severity.WARNING, "message": Severity.NOTE}


def read_go(text: str, sources: Sources) -> Reading:
    """Go's columns count bytes; a line that begins with a tab goes on with the message before it."""
    gathering = Gathering()
    for line in text.splitlines():
        if line.startswith("\t") and gathering.last is not None:
            gathering.replace_last(_longer(gathering.last, line))
        elif line.endswith("too many errors") or line.startswith(_GO_PROGRESS):
            continue
        elif found := _GO.fullmatch(line):
            file, number = plain_name(found["file"]), int(found["line"])
            column = int(found["column"]) if found["column"] else None
            gathering.add(
                Diagnostic(
                    severity=Severity.ERROR,
                    message=found["message"],
                    file=file,
                    line=number,
                    column=sources.column(file, number, column),
                )
            )
        elif found := _GO_LINK.fullmatch(line):
            gathering.add(Diagnostic(severity=Severity.ERROR, message=found["message"], stage=Stage.LINK))
        elif found := _GO_LOOSE.fullmatch(line):
            gathering.add(Diagnostic(severity=Severity.ERROR, message=found["message"]))
    return Reading(gathering.all(), text)


def read_node(text: str, sources: Sources) -> Reading:
    """Node writes the place, the line, marks below it, and then the error."""
    place: re.Match[str] | None = None
    marks: re.Match[str] | None = None
    gathering = Gathering()
    for line in text.splitlines():
        if place is None:
            place = _NODE_PLACE.fullmatch(line)
        elif found := _NODE_ERROR.fullmatch(line):
            start = len(marks["before"]) + 1 if marks else None
            number = int(place["line"])
            gathering.add(
                Diagnostic(
                    severity=Severity.ERROR,
                    message=found["message"],
                    code=found["code"],
                    file=plain_name(place["file"].removeprefix("file://")),
                    line=number,
                    column=start,
                    end_line=number if marks else None,
                    end_column=start + len(marks["marks"]) if start and marks else None,
                )
            )
            place = marks = None
        elif marks is None:
            marks = _NODE_MARK.fullmatch(line)
    return Reading(gathering.all(), text)


def read_tsc(text: str, sources: Sources) -> Reading:
    gathering = Gathering()
    for line in text.splitlines():
        if line.startswith("  ") and gathering.last is not None:
            gathering.replace_last(_longer(gathering.last, line))
        elif found := _TSC.fullmatch(line) or _TSC_LOOSE.fullmatch(line):
            about = found.groupdict()
            number, column = about.get("line"), about.get("column")
            gathering.add(
                Diagnostic(
                    severity=_SEVERITIES.get(about["severity"], Severity.ERROR),
                    message=about["message"],
                    code=about["code"],
                    file=plain_name(about.get("file")),
                    line=int(number) if number else None,
                    column=int(column) if column else None,
                )
            )
    return Reading(gathering.all(), text)


class _Checked(msgspec.Struct):
    """A line of what the checker of Python writes to its standard output."""

    severity: Severity
    message: str
    code: str
    file: str
    line: int | None = None
    column: int | None = None
    end_line: int | None = None
    end_column: int | None = None


def read_python(text: str, report: str) -> Reading:
    """``report`` holds a JSON object a line, ``text`` what Python itself would have written."""
    gathering = Gathering()
    for line in report.splitlines():
        try:
            said = msgspec.json.decode(line, type=_Checked)
        except msgspec.MsgspecError:
            continue
        gathering.add(Diagnostic(**{name: getattr(said, name) for name in said.__struct_fields__}))
    return Reading(gathering.all(), text)


def _longer(last: Diagnostic, line: str) -> Diagnostic:
    return msgspec.structs.replace(last, message=f"{last.message}\n{line.strip()}")
