"""What the documents tell people to write works, and what they claim is proved by a test that is there."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

import abaca
from abaca import (
    App,
    BatchCtx,
    Ctx,
    GroupHandle,
    JobHandle,
    JobResult,
    Retry,
    Task,
    Update,
    Workflow,
    WorkflowHandle,
    WorkflowProgress,
)

ROOT = Path(__file__).parents[2]
CLAIMS = ROOT / "docs" / "what-happens-when.md"
PAGES = (
    "README.md",
    "docs/guide.md",
    "docs/workflows.md",
    "docs/durable-steps.md",
    "docs/streams.md",
    "docs/results.md",
    "docs/batches.md",
    "docs/callbacks.md",
)
WHOLE = ("docs/batches.md", "docs/callbacks.md")
"""Pages whose examples are one program."""
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
PROOF = re.compile(r"`((?:tests|src)/[\w/]+\.py(?:::\w+)+)`")
CELLS = 5
AWAITING = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | ast.PyCF_ONLY_AST
CLASSES: dict[str, Any] = {
    "app": App,
    "ctx": (Ctx, BatchCtx),
    "job": JobHandle,
    "update": Update,
    "outcome": JobResult,
    "flow": Workflow,
    "workflow": WorkflowHandle,
    "pages": GroupHandle,
    "progress": WorkflowProgress,
}
"""By these names the documents call things of these classes."""


def blocks(page: str) -> list[str]:
    return BLOCK.findall((ROOT / page).read_text())


def parsed(source: str) -> ast.Module:
    tree = compile(source, "<document>", "exec", flags=AWAITING)
    assert isinstance(tree, ast.Module)
    return tree


def task_names(source: str) -> set[str]:
    """The functions that a text declares as tasks."""
    return {
        node.name
        for node in ast.walk(parsed(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and any(ast.unparse(decorator).startswith("app.task") for decorator in node.decorator_list)
    }


def mistakes(source: str, tasks: set[str]) -> list[str]:
    """Names that abaca does not have, and keywords that its callables do not take."""
    return [
        word
        for node in ast.walk(parsed(source))
        for word in (*_imports(node), *_attributes(node, tasks), *_keywords(node, tasks))
    ]


def _imports(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.ImportFrom) and node.module == "abaca":
        yield from (alias.name for alias in node.names if alias.name not in abaca.__all__)


def _attributes(node: ast.AST, tasks: set[str]) -> Iterator[str]:
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        owner = Task if node.value.id in tasks else CLASSES.get(node.value.id)
        if owner is None:
            return
        owners = owner if isinstance(owner, tuple) else (owner,)
        if not any(node.attr in _members(one) for one in owners):
            yield f"{node.value.id}.{node.attr}"


def _members(owner: type) -> set[str]:
    """What an instance has: also what only its constructor or its fields name."""
    named = {word for cls in owner.__mro__ for word in getattr(cls, "__annotations__", {})}
    if owner is App:
        named |= set(vars(App("memory://")))
    return set(dir(owner)) | named | set(getattr(owner, "__struct_fields__", ()))


def _keywords(node: ast.AST, tasks: set[str]) -> Iterator[str]:
    if not isinstance(node, ast.Call) or (target := _callee(node.func, tasks)) is None:
        return
    taken = _parameters(target)
    yield from (
        f"{ast.unparse(node.func)}({word.arg}=)" for word in node.keywords if word.arg and word.arg not in taken
    )


def _parameters(target: Callable[..., Any]) -> set[str]:
    """The names that a callable takes, those of its typed ``**options`` included."""
    names: set[str] = set()
    for parameter in inspect.signature(target).parameters.values():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            names |= set().union(
                *(get_type_hints(options) for options in get_args(get_type_hints(target)[parameter.name]))
            )
        else:
            names.add(parameter.name)
    return names


def _callee(func: ast.expr, tasks: set[str]) -> Callable[..., Any] | None:
    """The abaca callable that is called, where its keywords are its own and not those of a handler."""
    match func:
        case ast.Name(id="App"):
            return App
        case ast.Name(id="Retry"):
            return Retry
        case ast.Attribute(value=ast.Name(id="app"), attr=name) if hasattr(App, name):
            return getattr(App, name)  # type: ignore[no-any-return]
        case ast.Attribute(value=ast.Name(id=name), attr="opts") if name in tasks:
            return Task.opts
        case ast.Attribute(value=ast.Name(id="job"), attr=name) if hasattr(JobHandle, name):
            return getattr(JobHandle, name)  # type: ignore[no-any-return]
    return None


@pytest.mark.parametrize("page", PAGES)
def test_every_example_is_python_and_names_what_abaca_has(page: str) -> None:
    found = blocks(page)
    assert found
    tasks = set().union(*(task_names(block) for block in found))
    assert [mistake for block in found for mistake in mistakes(block, tasks)] == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from abaca import App, Nothing", ["Nothing"]),
        ("app.nothing()", ["app.nothing"]),
        ("app = App(colour=1)", ["App(colour=)"]),
        ("@app.task(speed=1)\ndef f() -> int: ...", ["app.task(speed=)"]),
        ("@app.task\ndef f(n: int) -> int: ...\nawait f.opts(later=1).enqueue(n=1)", ["f.opts(later=)"]),
        ("@app.task\ndef f(n: int) -> int: ...\nawait f.enqueued(1)", ["f.enqueued"]),
        ("await job.result(wait=1)", ["job.result(wait=)"]),
        ("async for update in job.updates(after=1):\n    update.kind, update.colour", ["update.colour"]),
        ("other.nothing()\nawait outcome.value", []),
    ],
)
def test_the_rule_for_examples_finds_what_it_should(source: str, found: list[str]) -> None:
    assert [mistake for mistake in mistakes(source, task_names(source)) if mistake != "outcome.value"] == found


def test_the_tasks_of_the_guide_can_be_declared(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Every block without an await, one after the other in one program."""
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {"__name__": "shop"}
    run = 0
    for block in blocks("docs/guide.md"):
        tree = parsed(block)
        if not any(_waits(statement) for statement in tree.body):
            exec(compile(tree, "<guide>", "exec"), namespace)  # noqa: S102 - our own document
            run += 1
    assert run >= 3
    assert set(namespace["app"].tasks) >= {"thumbnail", "send", "crunch", "import_rows"}


