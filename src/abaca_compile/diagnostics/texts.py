"""What all readers of compiler output share: clean text, the sources' lines, and names as the request gave them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from abaca_compile.model import Diagnostic, Severity, SourceFile

WORK = "/work/"
MOST_DIAGNOSTICS = 1000
_ANSI = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]"  # CSI: colours, moves of the cursor
    r"|\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # OSC: titles and links
    r"|[PX^_][^\x1b]*(?:\x1b\\)?"  # strings for the terminal
    r"|[ -/]*[0-~])"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Reading:
    """Output that was read: the messages, the text for people, and the text as it came where that is another one."""

    diagnostics: tuple[Diagnostic, ...]
    text: str
    raw: str | None = None


def clean(output: bytes) -> str:
    """Output as text without what would steer a terminal."""
    text = output.decode(errors="replace").replace("\r\n", "\n")
    if "\x1b" in text:
        text = _ANSI.sub("", text)
    return _CONTROL.sub("", text)


def plain_name(file: str | None) -> str | None:
    """A file's name as the request gave it; other paths stay as they are."""
    if file is None:
        return None
    return file.removeprefix(WORK).removeprefix("./") or None


class Sources:
    """The lines of the files that were compiled: to show them, and to count columns in characters."""

    def __init__(self, files: Iterable[SourceFile]) -> None:
        self._files = {file.name: file.content for file in files}
        self._lines: dict[str, list[bytes]] = {}

    def line(self, file: str | None, number: int | None) -> bytes | None:
        """A line without its end; ``None`` where it is not known."""
        if file is None or number is None or file not in self._files:
            return None
        if file not in self._lines:
            self._lines[file] = self._files[file].split(b"\n")
        lines = self._lines[file]
        return lines[number - 1].removesuffix(b"\r") if 0 < number <= len(lines) else None

    def column(self, file: str | None, number: int | None, in_bytes: int | None) -> int | None:
        """A column counted in bytes, as one counted in characters."""
        line = self.line(file, number)
        if line is None or in_bytes is None or in_bytes < 1:
            return in_bytes if in_bytes is None or in_bytes >= 1 else None
        before = line[: in_bytes - 1]
        return in_bytes if before.isascii() else len(before.decode(errors="replace")) + 1


class Gathering:
    """Collects messages in order and hangs notes below the message that they belong to."""

    def __init__(self) -> None:
        self._found: list[Diagnostic] = []

    def add(self, diagnostic: Diagnostic) -> None:
        if diagnostic.severity is Severity.NOTE and self._found and self._found[-1].severity is not Severity.NOTE:
            last = self._found[-1]
            self._found[-1] = msgspec.structs.replace(last, children=(*last.children, diagnostic))
        elif len(self._found) < MOST_DIAGNOSTICS:
            self._found.append(diagnostic)

    def replace_last(self, diagnostic: Diagnostic) -> None:
        self._found[-1] = diagnostic

    @property
    def last(self) -> Diagnostic | None:
        return self._found[-1] if self._found else None

    @property
    def has_errors(self) -> bool:
        return any(diagnostic.severity.is_error for diagnostic in self._found)

    def all(self) -> tuple[Diagnostic, ...]:
        return tuple(self._found)
