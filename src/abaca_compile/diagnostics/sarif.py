"""SARIF 2.1.0 as GCC 13 and later write it to standard error, one log for each unit."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

import msgspec

from abaca_compile.diagnostics.gnu import take_gnu
from abaca_compile.diagnostics.rendering import render
from abaca_compile.diagnostics.texts import Gathering, Reading, Sources, plain_name
from abaca_compile.model import Diagnostic, FixIt, Severity

_LEVELS = {"error": Severity.ERROR, "warning": Severity.WARNING, "note": Severity.NOTE, "none": Severity.NOTE}
_decoder = json.JSONDecoder()


def read_sarif(text: str, sources: Sources) -> Reading:
    """What stands beside the logs is read as plain text of the driver and the linker."""
    gathering = Gathering()
    shown: list[str] = []
    at = 0
    while at < len(text):
        log, past = _log(text, at)
        if log is not None:
            for result in _results(log):
                gathering.add(diagnostic := _diagnostic(result, sources))
                shown.append(render(diagnostic, sources))
            at = past + 1 if text.startswith("\n", past) else past
            continue
        past = text.find("\n", at) + 1 or len(text)
        shown.append(text[at:past])
        take_gnu(text[at:past].rstrip("\n"), gathering, sources)
        at = past
    return Reading(gathering.all(), "".join(shown), text or None)


def _log(text: str, at: int) -> tuple[Mapping[str, Any] | None, int]:
    if text[at] != "{":
        return None, at
    try:
        log, past = _decoder.raw_decode(text, at)
    except (ValueError, RecursionError):
        return None, at
    return (log, past) if isinstance(log, dict) and "runs" in log else (None, at)


def _results(log: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for run in log.get("runs", ()):
        yield from (result for result in run.get("results", ()) if isinstance(result, dict))


def _diagnostic(result: Mapping[str, Any], sources: Sources) -> Diagnostic:
    message = str(result.get("message", {}).get("text", ""))
    severity = _LEVELS.get(str(result.get("level", "warning")), Severity.ERROR)
    rule = str(result.get("ruleId", ""))
    if rule == "fatal error" or (severity is Severity.ERROR and "No such file or directory" in message):
        severity = Severity.FATAL
    place: Mapping[str, Any] = next(iter(result.get("locations", ())), {})
    return Diagnostic(
        severity=severity,
        message=message,
        option=rule.replace("-Werror=", "-W") if rule.startswith("-W") else None,
        fixits=tuple(_fixits(result, sources)),
        children=tuple(
            msgspec.structs.replace(
                Diagnostic(severity=Severity.NOTE, message=str(note.get("message", {}).get("text", ""))),
                **_region(note, sources),
            )
            for note in result.get("relatedLocations", ())
            if note.get("message")
        ),
        **_region(place, sources),
    )


def _region(location: Mapping[str, Any], sources: Sources) -> dict[str, Any]:
    """File and range of a location. SARIF leaves out an end that equals the start's line, or a line's first column."""
    physical = location.get("physicalLocation", {})
    region = physical.get("region", {})
    file = plain_name(unquote(physical.get("artifactLocation", {}).get("uri", "")).removeprefix("file://")) or None
    line = region.get("startLine")
    if line is None:
        return {"file": file}
    end_line = region.get("endLine", line)
    end_column = region.get("endColumn")
    return {
        "file": file,
        "line": line,
        "column": region.get("startColumn", 1),
        "end_line": end_line if end_column is not None else None,
        "end_column": end_column,
    }


def _fixits(result: Mapping[str, Any], sources: Sources) -> Iterator[FixIt]:
    for fix in result.get("fixes", ()):
        for change in fix.get("artifactChanges", ()):
            file = plain_name(unquote(change.get("artifactLocation", {}).get("uri", "")).removeprefix("file://"))
            for replacement in change.get("replacements", ()):
                region = replacement.get("deletedRegion", {})
                line, column = region.get("startLine", 1), region.get("startColumn", 1)
                yield FixIt(
                    file=file or "",
                    line=line,
                    column=column,
                    end_line=region.get("endLine", line),
                    end_column=region.get("endColumn", column),
                    text=str(replacement.get("insertedContent", {}).get("text", "")),
                )
