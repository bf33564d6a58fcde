"""rustc's `--error-format=json`: one JSON object a line, of which `rendered` is the text for people."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from abaca_compile.diagnostics.texts import Gathering, Reading, Sources, plain_name
from abaca_compile.model import Diagnostic, FixIt, Severity, Stage

_LEVELS = {
    "error": Severity.ERROR,
    "error: internal compiler error": Severity.FATAL,
    "warning": Severity.WARNING,
    "note": Severity.NOTE,
    "help": Severity.NOTE,
}
_LINKER = ("linking with", "linker ")
_MISSING = re.compile(r"undefined (?:symbol: |reference to )[^\n]+")
_SUMMARY = "failure-note"
_SUMMARIES = ("aborting due to ", "For more information about ")


def read_rustc_json(text: str, sources: Sources) -> Reading:
    gathering = Gathering()
    shown: list[str] = []
    for line in text.splitlines():
        entry = _entry(line)
        if entry is None:
            shown.append(f"{line}\n")
            continue
        shown.append(str(entry.get("rendered") or ""))
        if entry.get("level") == _SUMMARY or _sums_up(entry):
            continue
        gathering.add(_diagnostic(entry))
    return Reading(gathering.all(), "".join(shown), text or None)


def _entry(line: str) -> Mapping[str, Any] | None:
    if not line.startswith("{"):
        return None
    try:
        entry = msgspec.json.decode(line)
    except (msgspec.MsgspecError, RecursionError):
        return None
    return entry if isinstance(entry, dict) and "message" in entry else None


def _sums_up(entry: Mapping[str, Any]) -> bool:
    message = str(entry["message"])
    is_count = not entry.get("spans") and message.endswith(("warning emitted", "warnings emitted"))
    return is_count or (not entry.get("spans") and message.startswith(_SUMMARIES))


def _diagnostic(entry: Mapping[str, Any]) -> Diagnostic:
    message = str(entry["message"])
    code = (entry.get("code") or {}).get("code")
    is_lint = code is not None and not code[1:].isdigit()
    spans = [span for span in entry.get("spans", ()) if isinstance(span, dict)]
    place = _outermost(next((span for span in spans if span.get("is_primary")), None))
    severity = _LEVELS.get(str(entry.get("level")), Severity.ERROR)
    is_link = severity.is_error and not spans and message.startswith(_LINKER)
    if is_link:
        return _linking(message, entry)
    labels = [_label(span) for span in spans if span.get("label") and not span.get("is_primary")]
    return Diagnostic(
        severity=severity,
        message=_with_label(message, place),
        option=code if is_lint else None,
        code=None if is_lint else code,
        fixits=tuple(_fixit(span, message) for span in spans if span.get("suggested_replacement") is not None),
        children=(*labels, *(_diagnostic(child) for child in entry.get("children", ()) if isinstance(child, dict))),
        **_region(place),
    )


def _linking(message: str, entry: Mapping[str, Any]) -> Diagnostic:
    """An error of the linker, which rustc hands on as text of its own inside notes."""
    notes = [str(child.get("message", "")) for child in entry.get("children", ()) if isinstance(child, dict)]
    missing = [found[0] for note in notes for found in _MISSING.finditer(note)]
    said = [note.strip() for note in notes if not note.lstrip().startswith('"')]  # that one is the command line
    return Diagnostic(
        severity=Severity.ERROR,
        message="; ".join(dict.fromkeys(missing)) or message,
        children=tuple(Diagnostic(severity=Severity.NOTE, message=note, stage=Stage.LINK) for note in said),
        stage=Stage.LINK,
    )


def _with_label(message: str, place: Mapping[str, Any] | None) -> str:
    """The label at the place often says what the message leaves out: `expected `i32`, found `&str``."""
    label = (place or {}).get("label")
    return f"{message}: {label}" if label and str(label) not in message else message


def _label(span: Mapping[str, Any]) -> Diagnostic:
    return Diagnostic(severity=Severity.NOTE, message=str(span["label"]), **_region(_outermost(span)))


def _outermost(span: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Where in the user's own source: a place inside a macro of the library is told by where the macro was used."""
    while span and str(span.get("file_name", "")).startswith("/") and (span.get("expansion") or {}).get("span"):
        outer = dict(span["expansion"]["span"])
        outer.setdefault("label", span.get("label"))
        span = outer
    return span


def _region(span: Mapping[str, Any] | None) -> dict[str, Any]:
    if span is None:
        return {}
    return {
        "file": plain_name(str(span.get("file_name", ""))),
        "line": span.get("line_start"),
        "column": span.get("column_start"),
        "end_line": span.get("line_end"),
        "end_column": span.get("column_end"),
    }


def _fixit(span: Mapping[str, Any], message: str) -> FixIt:
    return FixIt(
        file=plain_name(str(span.get("file_name", ""))) or "",
        line=span.get("line_start", 1),
        column=span.get("column_start", 1),
        end_line=span.get("line_end", 1),
        end_column=span.get("column_end", 1),
        text=str(span["suggested_replacement"]),
        message=message,
    )
