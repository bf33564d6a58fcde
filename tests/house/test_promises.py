"""The pages of guarantees and failure modes leave nothing out, and every test that they name is there."""

from __future__ import annotations

import pytest

from tests.house.test_guide import PROOF, ROOT, is_test

GUARANTEES = ROOT / "docs" / "guarantees.md"
FAILURES = ROOT / "docs" / "failure-modes.md"
COMPLAINTS = ROOT / "docs" / "peers-complaints.md"
UNCOVERED = "not covered: "

PROMISED = {f"G{number}" for number in range(1, 13)}
NAMED = {
    *(f"W{number}" for number in range(1, 20)),
    *(f"N{number}" for number in range(1, 10)),
    *(f"R{number}" for number in (*range(1, 10), 15, 16, 17)),
    *(f"S-{number}" for number in range(1, 10)),
    *(f"C{number}" for number in range(1, 7)),
    *(f"E{number}" for number in range(1, 9)),
    *(f"B{number}" for number in range(1, 10)),
    *(f"K{number}" for number in (5, 6)),
    *(f"H{number}" for number in range(1, 9)),
    *(f"O{number}" for number in range(1, 4)),
    *(f"U{number}" for number in range(1, 4)),
}
"""PostgreSQL, Sentinel and Cluster (P, R10 to R14), schedules and HTTP (K, H9 and on) are not there yet."""


def rows(text: str, ids: set[str]) -> list[tuple[str, list[str]]]:
    """The table rows that begin with one of the ids, as id and cells."""
    split = ([cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|")
    return [(cells[0], cells) for cells in split if cells[0] in ids]


def faults(text: str, ids: set[str], *, may_be_uncovered: bool) -> list[str]:
    """Ids without a row or with two, rows without a proof, and names of tests that are not there."""
    found = rows(text, ids)
    wrong = [f"{id}: {count} rows" for id in sorted(ids) if (count := sum(row[0] == id for row in found)) != 1]
    for id, cells in found:
        excused = may_be_uncovered and cells[-1].startswith(UNCOVERED)
        if not PROOF.findall(cells[-1]) and not excused:
            wrong.append(f"{id}: names no test, and does not say {UNCOVERED!r} and why")
    return wrong + [f"no test {name}" for name in PROOF.findall(text) if not is_test(name)]


def test_every_test_that_the_guide_of_documents_names_is_there() -> None:
    named = PROOF.findall((ROOT / "docs" / "documents.md").read_text())
    assert named
    assert [name for name in named if not is_test(name)] == []


def test_every_guarantee_is_told_with_its_tests() -> None:
    assert faults(GUARANTEES.read_text(), PROMISED, may_be_uncovered=False) == []


def test_every_failure_mode_is_told_with_its_test_or_why_it_has_none() -> None:
    assert faults(FAILURES.read_text(), NAMED, may_be_uncovered=True) == []


def test_every_complaint_about_other_queues_is_answered_with_its_test() -> None:
    ids = {str(number) for number in range(1, 49)}
    assert faults(COMPLAINTS.read_text(), ids, may_be_uncovered=True) == []


HERE = "`tests/house/test_promises.py::test_every_guarantee_is_told_with_its_tests`"


@pytest.mark.parametrize(
    ("page", "wrong"),
    [
        (f"| G1 | a | {HERE} |", 0),
        ("| G1 | a | not covered: because |", 0),
        ("| G1 | a | believe it |", 1),
        (f"| G1 | a | {HERE} |\n| G1 | b | {HERE} |", 1),
        ("nothing", 1),
        (f"| G1 | a | {HERE} |\n\n`tests/house/test_gone.py::test_it`", 1),
    ],
)
def test_the_rule_finds_what_it_should(page: str, wrong: int) -> None:
    assert len(faults(page, {"G1"}, may_be_uncovered=True)) == wrong
