"""A diagnostic as text for people, with the line of the source below it, as compilers show it."""

from __future__ import annotations

from abaca_compile.diagnostics.texts import Sources
from abaca_compile.model import Diagnostic

_WIDEST = 400


def render(diagnostic: Diagnostic, sources: Sources | None = None) -> str:
    """The message with its notes, each with the line that it is about; ends in a newline."""
    return "".join(f"{line}\n" for line in _lines(diagnostic, sources))


def headline(diagnostic: Diagnostic) -> str:
    """``main.c:3:5: warning: unused variable 'x' [-Wunused-variable]``."""
    place = ":".join(str(part) for part in (diagnostic.file, diagnostic.line, diagnostic.column) if part is not None)
    severity = "fatal error" if diagnostic.severity == "fatal" else str(diagnostic.severity)
    code = f"[{diagnostic.code}]" if diagnostic.code else ""
    option = f" [{diagnostic.option}]" if diagnostic.option else ""
    return f"{place}{': ' if place else ''}{severity}{code}: {diagnostic.message}{option}"


def _lines(diagnostic: Diagnostic, sources: Sources | None) -> list[str]:
    lines = [headline(diagnostic), *(excerpt(diagnostic, sources) if sources else ())]
    for child in diagnostic.children:
        lines += _lines(child, sources)
    return lines


def excerpt(diagnostic: Diagnostic, sources: Sources) -> list[str]:
    """The line of the source with marks below what is meant; nothing where the line is not known."""
    line = sources.line(diagnostic.file, diagnostic.line)
    if line is None or diagnostic.line is None or len(line) > _WIDEST:
        return []
    text = line.decode(errors="replace")
    shown = [f"{diagnostic.line:5} | {text.replace(chr(9), ' ')}"]
    if diagnostic.column is not None:
        end = diagnostic.end_column if diagnostic.end_line == diagnostic.line and diagnostic.end_column else 0
        width = max(1, end - diagnostic.column) if end else 1
        shown.append(f"      | {' ' * (diagnostic.column - 1)}^{'~' * (width - 1)}")
        shown += [
            f"      | {' ' * (fix.column - 1)}{fix.text}"
            for fix in diagnostic.fixits
            if fix.file == diagnostic.file and fix.line == diagnostic.line and fix.text
        ]
    return shown
