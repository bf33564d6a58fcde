"""How verdicts are printed."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Any

import msgspec

from abaca.cli import print_json
from abaca_compile import outputs
from abaca_compile.command.finding import Found
from abaca_compile.diagnostics import Sources
from abaca_compile.model import CompileStatus, Diagnostic, Result, SourceFile

COMPILED, REJECTED, TIMEOUT, INFRASTRUCTURE = 0, 1, 3, 4
"""Exit statuses; 2 is a command that is wrong."""


class Style(StrEnum):
    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    ANNOTATIONS = "annotations"
    QUIET = "quiet"


class Report:
    """Prints text and annotations as verdicts come, and what is one document at the end."""

    def __init__(self, style: Style, *, names_files: bool) -> None:
        self._style = style
        self._names_files = names_files
        self._results: dict[int, tuple[Found, Result]] = {}

    def landed(self, number: int, found: Found, result: Result) -> None:
        placed = located(result, found.prefix)
        self._results[number] = found, placed
        if self._style is Style.TEXT:
            sources = Sources(
                SourceFile(name=f"{found.prefix}{file.name}", content=file.content.encode()) for file in found.given()
            )
            if self._names_files:
                sys.stdout.write(f"{found.path}: ")
            sys.stdout.write(outputs.text(placed, sources))
        elif self._style is Style.ANNOTATIONS:
            sys.stdout.write(outputs.ci_annotations(placed))
        sys.stdout.flush()

    def end(self) -> int:
        """Print what is one document; answers the exit status."""
        ordered = [self._results[number] for number in sorted(self._results)]
        if self._style is Style.JSON:
            print_json([{"file": str(found.path), **_plain(result)} for found, result in ordered])
        elif self._style is Style.SARIF:
            sys.stdout.write(outputs.sarif([result for _, result in ordered]).decode() + "\n")
        return status_of([result for _, result in ordered])


def status_of(results: list[Result]) -> int:
    """That of the worst verdict: infrastructure, then a timeout, then a source that does not compile."""
    statuses = {result.status for result in results}
    if statuses & {CompileStatus.ERROR, CompileStatus.CANCELLED}:
        return INFRASTRUCTURE
    if CompileStatus.TIMEOUT in statuses:
        return TIMEOUT
    return COMPILED if statuses <= {CompileStatus.COMPLETED} else REJECTED


def located(result: Result, prefix: str) -> Result:
    """The result with files named as they are from where the command runs."""
    if not prefix:
        return result
    placed = tuple(_located(diagnostic, prefix) for diagnostic in result.diagnostics)
    return msgspec.structs.replace(result, diagnostics=placed)


def _located(diagnostic: Diagnostic, prefix: str) -> Diagnostic:
    return msgspec.structs.replace(
        diagnostic,
        file=_name(diagnostic.file, prefix),
        fixits=tuple(msgspec.structs.replace(fix, file=f"{prefix}{fix.file}") for fix in diagnostic.fixits),
        children=tuple(_located(child, prefix) for child in diagnostic.children),
    )


def _name(file: str | None, prefix: str) -> str | None:
    return file if file is None or file.startswith("/") else f"{prefix}{file}"


def _plain(result: Result) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(result)
    return plain
