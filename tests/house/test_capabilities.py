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

from tests.house.test_documents import anchors

ROOT = Path(__file__).parents[2]

# True from the day the core is complete: then nothing may wait for it any more.
CORE_DONE = False

# The list of ids is closed. A capability is never dropped from it, only proved, documented or ruled otherwise.
COUNTS = {"B": 94, "G": 76, "W": 91, "R": 161, "P": 76}
CHECKSUM = 0xA35FF23F

PROOFS = ("test", "doc", "design", "waits")
LATER = {"core", "flow", "the service", "compile service", "documents", "strategies", "proof"}

Entry = dict[str, str]


def capabilities() -> dict[str, Entry]:
    return tomllib.loads((ROOT / "tests" / "capabilities.toml").read_text())


@cache
def functions(path: Path) -> frozenset[str]:
    """The tests of a file: functions, and methods as Class::name."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef):
            methods = [item for item in node.body if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)]
            found |= {f"{node.name}::{method.name}" for method in methods}
    return frozenset(found)


def fault(entry: Entry) -> str | None:
    """What is wrong with an entry, or None."""
    given = [proof for proof in PROOFS if proof in entry]
    if len(given) != 1 or set(entry) != {"what", *given} or not entry["what"].strip():
        return f"has `what` and exactly one of {', '.join(PROOFS)}"
    kind, value = given[0], entry[given[0]]
    if kind == "test":
        name, _, function = value.partition("::")
        path = ROOT / name
        if not (name.startswith(("tests/", "src/abaca/testing/")) and path.is_file() and function in functions(path)):
            return f"there is no test {value}"
    if kind == "doc":
        name, _, anchor = value.partition("#")
        path = ROOT / name
        if not path.is_file() or (anchor and anchor not in anchors(path.read_text())):
            return f"there is no page {value}"
    if kind == "design" and not re.fullmatch(r"section [1-9]", value):
        return f"no section of the design: {value}"
    if kind == "waits" and value not in LATER:
        return f"nobody plans {value}"
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


@pytest.mark.parametrize(
    ("entry", "word"),
    [
        ({"what": "x", "waits": "documents"}, None),
        ({"what": "x", "design": "section 9"}, None),
        ({"what": "x", "doc": "CONTRIBUTING.md#how-tests-are-written"}, None),
        ({"what": "x", "test": "tests/house/test_capabilities.py::test_every_proof_is_there"}, None),
        ({"what": "x", "test": "tests/house/test_capabilities.py::test_gone"}, "no test"),
        ({"what": "x", "test": "tests/house/gone.py::test_gone"}, "no test"),
        ({"what": "x", "doc": "CONTRIBUTING.md#gone"}, "no page"),
        ({"what": "x", "design": "section 12"}, "no section"),
        ({"what": "x", "waits": "a rainy day"}, "nobody plans"),
        ({"what": "x", "waits": "core", "doc": "README.md"}, "exactly one"),
        ({"waits": "core"}, "exactly one"),
    ],
)
def test_the_rule_for_entries_finds_what_it_should(entry: Entry, word: str | None) -> None:
    found = fault(entry)
    assert word in found if word and found else found == word
