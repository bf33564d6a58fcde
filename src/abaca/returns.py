"""What a function is declared to return, for whoever stores its result."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, get_args, get_origin, get_type_hints


def declared_result(fn: Callable[..., Any]) -> Any:
    """The type of the value that a call gives, awaited where it must be; ``Any`` where nothing is declared."""
    fn = inner(fn)
    if not inspect.isroutine(fn) and not isinstance(fn, type):
        fn = type(fn).__call__
    if isinstance(fn, type):
        return fn
    try:
        hint = get_type_hints(fn, include_extras=True).get("return", Any)
    except Exception:  # a name that is not defined here, or a builtin without hints
        return Any
    if get_origin(hint) in (Awaitable, Coroutine):
        return get_args(hint)[-1]
    return hint


def inner(fn: Callable[..., Any]) -> Callable[..., Any]:
    """The function below partials, and below a task."""
    while True:
        if isinstance(fn, functools.partial):
            fn = fn.func
        elif not inspect.isroutine(fn) and inspect.isfunction(wrapped := getattr(fn, "__wrapped__", None)):
            fn = wrapped
        else:
            return fn


def is_async(fn: Callable[..., Any]) -> bool:
    """Whether a call of it has to be awaited, as far as it can be told without calling."""
    fn = inner(fn)
    if inspect.isroutine(fn) or isinstance(fn, type):
        return inspect.iscoroutinefunction(fn)
    return inspect.iscoroutinefunction(type(fn).__call__)
