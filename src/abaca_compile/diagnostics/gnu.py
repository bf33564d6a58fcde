"""Messages in the form `file:line:column: error: text [-Woption]`, and what assemblers and linkers write beside them.

gcc before 9, clang, tcc, zig, the assembler and the linker; also the rest that GCC writes beside its JSON.
"""

from __future__ import annotations

import re

import msgspec

from abaca_compile.diagnostics.texts import Gathering, Reading, Sources, plain_name
from abaca_compile.model import Diagnostic, FixIt, Severity, Stage

_LOCATED = re.compile(
    r"(?P<file>[^:\s(][^:]*):(?P<line>\d+)(?::(?P<column>\d+))?(?P<ranges>:(?:\{[\d:,-]+\})+)?:\s+"
    r"(?P<severity>fatal error|error|warning|note|sorry, unimplemented|Error|Warning|Fatal error):\s+(?P<message>.*)"
)
_FILE_ONLY = re.compile(r"(?P<file>[^:\s]+\.\w+): (?P<severity>error|warning): (?P<message>.*)")  # tcc, linking
_BY_TOOL = re.compile(
    r"(?P<tool>(?:/[\w./+-]*/)?(?:gcc|g\+\+|cc1|cc1plus|collect2|clang|clang\+\+|tcc|ld|ld\.lld|as|zig|lto1|lto-wrapper)"
    r"(?:-\d+)?|error|warning): (?:(?P<severity>fatal error|internal compiler error|error|warning): )?(?P<message>.*)"
)
_LINKED = re.compile(
    r"(?:(?:/[\w./+-]*/)?ld(?:\.\w+)?: )?(?:[^\s:]+\.o:)?(?:(?P<file>[^:\s(]+):)?(?:(?P<line>\d+)|\([^)]*\)): "
    r"(?P<message>(?:undefined reference to|multiple definition of|relocation|more undefined references to).*)"
)
_CONTEXT = re.compile(r"(?:(?:/[\w./+-]*/)?ld(?:\.\w+)?: )?\S+: in function .*:$")
_OPTION = re.compile(r" \[(-W[^\]]*)\]$")
_RANGE = re.compile(r"\{(\d+):(\d+)-(\d+):(\d+)\}")
_FIXIT = re.compile(r'fix-it:"(?P<file>(?:[^"\\]|\\.)*)":\{(\d+):(\d+)-(\d+):(\d+)\}:"(?P<text>(?:[^"\\]|\\.)*)"$')
_SEVERITIES = {
    "fatal error": Severity.FATAL,
    "Fatal error": Severity.FATAL,
    "internal compiler error": Severity.FATAL,
    "warning": Severity.WARNING,
    "Warning": Severity.WARNING,
    "note": Severity.NOTE,
}
_LD_WARNING = re.compile(r"(?:\S+\.o: )?warning: (.*)")
_OBJECT = re.compile(r"/tmp/[\w.+-]+\.o:")  # has another name each time
_LINKERS = ("ld", "collect2", "ld.lld")
_SUMMARIES = ("ld returned", "linker command failed", "compilation terminated", "linker returned")
_UNDEFINED = ("undefined symbol", "unresolved reference", "undefined reference", "library '", "cannot find")
_ESCAPED = re.compile(r"\\([0-7]{3}|.)")


def read_gnu(text: str, sources: Sources) -> Reading:
    """Clang's parseable fix-its and ranges are read and taken out of the text that people see."""
    gathering = Gathering()
    shown = [line for line in text.split("\n") if not take_gnu(line, gathering, sources)]
    cleaned = "\n".join(_without_ranges(line) for line in shown)
    return Reading(gathering.all(), cleaned, text if cleaned != text else None)