async def test_the_page_on_workflows_runs_from_its_beginning_to_its_end() -> None:
    # Given the page's own tasks under a worker
    first, *others = blocks("docs/workflows.md")
    assert len(others) >= 5
    namespace: dict[str, Any] = {"__name__": "page"}
    exec(compile(parsed(first), "<workflows>", "exec"), namespace)  # noqa: S102 - our own document
    async with namespace["app"] as app, app.worker():
        # When its blocks are run one after the other, then what they assert holds
        for block in others:
            code = compile(parsed(block), "<workflows>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            if (waiting := eval(code, namespace)) is not None:  # noqa: S307 - our own document
                await waiting
    assert namespace["texts"] == ["word " * page for page in range(1, 4)]
    assert (namespace["progress"].ended, namespace["progress"].total) == (6, 6)


async def test_the_example_of_the_readme_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given the task of the first block of the README, on a store in memory
    monkeypatch.setenv("ABACA_URL", "memory://")
    declares, waits = (parsed(block) for block in blocks("README.md")[:2])
    namespace: dict[str, Any] = {"__name__": "readme"}
    exec(compile(declares, "<readme>", "exec"), namespace)  # noqa: S102 - our own document
    # When the second one calls it beside a worker
    async with namespace["app"] as app, app.worker(queues=["reports"]):
        code = compile(waits, "<readme>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        await eval(code, namespace)  # noqa: S307 - our own document
        # Then it ends as it says
        assert namespace["pages"] == 600
        updates = [update async for update in namespace["job"].updates()]
    assert updates[-1].value == "completed"


@pytest.mark.parametrize("page", WHOLE)
async def test_a_page_of_one_program_runs(page: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # Given every block of the page, in order, in an empty folder
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {"__name__": "page"}
    statements = [statement for block in blocks(page) for statement in parsed(block).body]
    declares = [statement for statement in statements if not _waits(statement)]
    code = compile(ast.Module(declares, []), page, "exec", dont_inherit=True)
    exec(code, namespace)  # noqa: S102 - our own document
    # When its calls are made beside a worker, then they end as the page asserts
    async with namespace["app"] as app, app.worker(queues=["default", "alerts"]):
        waits = [statement for statement in statements if _waits(statement)]
        assert waits
        code = compile(ast.Module(waits, []), page, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        await eval(code, namespace)  # noqa: S307 - our own document


def _waits(statement: ast.stmt) -> bool:
    """Whether a statement of the top level awaits; what a function inside it does is its own."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return False
    return any(isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith) for node in ast.walk(statement))


def rows(text: str) -> list[list[str]]:
    """The cells of each table row of a page, without heads and rules."""
    lines = [line for line in text.splitlines() if line.startswith("|") and not line.startswith(("|---", "| event"))]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def unproved(text: str) -> list[str]:
    """Events of a page that name no test, or one that is not there."""
    wrong = []
    for row in rows(text):
        named = PROOF.findall(row[-1])
        if len(row) != CELLS or not all(row) or not named:
            wrong.append(f"{row[0]}: a row has {CELLS} cells, and the last names its tests")
        wrong += [f"{row[0]}: {name}" for name in named if not is_test(name)]
    return wrong


def is_test(name: str) -> bool:
    """Whether ``file::test`` or ``file::Class::test`` is defined."""
    path, *parts = name.split("::")
    if not (ROOT / path).is_file() or not parts[-1].startswith("test_"):
        return False
    body: list[ast.stmt] = ast.parse((ROOT / path).read_text()).body
    for part in parts:
        found = [node for node in body if getattr(node, "name", None) == part]
        if not found:
            return False
        body = getattr(found[0], "body", [])
    return True


def test_every_claim_of_what_happens_when_names_a_test_that_exists() -> None:
    text = CLAIMS.read_text()
    assert len(rows(text)) >= 25
    assert unproved(text) == []


@pytest.mark.parametrize(
    ("last_cell", "wrong"),
    [
        ("`tests/house/test_guide.py::test_every_claim_of_what_happens_when_names_a_test_that_exists`", 0),
        ("`src/abaca/testing/conformance/settle.py::TestSettle::test_verdicts_come_in_order`", 0),
        ("`tests/house/test_guide.py::test_nothing_of_the_kind`", 1),
        ("`tests/house/test_gone.py::test_it`", 1),
        ("`tests/house/test_guide.py::rows`", 1),
        ("believe it", 1),
    ],
)
def test_the_rule_for_claims_finds_what_it_should(last_cell: str, wrong: int) -> None:
    assert (
        len(unproved(f"| event | what | see | do | proof |\n|---|---|---|---|---|\n| a | b | c | d | {last_cell} |\n"))
        == wrong
    )
