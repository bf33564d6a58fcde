"""Results as SARIF 2.1.0 (OASIS), which code hosts take as the findings of an analysis."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

import msgspec

from abaca_compile.model import Diagnostic, FixIt, Result, Severity

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {Severity.FATAL: "error", Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note"}


def sarif(results: Iterable[Result]) -> bytes:
    """One log with a run for each result that has an environment."""
    runs = [_run(result) for result in results if result.environment is not None]
    return msgspec.json.encode({"$schema": SCHEMA, "version": "2.1.0", "runs": runs})


def _run(result: Result) -> dict[str, Any]:
    used = result.environment
    assert used is not None
    rules = sorted({rule for diagnostic in result.diagnostics if (rule := _rule(diagnostic))})
    answered = result.outcome is not None and result.outcome.is_answer
    invocation: dict[str, Any] = {
        "executionSuccessful": answered,
        "commandLine": " ".join(used.command),
        **({"exitCode": result.exit_code} if result.exit_code is not None else {}),
    }
    if result.error:
        invocation["toolExecutionNotifications"] = [{"level": "error", "message": {"text": result.error}}]
    return {
        "tool": {"driver": {"name": used.compiler, "version": used.version, "rules": [{"id": rule} for rule in rules]}},
        "automationDetails": {"id": f"{used.id}/{used.standard or ''}"},
        "columnKind": "unicodeCodePoints",
        "invocations": [invocation],
        "results": [_result(diagnostic) for diagnostic in result.diagnostics],
    }


def _result(diagnostic: Diagnostic) -> dict[str, Any]:
    rule = _rule(diagnostic)
    related = [
        {**_location(child), "message": {"text": child.message}, "id": number}
        for number, child in enumerate(diagnostic.children)
    ]
    return {
        **({"ruleId": rule} if rule else {}),
        "level": _LEVELS[diagnostic.severity],
        "message": {"text": diagnostic.message},
        "locations": [location] if (location := _location(diagnostic)) else [],
        **({"relatedLocations": related} if related else {}),
        **({"fixes": [_fix(diagnostic.fixits)]} if diagnostic.fixits else {}),
    }


def _rule(diagnostic: Diagnostic) -> str | None:
    return diagnostic.code or diagnostic.option


def _location(diagnostic: Diagnostic) -> dict[str, Any]:
    if diagnostic.file is None:
        return {}
    region = {
        "startLine": diagnostic.line,
        "startColumn": diagnostic.column,
        "endLine": diagnostic.end_line,
        "endColumn": diagnostic.end_column,
    }
    known = {name: value for name, value in region.items() if value is not None}
    artifact = {"artifactLocation": _artifact(diagnostic.file)}
    return {"physicalLocation": {**artifact, **({"region": known} if diagnostic.line is not None else {})}}


def _fix(fixits: Iterable[FixIt]) -> dict[str, Any]:
    changes: dict[str, list[dict[str, Any]]] = {}
    for fixit in fixits:
        region = {
            "startLine": fixit.line,
            "startColumn": fixit.column,
            "endLine": fixit.end_line,
            "endColumn": fixit.end_column,
        }
        change = {"deletedRegion": region, "insertedContent": {"text": fixit.text}}
        changes.setdefault(fixit.file, []).append(change)
    return {
        "artifactChanges": [
            {"artifactLocation": _artifact(file), "replacements": replacements}
            for file, replacements in changes.items()
        ]
    }


def _artifact(file: str) -> dict[str, str]:
    return {"uri": f"file://{quote(file)}" if file.startswith("/") else quote(file)}
