"""What no source file may hold, and what each must."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src"
TESTS = ROOT / "tests"

MAX_LINES = 400
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|raise NotImplementedError")
UNSAFE_MODULES = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "_pickle"}
UNSAFE_CALLS = {"eval", "exec", "yaml.load", "yaml.unsafe_load", "yaml.full_load"}
UNSAFE_WORDS = {name.rpartition(".")[2] for name in UNSAFE_MODULES | UNSAFE_CALLS}
SLEEPS = {"time.sleep", "asyncio.sleep", "anyio.sleep", "trio.sleep"}
REASON = "# sleeps: "
ENDLESS = {"subprocess.run", "subprocess.call", "subprocess.check_call", "subprocess.check_output"}
CONTRACT = {".sql": "--", ".lua": "--"}


def files(folder: Path, *suffixes: str) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix in suffixes and path.is_file())


def dotted(node: ast.expr) -> str:
    """`a.b.c` for an attribute chain, otherwise an empty text."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (left := dotted(node.value)):
        return f"{left}.{node.attr}"
    return ""


def imported_as(tree: ast.AST) -> dict[str, str]:
    """What each imported name of a file stands for, so that `from time import sleep as nap` hides nothing."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.asname: alias.name for alias in node.names if alias.asname}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return names


def calls(tree: ast.AST) -> Iterator[tuple[int, str, ast.Call]]:
    known = imported_as(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (name := dotted(node.func)):
            first, dot, rest = name.partition(".")
            yield node.lineno, known.get(first, first) + dot + rest, node


def unsafe(source: str) -> list[str]:
    """Lines that load code from data. The applications run such code in the sandbox, never in this process."""
    if not any(word in source for word in UNSAFE_WORDS):
        return []  # most files are not worth parsing
    tree = ast.parse(source)
    found = [f"{line}: {name}()" for line, name, _ in calls(tree) if name in UNSAFE_CALLS]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            found += [f"{node.lineno}: import {name}" for name in names if name.split(".")[0] in UNSAFE_MODULES]
    return found


def sleeps(source: str) -> list[str]:
    """Calls that sleep for a time and do not say why. `asyncio.sleep(0)` gives way once and waits for nothing."""
    if "sleep" not in source:
        return []
    found = []
    lines = source.splitlines()
    for line, name, call in calls(ast.parse(source)):
        is_zero = bool(call.args) and isinstance(call.args[0], ast.Constant) and call.args[0].value == 0
        if name in SLEEPS and not is_zero and REASON not in lines[line - 1]:
            found.append(f"{line}: {name}")
    return found


def endless(source: str) -> list[str]:
    """Calls that wait for another process for as long as it likes: one that hangs must fail its test, not the run.

    What asyncio awaits is ended by the test's own timeout.
    """
    if "subprocess" not in source and ".communicate" not in source:
        return []
    tree = ast.parse(source)
    awaited = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Await)}
    found = []
    for line, name, call in calls(tree):
        is_bounded = any(word.arg in (None, "timeout") for word in call.keywords) or id(call) in awaited
        if not is_bounded and (name in ENDLESS or (name.endswith(".communicate") and not call.args)):
            found.append(f"{line}: {name}")
    return found


def test_no_file_holds_two_ideas() -> None:
    long = {
        str(path.relative_to(ROOT)): n
        for path in files(SRC, ".py")
        if (n := len(path.read_text().splitlines())) > MAX_LINES
    }
    assert not long, f"files over {MAX_LINES} lines"


def test_nothing_is_marked_unfinished() -> None:
    marked = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in files(SRC, ".py", ".sql", ".lua", ".html", ".js")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if UNFINISHED.search(line)
    ]
    assert not marked


def test_no_code_is_loaded_from_data() -> None:
    found = [f"{path.relative_to(ROOT)}:{line}" for path in files(SRC, ".py") for line in unsafe(path.read_text())]
    assert not found


def test_no_test_sleeps() -> None:
    """Tests wait for a signal or move a manual clock. A handler under test that must take time waits on an event.

    Where neither can be (another process gives no signal, a real lease has to pass) the line ends in `# sleeps: why`.
    """
    found = [f"{path.relative_to(ROOT)}:{line}" for path in files(TESTS, ".py") for line in sleeps(path.read_text())]
    assert not found


def test_no_test_waits_for_a_process_without_end() -> None:
    found = [f"{path.relative_to(ROOT)}:{line}" for path in files(TESTS, ".py") for line in endless(path.read_text())]
    assert not found


@pytest.mark.parametrize("suffix", sorted(CONTRACT))
def test_statements_and_scripts_begin_with_their_contract(suffix: str) -> None:
    bare = [
        str(path.relative_to(ROOT)) for path in files(SRC, suffix) if not path.read_text().startswith(CONTRACT[suffix])
    ]
    assert not bare, "each file begins with a comment that says keys, arguments and answer"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import pickle", ["1: import pickle"]),
        ("from pickle import loads", ["1: import pickle"]),
        ("import yaml as y\ny.load(text)", ["2: yaml.load()"]),
        ("eval(text)", ["1: eval()"]),
        ("model.eval()\nyaml.safe_load(text)", []),
    ],
)
def test_the_rule_against_loading_code_finds_what_it_should(source: str, found: list[str]) -> None:
    assert unsafe(source) == found


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("import time\ntime.sleep(1)", 1),
        ("from time import sleep as nap\nnap(0.1)", 1),
        ("async def f():\n    await asyncio.sleep(delay)", 1),
        ("async def f():\n    await asyncio.sleep(0)", 0),
        ("clock.sleep(5)", 0),
        ("import time\ntime.sleep(1)  # sleeps: the other process gives no signal", 0),
    ],
)
def test_the_rule_against_sleeping_finds_what_it_should(source: str, count: int) -> None:
    assert len(sleeps(source)) == count


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("import subprocess\nsubprocess.run(['true'])", 1),
        ("from subprocess import check_output as ask\nask(['true'])", 1),
        ("import subprocess\nsubprocess.run(['true'], timeout=5)", 0),
        ("child.communicate()", 1),
        ("child.communicate(timeout=5)", 0),
        ("async def f():\n    await child.communicate()", 0),
    ],
)
def test_the_rule_against_endless_waits_finds_what_it_should(source: str, count: int) -> None:
    assert len(endless(source)) == count
