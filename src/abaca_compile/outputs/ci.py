"""Results as workflow commands, which CI systems show beside the lines of a change."""

from __future__ import annotations

from collections.abc import Iterator

from abaca_compile.model import Diagnostic, Result, Severity

_COMMANDS = {Severity.FATAL: "error", Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


def ci_annotations(result: Result, prefix: str = "") -> str:
    """A line ``::error file=...,line=...::message`` for each message; ``prefix`` is put before the files' names.

    An end without an answer, such as a timeout, is one line without a file.
    """
    lines = [_line(diagnostic, prefix) for diagnostic in result.diagnostics]
    if result.error:
        lines.append(f"::error::{_message(result.error)}")
    return "".join(f"{line}\n" for line in lines)


def _line(diagnostic: Diagnostic, prefix: str) -> str:
    properties = ",".join(f"{name}={_property(value)}" for name, value in _properties(diagnostic, prefix))
    command = _COMMANDS[diagnostic.severity]
    return f"::{command}{' ' if properties else ''}{properties}::{_message(diagnostic.message)}"


def _properties(diagnostic: Diagnostic, prefix: str) -> Iterator[tuple[str, str]]:
    if diagnostic.file is not None:
        yield "file", diagnostic.file if diagnostic.file.startswith("/") else f"{prefix}{diagnostic.file}"
    if diagnostic.line is not None:
        yield "line", str(diagnostic.line)
        if diagnostic.end_line is not None:
            yield "endLine", str(diagnostic.end_line)
        if diagnostic.column is not None:
            yield "col", str(diagnostic.column)
            if diagnostic.end_line == diagnostic.line and diagnostic.end_column is not None:
                yield "endColumn", str(diagnostic.end_column)
    if title := diagnostic.code or diagnostic.option:
        yield "title", title


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
