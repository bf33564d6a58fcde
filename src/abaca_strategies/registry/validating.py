"""What can be said of code without running it: its syntax, and whether it has an entry point.

This is for better messages. What keeps code from doing harm is the sandbox.
"""

from __future__ import annotations

import ast
import warnings
from typing import Literal

import msgspec

ENTRY_FUNCTIONS = ("strategy", "signals", "weights")
BASE = "Strategy"
NO_ENTRY = (
    "there is no entry point: define strategy(), signals(df, params), weights(closes, params), or a class with next()"
)


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing about code. An error keeps it from running; a note does not."""

    severity: Literal["error", "note"]
    kind: str
    text: str
    line: int = 0
    """From 1; 0 where it is about the whole."""
    column: int = 0

    def __str__(self) -> str:
        return f"line {self.line}: {self.text}" if self.line else self.text


def validate(python_code: str) -> list[Finding]:
    """Findings, errors first."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a stranger's "\d" is no warning of this program
            tree = ast.parse(python_code, "strategy.py")
            compile(tree, "strategy.py", "exec", dont_inherit=True)
    except SyntaxError as error:
        found = Finding(
            severity="error", kind="syntax", text=error.msg, line=error.lineno or 0, column=error.offset or 0
        )
        return [found]
    except (ValueError, RecursionError, MemoryError) as error:
        return [Finding(severity="error", kind="syntax", text=f"it cannot be read as Python: {error}")]
    if not _has_entry(tree):
        return [Finding(severity="error", kind="no_entry_point", text=NO_ENTRY)]
    return []


def _has_entry(tree: ast.Module) -> bool:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name in ENTRY_FUNCTIONS:
            return True
        if isinstance(node, ast.ClassDef) and (_has_next(node) or any(_name(base) == BASE for base in node.bases)):
            return True
        if isinstance(node, ast.Assign | ast.ImportFrom) and any(name in ENTRY_FUNCTIONS for name in _bound(node)):
            return True
    return False


def _has_next(node: ast.ClassDef) -> bool:
    return any(isinstance(each, ast.FunctionDef) and each.name == "next" for each in node.body)


def _bound(node: ast.Assign | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.ImportFrom):
        return [alias.asname or alias.name for alias in node.names]
    return [target.id for target in node.targets if isinstance(target, ast.Name)]


def _name(base: ast.expr) -> str:
    return base.attr if isinstance(base, ast.Attribute) else base.id if isinstance(base, ast.Name) else ""
