"""tests/capabilities.toml names, for every capability that people were promised, what proves it."""

from __future__ import annotations

import ast
import re
import tomllib
import zlib
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from abaca.testing import conformance
from tests.house.test_documents import anchors

ROOT = Path(__file__).parents[2]
SUITE = ROOT / "src" / "abaca" / "testing" / "conformance"

# True from the day the core is complete: then nothing may wait for it any more.
CORE_DONE = True

# The list of ids is closed. A capability is never dropped from it, only proved, documented or ruled otherwise.
COUNTS = {"B": 94, "G": 76, "W": 91, "R": 161, "P": 76}
CHECKSUM = 0xA35FF23F

PROOFS = ("test", "doc", "design", "waits")
LATER = {
    "core",
    "flow",
    "the service",
    "compile service",
    "documents",
    "strategies",
    "proof",
    "PostgreSQL and Redis Cluster",
}

Entry = dict[str, str | list[str]]


def capabilities() -> dict[str, Entry]:
    return tomllib.loads((ROOT / "tests" / "capabilities.toml").read_text())


@cache
def checks(path: Path) -> frozenset[str]:
    """The tests that a file runs: functions, methods as Class::name, and the whole suite where it is imported."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef):
            methods = [item for item in node.body if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)]
            found |= {f"{node.name}::{method.name}" for method in methods}
        elif ast.unparse(node) == "from abaca.testing.conformance import *":
            found |= suite()
    return frozenset(name for name in found if name.rpartition("::")[2].startswith("test_"))


@cache
def suite() -> frozenset[str]:
    """The conformance checks that every store runs: those of the classes that the package exports."""
    every = {check for path in SUITE.glob("*.py") if path.name != "__init__.py" for check in checks(path)}
    return frozenset(check for check in every if check.partition("::")[0] in conformance.__all__)


def is_test(name: str) -> bool:
    file, _, check = name.partition("::")
    path = ROOT / file
    if not path.is_file() or path.suffix != ".py":
        return False
    if path.parent == SUITE:
        return check in suite() and check in checks(path)
    return file.startswith("tests/") and check in checks(path)


def is_page(name: str) -> bool:
    file, _, anchor = name.partition("#")
    path = ROOT / file
    return path.is_file() and path.suffix == ".md" and anchor in anchors(path.read_text())


def fault(entry: Entry) -> str | None:
    """What is wrong with an entry, or None."""
    given = [proof for proof in PROOFS if proof in entry]
    if len(given) != 1 or set(entry) != {"what", *given} or not str(entry["what"]).strip():
        return f"has `what` and exactly one of {', '.join(PROOFS)}"
    kind, value = given[0], entry[given[0]]
    values = value if isinstance(value, list) else [value]
    if not values or (len(values) > 1 and kind != "test"):
        return "only tests may be several"
    if kind == "test" and (missing := [name for name in values if not is_test(name)]):
        return f"there is no test {missing[0]}"
    if kind == "doc" and not is_page(values[0]):
        return f"there is no page {values[0]}"
    if kind == "design":
        page, colon, words = values[0].partition(": ")
        if not colon or not words.strip() or not is_page(page):
            return f"no page of the design, or no words about what took its place: {values[0]}"
    if kind == "waits" and values[0] not in LATER:
        return f"nobody plans {values[0]}"
    return None


def test_every_promised_capability_is_listed() -> None:
    ids = sorted(capabilities())
    assert Counter(name[0] for name in ids) == COUNTS
    assert zlib.crc32(" ".join(ids).encode()) == CHECKSUM


def test_every_proof_is_there() -> None:
    wrong = {name: found for name, entry in capabilities().items() if (found := fault(entry))}
    assert not wrong


@pytest.mark.skipif(not CORE_DONE, reason="the core is being built")
def test_nothing_waits_for_the_core() -> None:
    assert not [name for name, entry in capabilities().items() if entry.get("waits") == "core"]


def test_every_store_runs_the_whole_suite() -> None:
    """What is proved by a check of the suite is proved on every store."""
    for store in ("memory", "sqlite", "redis"):
        assert checks(ROOT / "tests" / "conformance" / f"test_{store}.py") == suite()
    assert len(suite()) > 200


def test_branch_coverage_is_measured_and_printed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["tool"]["coverage"]["run"] == {"branch": True, "source_pkgs": ["abaca", "abaca_sandbox"]}
    assert re.search(r"^coverage: .*\n\t.*COVERAGE=1 scripts/test\.sh", (ROOT / "Makefile").read_text(), re.MULTILINE)
    runs = [line for line in (ROOT / "scripts/test.sh").read_text().splitlines() if "-m pytest" in line]
    assert all("$measure" in line for line in runs)
    assert "$more $report" in runs[-1]


HERE = "tests/house/test_capabilities.py"
CHECK = "TestSettle::test_a_completed_job_keeps_its_result"


@pytest.mark.parametrize(
    ("entry", "word"),
    [
        ({"what": "x", "waits": "documents"}, None),
        ({"what": "x", "design": "docs/design.md#rulings: kept for seven days"}, None),
        ({"what": "x", "doc": "CONTRIBUTING.md#how-tests-are-written"}, None),
        ({"what": "x", "test": f"{HERE}::test_every_proof_is_there"}, None),
        (
            {
                "what": "x",
                "test": [f"{HERE}::test_every_proof_is_there", f"{HERE}::test_every_store_runs_the_whole_suite"],
            },
            None,
        ),
        ({"what": "x", "test": f"src/abaca/testing/conformance/settle.py::{CHECK}"}, None),
        ({"what": "x", "test": f"tests/conformance/test_redis.py::{CHECK}"}, None),
        ({"what": "x", "test": f"{HERE}::test_gone"}, "no test"),
        ({"what": "x", "test": f"{HERE}::is_page"}, "no test"),
        ({"what": "x", "test": [f"{HERE}::test_every_proof_is_there", f"{HERE}::test_gone"]}, "no test"),
        ({"what": "x", "test": []}, "several"),
        ({"what": "x", "test": "tests/house/gone.py::test_gone"}, "no test"),
        ({"what": "x", "test": f"src/abaca/testing/conformance/settle.py::{CHECK}s"}, "no test"),
        ({"what": "x", "test": f"src/abaca/testing/conformance/find.py::{CHECK}"}, "no test"),
        ({"what": "x", "doc": "CONTRIBUTING.md#gone"}, "no page"),
        ({"what": "x", "doc": "CONTRIBUTING.md"}, "no page"),
        ({"what": "x", "design": "docs/design.md#gone: words"}, "no page"),
        ({"what": "x", "design": "docs/design.md#rulings"}, "no words"),
        ({"what": "x", "waits": "a rainy day"}, "nobody plans"),
        ({"what": "x", "waits": "core", "doc": "README.md#try-it"}, "exactly one"),
        ({"waits": "core"}, "exactly one"),
    ],
)
def test_the_rule_for_entries_finds_what_it_should(entry: Entry, word: str | None) -> None:
    found = fault(entry)
    assert word in found if word and found else found == word
