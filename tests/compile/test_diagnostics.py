"""Readers of compiler output, on texts that need no compiler: odd, broken and cut off ones."""

from __future__ import annotations

import json

import pytest

from abaca_compile.diagnostics import Sources, clean, read
from abaca_compile.diagnostics.texts import Reading
from abaca_compile.model import Format, Severity, SourceFile, Stage, counted


def reading(form: Format, stderr: str, source: bytes = b"", name: str = "main.c", stdout: str = "") -> Reading:
    found, _ = read(form, stdout.encode(), stderr.encode(), Sources([SourceFile(name=name, content=source)]))
    return found


def gcc_entry(kind: str = "error", message: str = "it is wrong", column: int = 3, **more: object) -> dict[str, object]:
    caret = {"file": "main.c", "line": 1, "column": column, "byte-column": column}
    return {"kind": kind, "message": message, "locations": [{"caret": caret}], "children": [], **more}


def test_gcc_json_with_a_sentence_behind_it() -> None:
    text = json.dumps([gcc_entry("fatal error", "x.h: No such file or directory")]) + "\ncompilation terminated.\n"
    found = reading(Format.GCC_JSON, text, b"#include <x.h>\n")
    assert [(said.severity, said.message) for said in found.diagnostics] == [
        (Severity.FATAL, "x.h: No such file or directory")
    ]
    assert found.text.startswith("main.c:1:3: fatal error: x.h: No such file or directory\n    1 | #include <x.h>\n")
    assert found.text.endswith("compilation terminated.\n")
    assert found.raw == text


def test_gcc_json_of_two_units_and_the_linkers_text() -> None:
    text = (
        json.dumps([gcc_entry("warning", "first", option="-Wunused")])
        + "\n[]\n/usr/bin/ld: /tmp/ccA1.o: in function `main':\nmain.c:(.text+0x5): undefined reference to `f'\n"
        + "collect2: error: ld returned 1 exit status\n"
    )
    found = reading(Format.GCC_JSON, text).diagnostics
    assert [(said.severity, said.stage, said.option) for said in found] == [
        (Severity.WARNING, Stage.COMPILE, "-Wunused"),
        (Severity.ERROR, Stage.LINK, None),
    ]
    assert (found[1].message, found[1].file) == ("undefined reference to `f'", "main.c")


def test_gcc_json_that_was_cut_off_gives_what_is_whole() -> None:
    whole = json.dumps([gcc_entry(message="one"), gcc_entry(message="two"), gcc_entry(message="three")])
    found = reading(Format.GCC_JSON, whole[: whole.index("three")])
    assert [said.message for said in found.diagnostics] == ["one", "two"]


@pytest.mark.parametrize("text", ["[", "[[[[", "[1, 2]\n", "[{}]\n", "[nonsense\n", '[{"kind": "error"}', "]\n[\n"])
def test_what_only_looks_like_json_breaks_nothing(text: str) -> None:
    assert all(not said.message for said in reading(Format.GCC_JSON, text).diagnostics)


def test_columns_count_characters_where_gcc_counts_bytes() -> None:
    source = 'const char *s = "größe"; y\n'.encode()
    in_bytes = source.index(b"y\n") + 1
    (said,) = reading(Format.GCC_JSON, json.dumps([gcc_entry(column=in_bytes)]), source).diagnostics
    assert said.column == in_bytes - 2


def test_notes_hang_below_what_they_belong_to_and_are_counted() -> None:
    text = "main.c:1:5: error: twice [-Wx]\nmain.c:2:1: note: first here\nmain.c:9:1: warning: other [-Werror=unused]\n"
    found = reading(Format.GNU, text).diagnostics
    assert [(said.severity, said.option, len(said.children)) for said in found] == [
        (Severity.ERROR, "-Wx", 1),
        (Severity.WARNING, "-Wunused", 0),
    ]
    counts = counted(found)
    assert (counts.error, counts.warning, counts.note) == (1, 1, 1)


def test_clangs_ranges_and_changes_are_read_and_not_shown() -> None:
    text = (
        "main.c:1:8:{1:8-1:12}: error: use of undeclared identifier 'lenght'; did you mean 'length'?\n"
        'fix-it:"main.c":{1:8-1:14}:"l\\303\\244nge"\n'
    )
    found = reading(Format.CLANG, text, b"return lenght;\n")
    (said,) = found.diagnostics
    assert (said.column, said.end_line, said.end_column) == (8, 1, 12)
    assert [(change.column, change.end_column, change.text) for change in said.fixits] == [(8, 14, "länge")]
    assert found.text == "main.c:1:8: error: use of undeclared identifier 'lenght'; did you mean 'length'?\n"
    assert found.raw == text


