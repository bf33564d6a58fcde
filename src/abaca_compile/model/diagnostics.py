"""What a compiler said, in one form for all compilers."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from abaca_compile.model.base import Value


class Severity(StrEnum):
    """How bad it is. ``fatal`` ended the compilation at that place, as a header that is not there does."""

    FATAL = "fatal"
    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"

    @property
    def is_error(self) -> bool:
        return self in (Severity.FATAL, Severity.ERROR)


class Stage(StrEnum):
    """Which part of the toolchain said it."""

    COMPILE = "compile"
    LINK = "link"


class FixIt(Value, frozen=True, kw_only=True):
    """A change that the compiler proposes: the text from the start up to the end becomes ``text``.

    Lines and columns count from 1, columns in characters; the end is the place behind the last character. An insertion
    ends where it starts.
    """

    file: str
    line: int
    column: int
    end_line: int
    end_column: int
    text: str
    message: str | None = None


class Diagnostic(Value, frozen=True, kw_only=True):
    """One message of a compiler.

    ``file`` is the name that the request gave the file, or a path inside the toolchain. ``line`` and ``column`` count
    from 1, columns in characters; the end is the place behind the last character. ``option`` switches the warning
    (``-Wunused-variable``), ``code`` is the compiler's own name for the message (``E0308``). ``children`` are the notes
    that belong to it.
    """

    severity: Severity
    message: str
    option: str | None = None
    code: str | None = None
    file: str | None = None
    line: int | None = None
    column: int | None = None
    end_line: int | None = None
    end_column: int | None = None
    fixits: tuple[FixIt, ...] = ()
    children: tuple[Diagnostic, ...] = ()
    stage: Stage = Stage.COMPILE


class Counts(Value, frozen=True, kw_only=True):
    """How many messages of each severity there are. A fatal error counts as an error; notes inside others count."""

    error: int = 0
    warning: int = 0
    note: int = 0


def counted(diagnostics: Iterable[Diagnostic]) -> Counts:
    errors = warnings = notes = 0
    waiting = list(diagnostics)
    while waiting:
        diagnostic = waiting.pop()
        waiting += diagnostic.children
        errors += diagnostic.severity.is_error
        warnings += diagnostic.severity is Severity.WARNING
        notes += diagnostic.severity is Severity.NOTE
    return Counts(error=errors, warning=warnings, note=notes)
