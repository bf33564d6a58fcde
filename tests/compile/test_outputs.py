"""A result as text, as SARIF, as annotations, and as JSON."""

from __future__ import annotations

import json

import msgspec

from abaca_compile.diagnostics import Sources
from abaca_compile.model import (
    CompileOutcome,
    CompileStatus,
    Diagnostic,
    FixIt,
    Language,
    Result,
    Severity,
    SourceFile,
    Timings,
    UsedEnvironment,
    counted,
)
from abaca_compile.outputs import ci_annotations, sarif, summary, text
from abaca_compile.outputs import json as as_json

USED = UsedEnvironment(id="gcc-12", language=Language.C, compiler="gcc-12", version="12.2.0", command=("gcc", "a.c"))
NOTE = Diagnostic(severity=Severity.NOTE, message="declared here", file="a.c", line=1, column=5)
SAID = (
    Diagnostic(
        severity=Severity.ERROR,
        message="50% wrong,\nand more",
        file="dir/a b.c",
        line=2,
        column=3,
        end_line=2,
        end_column=6,
        fixits=(FixIt(file="dir/a b.c", line=2, column=3, end_line=2, end_column=6, text="new"),),
        children=(NOTE,),
    ),
    Diagnostic(severity=Severity.WARNING, message="unused", option="-Wunused", file="a.c", line=1),
    Diagnostic(severity=Severity.FATAL, message="no input"),
)
REJECTED = Result(
    status=CompileStatus.FAILED,
    outcome=CompileOutcome.REJECTED,
    success=True,
    compiled=False,
    exit_code=1,
    diagnostics=SAID,
    counts=counted(SAID),
    environment=USED,
    timings=Timings(compile_ms=12),
)
LATE = Result(
    status=CompileStatus.TIMEOUT, outcome=CompileOutcome.TIMEOUT, environment=USED, limit="wall", error="it was stopped"
)


def test_text_shows_the_line_and_sums_up() -> None:
    shown = text(REJECTED, Sources([SourceFile(name="dir/a b.c", content=b"one\n  bad word\n")]))
    assert shown.startswith(
        "dir/a b.c:2:3: error: 50% wrong,\nand more\n    2 |   bad word\n      |   ^~~\n      |   new\n"
    )
    assert shown.endswith("fatal error: no input\ngcc-12: did not compile (2 errors, 1 warning, 12 ms)\n")
    assert summary(LATE) == "gcc-12: timeout: it was stopped"


def test_annotations_are_escaped_and_carry_their_places() -> None:
    assert ci_annotations(REJECTED, "src/").splitlines() == [
        "::error file=src/dir/a b.c,line=2,endLine=2,col=3,endColumn=6::50%25 wrong,%0Aand more",
        "::warning file=src/a.c,line=1,title=-Wunused::unused",
        "::error::no input",
    ]
    assert ci_annotations(LATE) == "::error::it was stopped\n"


def test_sarif_names_rules_places_notes_and_changes() -> None:
    log = json.loads(sarif([REJECTED, LATE]))
    run, late = log["runs"]
    assert (log["version"], run["tool"]["driver"]["rules"]) == ("2.1.0", [{"id": "-Wunused"}])
    wrong, unused, fatal = run["results"]
    place = wrong["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "dir/a%20b.c"}
    assert place["region"] == {"startLine": 2, "startColumn": 3, "endLine": 2, "endColumn": 6}
    assert wrong["relatedLocations"][0]["message"] == {"text": "declared here"}
    assert wrong["fixes"][0]["artifactChanges"][0]["replacements"][0]["insertedContent"] == {"text": "new"}
    assert (unused["ruleId"], unused["level"]) == ("-Wunused", "warning")
    assert (fatal["level"], fatal["locations"]) == ("error", [])
    assert late["invocations"][0]["executionSuccessful"] is False


def test_json_has_one_shape_for_every_state() -> None:
    waiting, over = json.loads(as_json(Result())), json.loads(as_json(REJECTED))
    assert list(waiting) == list(over)
    assert (waiting["status"], waiting["compiled"], waiting["duration"]) == ("queued", None, None)
    assert msgspec.json.decode(as_json(REJECTED), type=Result) == REJECTED
