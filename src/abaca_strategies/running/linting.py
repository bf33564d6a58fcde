"""Reads code without running it, to say early and with line numbers what will not work or looks wrong.

It keeps nobody out: what code may do is decided by the sandbox alone.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from abaca_strategies.running.lookahead import look_ahead_findings
from abaca_strategies.running.naming import dotted

MAX_CODE = 100_000
"""Bytes."""
ENTRIES = ("strategy", "signals", "weights")

ALLOWED = frozenset(
    (
        *("abc", "array", "bisect", "calendar", "cmath", "collections", "copy", "dataclasses", "datetime", "decimal"),
        *("enum", "fractions", "functools", "heapq", "itertools", "json", "logging", "math", "numbers", "operator"),
        *("random", "re", "statistics", "string", "textwrap", "time", "types", "typing", "warnings", "zoneinfo"),
        *("numpy", "pandas", "matplotlib", "plotly", "scipy", "abaca_strategies", "__future__"),
    )
)
FORBIDDEN = frozenset(
    ("eval", "exec", "compile", "open", "input", "__import__", "breakpoint", "globals", "locals", "vars", "memoryview")
)
FORBIDDEN_ATTRIBUTES = frozenset(
    ("__class__", "__subclasses__", "__globals__", "__builtins__", "__mro__", "__bases__", "__code__", "__closure__")
)


class Finding(Struct, frozen=True, kw_only=True):
    """One thing about code. An error keeps it from running; a note does not."""

    severity: Literal["error", "note"]
    kind: str
    """``size``, ``syntax``, ``no_entry_point``, ``entry``, ``params``, ``import``, ``call``, ``look_ahead``."""
    text: str
    line: int = 0
    """From 1; 0 where it is about the whole."""
    column: int = 0

    def __str__(self) -> str:
        return f"line {self.line}: {self.text}" if self.line else self.text


def lint(code: str, *, is_cell: bool = False) -> list[Finding]:
    """What there is to say about the code of a strategy or of an agent's cell, by line."""
    size = len(code.encode("utf-8", "replace"))
    if size > MAX_CODE:
        return [_error("size", 0, f"the code has {size} bytes; at most {MAX_CODE} are run")]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a stranger's "\d" is no warning of this program
            tree = ast.parse(code, "strategy.py")
            compile(tree, "strategy.py", "exec", dont_inherit=True)
    except SyntaxError as error:
        return [_error("syntax", error.lineno or 0, error.msg, error.offset or 0)]
    except (ValueError, RecursionError, MemoryError) as error:
        return [_error("syntax", 0, f"it cannot be read as Python: {error}")]
    found = [*_imports(tree), *_calls(tree)]
    if not is_cell:
        found += _entry(tree)
        found += [_note("look_ahead", node, words) for node, words in look_ahead_findings(tree)]
    return sorted(found, key=lambda one: (one.severity, one.line, one.column, one.kind))  # errors first


def _imports(tree: ast.Module) -> Iterator[Finding]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or "."]
        else:
            continue
        for name in names:
            if name.partition(".")[0] not in ALLOWED:
                words = (
                    f"import of {name}: it may not be there when this runs, and nothing of the machine can be reached"
                )
                yield _note("import", node, words)


def _calls(tree: ast.Module) -> Iterator[Finding]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (name := dotted(node.func)) in FORBIDDEN:
            yield _note("call", node, f"{name}() has no use in code that runs here, which has no files and no console")
        elif isinstance(node, ast.Attribute) and node.attr in FORBIDDEN_ATTRIBUTES:
            yield _note("call", node, f".{node.attr} has no use in a strategy")


def _entry(tree: ast.Module) -> Iterator[Finding]:
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    entries = [name for name in ENTRIES if name in functions or name in _assigned(tree)]
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and _has_next(node)]
    if not entries and not classes:
        forms = "strategy(), signals(df, params), weights(closes, params) or a class with next()"
        yield _error("no_entry_point", 0, f"there is no entry point: define {forms}")
    if len(entries) + bool(classes) > 1:
        yield _note("entry", tree.body[0], f"there are several entry points; {(entries or ['the class'])[0]} is run")
    for name in entries:
        node = functions.get(name)
        if isinstance(node, ast.AsyncFunctionDef):
            yield _error("entry", node.lineno, f"{name}() is async; it has to be a plain function")
        elif node is not None:
            yield from _arguments(node)
    yield from _parameters(tree)


def _arguments(node: ast.FunctionDef) -> Iterator[Finding]:
    """``signals`` and ``weights`` get a table and perhaps the parameters; ``strategy`` at most the parameters."""
    most = 1 if node.name == "strategy" else 2
    needed = len(node.args.posonlyargs) + len(node.args.args) - len(node.args.defaults)
    if needed > most or any(default is None for default in node.args.kw_defaults):
        yield _error("entry", node.lineno, f"{node.name}() needs more arguments than the {most} that it gets")
    takes = len(node.args.posonlyargs) + len(node.args.args)
    if node.name != "strategy" and not takes and node.args.vararg is None:
        yield _error("entry", node.lineno, f"{node.name}() takes no argument; it gets a table and the parameters")


def _parameters(tree: ast.Module) -> Iterator[Finding]:
    for node in tree.body:
        is_params = isinstance(node, ast.Assign | ast.AnnAssign) and "PARAMS" in _names(node)
        if is_params and isinstance(node.value, ast.Constant | ast.List | ast.Tuple | ast.Set):
            yield _error("params", node.lineno, "PARAMS has to be a dict of parameters and their usual values")


def _assigned(tree: ast.Module) -> set[str]:
    """Names that are bound otherwise than by ``def``."""
    kinds = (ast.Assign, ast.AnnAssign, ast.ImportFrom)
    return {name for node in tree.body if isinstance(node, kinds) for name in _names(node)}


def _names(node: ast.Assign | ast.AnnAssign | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.ImportFrom):
        return [alias.asname or alias.name for alias in node.names]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _has_next(node: ast.ClassDef) -> bool:
    has = any(isinstance(one, ast.FunctionDef) and one.name == "next" for one in node.body)
    return has or any(dotted(base).rpartition(".")[2] == "Strategy" for base in node.bases)


def _error(kind: str, line: int, text: str, column: int = 0) -> Finding:
    return Finding(severity="error", kind=kind, text=text, line=line, column=column)


def _note(kind: str, node: ast.stmt | ast.expr, text: str) -> Finding:
    return Finding(severity="note", kind=kind, text=text, line=node.lineno, column=node.col_offset + 1)