def take_gnu(line: str, gathering: Gathering, sources: Sources) -> bool:
    """Read one line. True for a line that is for programs only, a fix-it."""
    if line.startswith("fix-it:"):
        return _take_fixit(line, gathering, sources)
    if not line or line[0] in " \t" or _CONTEXT.match(line):
        return False
    if found := _LOCATED.fullmatch(line):
        gathering.add(_located(found, sources))
    elif found := _LINKED.fullmatch(line):
        number = found["line"]
        gathering.add(
            Diagnostic(
                severity=Severity.ERROR,
                message=_OBJECT.sub("", found["message"]),
                file=plain_name(found["file"]),
                line=int(number) if number else None,
                stage=Stage.LINK,
            )
        )
    elif found := _FILE_ONLY.fullmatch(line):
        severity = _SEVERITIES.get(found["severity"], Severity.ERROR)
        file = plain_name(found["file"])
        gathering.add(Diagnostic(severity=severity, message=found["message"], file=file, stage=Stage.LINK))
    elif found := _BY_TOOL.fullmatch(line):
        _take_tool(found, gathering)
    return False


def _located(found: re.Match[str], sources: Sources) -> Diagnostic:
    file, line = plain_name(found["file"]), int(found["line"])
    message, option = _split_option(found["message"])
    end_line = end_column = None
    column = int(found["column"]) if found["column"] else None
    spans = _RANGE.findall(found["ranges"] or "")
    first = next((span for span in spans if _holds(span, line, column)), None)
    if first is not None:
        end_line = int(first[2])
        end_column = sources.column(file, end_line, int(first[3]))
    return Diagnostic(
        severity=_SEVERITIES.get(found["severity"], Severity.ERROR),
        message=message,
        option=option,
        file=file,
        line=line,
        column=sources.column(file, line, column),
        end_line=end_line,
        end_column=end_column,
    )


def _holds(span: tuple[str, ...], line: int, column: int | None) -> bool:
    """Whether a range of clang begins where the message points, or holds that place."""
    start, end = (int(span[0]), int(span[1])), (int(span[2]), int(span[3]))
    return column is not None and start <= (line, column) < end


def _take_tool(found: re.Match[str], gathering: Gathering) -> None:
    tool = found["tool"].rpartition("/")[2]
    message, option = _split_option(found["message"])
    if gathering.has_errors and message.startswith(_SUMMARIES):
        return  # it sums up what was said before
    severity = _SEVERITIES.get(found["severity"] or tool, Severity.ERROR)
    if found["severity"] is None and tool.startswith("ld") and (warned := _LD_WARNING.fullmatch(message)):
        severity, message = Severity.WARNING, warned[1]
    is_link = tool in _LINKERS or message.startswith(_UNDEFINED)
    gathering.add(
        Diagnostic(severity=severity, message=message, option=option, stage=Stage.LINK if is_link else Stage.COMPILE)
    )


def _take_fixit(line: str, gathering: Gathering, sources: Sources) -> bool:
    found = _FIXIT.fullmatch(line)
    last = gathering.last
    if found is None or last is None:
        return False
    file = plain_name(found["file"]) or ""
    start, start_column, end, end_column = (int(number) for number in found.group(2, 3, 4, 5))
    change = FixIt(
        file=file,
        line=start,
        column=sources.column(file, start, start_column) or start_column,
        end_line=end,
        end_column=sources.column(file, end, end_column) or end_column,
        text=_unescaped(found["text"]),
    )
    if last.children:
        owner = msgspec.structs.replace(last.children[-1], fixits=(*last.children[-1].fixits, change))
        gathering.replace_last(msgspec.structs.replace(last, children=(*last.children[:-1], owner)))
    else:
        gathering.replace_last(msgspec.structs.replace(last, fixits=(*last.fixits, change)))
    return True


def _unescaped(text: str) -> str:
    """Clang writes a byte that is not plain as an octal number."""
    raw = bytearray()
    at = 0
    for found in _ESCAPED.finditer(text):
        raw += text[at : found.start()].encode()
        code = found[1]
        raw += bytes([int(code, 8) & 255]) if len(code) == 3 else {"n": "\n", "t": "\t"}.get(code, code).encode()
        at = found.end()
    raw += text[at:].encode()
    return raw.decode(errors="replace")


def _split_option(message: str) -> tuple[str, str | None]:
    found = _OPTION.search(message)
    if not found:
        return message, None
    name = found[1].removeprefix("-Werror=").removeprefix("-Werror,")
    return message[: found.start()], name if name.startswith("-W") else f"-W{name}"


def _without_ranges(line: str) -> str:
    found = _LOCATED.fullmatch(line)
    return line if not found or not found["ranges"] else line.replace(found["ranges"], "", 1)