def test_sarif_of_gcc_with_notes_and_changes() -> None:
    place = {
        "physicalLocation": {
            "artifactLocation": {"uri": "main.c"},
            "region": {"startLine": 2, "startColumn": 5, "endColumn": 8},
        }
    }
    change = {
        "artifactLocation": {"uri": "main.c"},
        "replacements": [
            {"deletedRegion": {"startLine": 2, "startColumn": 5, "endColumn": 8}, "insertedContent": {"text": "size"}}
        ],
    }
    result = {
        "ruleId": "-Wunused",
        "level": "warning",
        "message": {"text": "unused"},
        "locations": [place],
        "relatedLocations": [{**place, "message": {"text": "declared here"}}],
        "fixes": [{"artifactChanges": [change]}],
    }
    text = (
        json.dumps({"version": "2.1.0", "runs": [{"results": [result]}]})
        + "\ncollect2: error: ld returned 1 exit status\n"
    )
    said, link = reading(Format.SARIF, text).diagnostics
    assert (said.severity, said.option, said.line, said.column, said.end_column) == (
        Severity.WARNING,
        "-Wunused",
        2,
        5,
        8,
    )
    assert [note.message for note in said.children] == ["declared here"]
    assert [change.text for change in said.fixits] == ["size"]
    assert (link.stage, link.severity) == (Stage.LINK, Severity.ERROR)


def test_rustcs_lines_between_lines_that_are_none() -> None:
    entry = {"message": "mismatched types", "level": "error", "code": {"code": "E0308"}, "spans": [], "children": []}
    summary = {
        "message": "aborting due to 1 previous error",
        "level": "error",
        "spans": [],
        "rendered": "error: aborting\n",
    }
    text = f"{json.dumps({**entry, 'rendered': 'error[E0308]'})}\nthread panicked\n{{broken\n{json.dumps(summary)}\n"
    found = reading(Format.RUSTC_JSON, text)
    assert [(said.code, said.message) for said in found.diagnostics] == [("E0308", "mismatched types")]
    assert found.text == "error[E0308]thread panicked\n{broken\nerror: aborting\n"


@pytest.mark.parametrize(
    ("form", "text", "first"),
    [
        (Format.GNU, "tcc: error: undefined symbol 'f'\n", (Severity.ERROR, Stage.LINK, None)),
        (Format.GNU, "main.c: error: 'f' defined twice\n", (Severity.ERROR, Stage.LINK, None)),
        (Format.GNU, "/usr/bin/ld: cannot find -lx: No such file\n", (Severity.ERROR, Stage.LINK, None)),
        (Format.GNU, "gcc: fatal error: Killed signal terminated program cc1\n", (Severity.FATAL, Stage.COMPILE, None)),
        (Format.GNU, "cc1: warning: command-line option is odd\n", (Severity.WARNING, Stage.COMPILE, None)),
        (Format.GNU, "main.c:3: Error: no such instruction: `x'\n", (Severity.ERROR, Stage.COMPILE, 3)),
        (Format.GO, "# main\n./main.go:4:2: undefined: x\n", (Severity.ERROR, Stage.COMPILE, 4)),
        (Format.GO, "main.main: relocation target main.f not defined\n", (Severity.ERROR, Stage.LINK, None)),
        (Format.JAVAC, "error: no source files\n", (Severity.ERROR, Stage.COMPILE, None)),
        (Format.JAVAC, "A.java:7: error: ';' expected\nint x\n     ^\n1 error\n", (Severity.ERROR, Stage.COMPILE, 7)),
        (
            Format.NODE,
            "/work/a.js:2\nlet = ;\n    ^\n\nSyntaxError: no\n    at x\n",
            (Severity.ERROR, Stage.COMPILE, 2),
        ),
    ],
)
def test_the_first_message_of_a_text(form: Format, text: str, first: tuple[Severity, Stage, int | None]) -> None:
    (said,) = reading(form, text).diagnostics
    assert (said.severity, said.stage, said.line) == first


def test_typescripts_messages_come_on_standard_output() -> None:
    text = "src/a.ts(3,7): error TS2322: Type 'string' is not assignable.\n  It is a text.\nerror TS18003: No inputs.\n"
    said, other = reading(Format.TSC, "", stdout=text).diagnostics
    assert (said.file, said.line, said.column, said.code) == ("src/a.ts", 3, 7, "TS2322")
    assert said.message.endswith("\nIt is a text.")
    assert (other.file, other.code) == (None, "TS18003")


def test_javas_column_stands_below_tabs_and_details_become_notes() -> None:
    text = "A.java:3: error: cannot find symbol\n\t\tfoo();\n\t\t^\n  symbol:   method foo()\n  location: class A\n"
    (said,) = reading(Format.JAVAC, text, b"\n\n\t\tfoo();\n", "A.java").diagnostics
    assert said.column == 3
    assert [note.message for note in said.children] == ["symbol: method foo()", "location: class A"]


def test_no_text_steers_a_terminal() -> None:
    assert clean(b"\x1b[31mred\x1b[0m \x1b]0;title\x07x\x1b(B\x00\x08y\tz\n") == "red xy\tz\n"
    assert clean(b"\xff\xfe") == "\ufffd\ufffd"


def test_a_flood_of_messages_is_kept_within_bounds() -> None:
    text = "".join(f"main.c:{line}:1: error: no\n" for line in range(1, 5001))
    assert len(reading(Format.GNU, text).diagnostics) == 1000
