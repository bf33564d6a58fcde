"""The author's code: loaded, and asked what it is."""

from __future__ import annotations

import ast
import inspect
import linecache
import sys
import traceback
from collections.abc import Callable, Mapping
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from types import CodeType, ModuleType
from typing import Any

import numpy as np
import pandas as pd

from abaca_strategies.engine import Strategy
from abaca_strategies.failures import StrategyError
from abaca_strategies.running.work import Failure, Form, Frame, Reason

FILE = "/work/strategy.py"
NAME = "strategy"
LAST = "__last_expression__"
ENTRIES: Mapping[str, Form] = {"strategy": "instances", "signals": "signals", "weights": "weights"}
MAX_FRAMES = 20
MAX_TEXT = 4_000
GIVEN = {"np": np, "pd": pd, "Strategy": Strategy}
"""What code finds without importing it."""


class Unusable(Exception):
    """The code cannot be run at all."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Loader(SourceFileLoader):
    """Keeps the value of a cell's last expression under a name."""

    is_cell = False

    def source_to_code(self, data: Any, path: Any, **more: Any) -> CodeType:  # type: ignore[override]
        tree = ast.parse(data, FILE)
        if self.is_cell and tree.body and isinstance(last := tree.body[-1], ast.Expr):
            kept = ast.Assign([ast.Name(LAST, ast.Store())], last.value)
            tree.body[-1] = ast.fix_missing_locations(ast.copy_location(kept, last))
        return compile(tree, FILE, "exec", dont_inherit=True)


class Authored:
    """A strategy's module, its form, and the parameters that it declares."""

    def __init__(self, module: ModuleType, form: Form, entry: Any) -> None:
        self.module = module
        self.form: Form = form
        self.entry = entry
        declared = getattr(module, "PARAMS", {})
        if not isinstance(declared, Mapping):
            raise Unusable("entry", f"PARAMS is {type(declared).__name__}; it has to be a dict of parameters")
        self.declared = {str(key): value for key, value in declared.items()}

    def params(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The declared ones, with what is given in their place. Raises ``StrategyError`` for one that is not there."""
        if self.declared and (unknown := sorted(set(given) - set(self.declared))):
            raise StrategyError(
                f"the strategy declares no parameter {unknown[0]!r}; PARAMS has {', '.join(sorted(self.declared))}"
            )
        return {**self.declared, **given}

    def call(self, *arguments: Any) -> Any:
        """Calls the entry with as many of the arguments as it takes: ``signals(df)`` needs no params."""
        return self.entry(*arguments[: takes(self.entry, len(arguments))])


def load_module(names: Mapping[str, Any], *, is_cell: bool = False) -> ModuleType:
    """Runs the code's module. Raises what the code raises, and ``Unusable`` where it is no Python."""
    loader = Loader(NAME, FILE)
    loader.is_cell = is_cell
    spec = spec_from_file_location(NAME, FILE, loader=loader)
    assert spec is not None
    module = module_from_spec(spec)
    module.__dict__.update({**GIVEN, **names})
    sys.modules[NAME] = module
    try:
        loader.exec_module(module)
    except SyntaxError as error:
        if error.filename == FILE and not any(True for _ in _own(error)):
            raise Unusable("syntax", f"line {error.lineno}: {error.msg}") from error
        raise
    except ValueError as error:  # a NUL in the source
        if not any(True for _ in _own(error)):
            raise Unusable("syntax", str(error)) from error
        raise
    return module


def load_strategy(names: Mapping[str, Any]) -> Authored:
    """Raises ``Unusable`` for a module without an entry."""
    module = load_module(names)
    for name, form in ENTRIES.items():
        if callable(found := module.__dict__.get(name)) and not inspect.isclass(found):
            return Authored(module, form, found)
    for found in module.__dict__.values():
        if inspect.isclass(found) and found.__module__ == NAME and _is_event_class(found):
            return Authored(module, "events", found)
    raise Unusable(
        "entry",
        "the code defines none of strategy(), signals(df, params), weights(closes, params) and a class with next()",
    )


def _is_event_class(found: type[Any]) -> bool:
    step = getattr(found, "next", None)
    return callable(step) and step is not Strategy.next and not inspect.isabstract(found)


def takes(function: Callable[..., Any], most: int) -> int:
    """How many positional arguments a function takes, up to ``most``."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return most
    kinds = [one.kind for one in parameters]
    if inspect.Parameter.VAR_POSITIONAL in kinds:
        return most
    places = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return min(most, sum(kind in places for kind in kinds))


def failure_of(error: BaseException) -> Failure:
    """What an exception means for the author of the code, with the lines of it that were on the stack."""
    frames = [Frame(line=line, function=function, text=linecache.getline(FILE, line).strip()[:200])
              for line, function in _own(error)][-MAX_FRAMES:]  # fmt: skip
    line = frames[-1].line if frames else None
    kind = type(error).__name__[:100]
    if isinstance(error, Unusable):
        return Failure(reason=error.reason, message=str(error)[:MAX_TEXT])
    if isinstance(error, MemoryError):
        return Failure(reason="memory_limit", message="the code needs more memory than it may have", line=line)
    try:
        words = str(error)[:MAX_TEXT]
    except Exception:
        words = ""
    if isinstance(error, StrategyError):
        return Failure(reason="error", message=words, error_type=kind, line=line, frames=frames)
    if isinstance(error, SystemExit):
        words = f"the code ended the program (exit status {words or 0})"
    where = f" (line {line})" if line else ""
    return Failure(reason="error", message=f"{kind}: {words}{where}", error_type=kind, line=line, frames=frames)


def _own(error: BaseException) -> list[tuple[int, str]]:
    """Line and function of each frame that is the author's."""
    found = []
    for frame, line in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_filename == FILE:
            found.append((line, frame.f_code.co_name))
    return found
