"""GCC's JSON: an array for each unit, and beside it plain text of the driver, the assembler and the linker.

After a fatal error the driver appends a sentence to the array, and link errors come beside an empty one, so the whole
is never one JSON value: each array is decoded where it starts, and what is left is read as text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from abaca_compile.diagnostics.gnu import take_gnu
from abaca_compile.diagnostics.rendering import render
from abaca_compile.diagnostics.texts import Gathering, Reading, Sources, plain_name
from abaca_compile.model import Diagnostic, FixIt, Severity

_SEVERITIES = {"fatal error": Severity.FATAL, "warning": Severity.WARNING, "note": Severity.NOTE}
_decoder = json.JSONDecoder()


def read_gcc_json(text: str, sources: Sources) -> Reading:
    gathering = Gathering()
    shown: list[str] = []
    at = 0
    while at < len(text):
        found, past = _array(text, at) if text[at] == "[" else ([], at)
        for entry in found:
            gathering.add(diagnostic := _diagnostic(entry, sources))
            shown.append(render(diagnostic, sources))
        if past == at:  # a line of text
            past = text.find("\n", at) + 1 or len(text)
            shown.append(text[at:past])
            take_gnu(text[at:past].rstrip("\n"), gathering, sources)
        elif text.startswith("\n", past):
            past += 1
        at = past
    return Reading(gathering.all(), "".join(shown), text or None)


def _array(text: str, start: int) -> tuple[list[Mapping[str, Any]], int]:
    """The entries of the array that starts here and the place behind it. One that was cut off gives what is whole."""
    found: list[Mapping[str, Any]] = []
    at = start + 1
    while at < len(text):
        if text[at] in ", \n":
            at += 1
            continue
        if text[at] == "]":
            return found, at + 1
        try:
            entry, at = _decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            return found, len(text) if found else start
        if not isinstance(entry, dict):
            return found, start
        found.append(entry)
    return found, at


def _diagnostic(entry: Mapping[str, Any], sources: Sources) -> Diagnostic:
    places = [place for place in entry.get("locations", ()) if isinstance(place, dict) and "caret" in place]
    first = places[0] if places else {}
    file, line, column = _place(first.get("start") or first.get("caret"), sources)
    _, caret_line, caret_column = _place(first.get("caret"), sources)
    _, end_line, end_column = _place(first.get("finish"), sources)
    if end_line is None and line is not None:
        end_line, end_column = caret_line, caret_column
    option = entry.get("option")
    return Diagnostic(
        severity=_SEVERITIES.get(str(entry.get("kind")), Severity.ERROR),
        message=str(entry.get("message", "")),
        option=None if option is None else str(option).replace("-Werror=", "-W"),
        file=file,
        line=caret_line or line,
        column=caret_column or column,
        end_line=end_line,
        end_column=None if end_column is None else end_column + 1,
        fixits=tuple(_fixit(fix, sources) for fix in entry.get("fixits", ()) if isinstance(fix, dict)),
        children=tuple(_diagnostic(child, sources) for child in entry.get("children", ()) if isinstance(child, dict)),
    )


def _fixit(fix: Mapping[str, Any], sources: Sources) -> FixIt:
    file, line, column = _place(fix.get("start"), sources)
    _, end_line, end_column = _place(fix.get("next"), sources)
    return FixIt(
        file=file or "",
        line=line or 1,
        column=column or 1,
        end_line=end_line or line or 1,
        end_column=end_column or column or 1,
        text=str(fix.get("string", "")),
    )


def _place(place: Mapping[str, Any] | None, sources: Sources) -> tuple[str | None, int | None, int | None]:
    """File, line and column in characters. GCC 9 and 10 count bytes only; later ones say both."""
    if not place:
        return None, None, None
    file = plain_name(place.get("file"))
    line, column = place.get("line"), place.get("byte-column", place.get("column"))
    return file, line, sources.column(file, line, column)
