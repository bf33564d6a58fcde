"""What makes a function a batch handler, and what its callers see of it."""

from __future__ import annotations

from inspect import Parameter, Signature
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from abaca.backend import MAX_BATCH
from abaca.durations import Duration, parse_duration
from abaca.errors import ConfigError

MAX_PARALLEL = 1000
LONGEST_LINGER_MS = 60_000
DEFAULT_LINGER = "50ms"


def lane_of(task: str) -> str:
    """The lane of a batch task's jobs: its slots are its own, so it starves nobody and is starved by nobody."""
    return f"batch:{task}"


def batch_fields(task: str, batch: int | None, linger: Duration | None, parallel: int | None) -> dict[str, Any]:
    """The fields of a task's options. Raises ``ConfigError`` naming the option."""
    if batch is None:
        for name, value in (("linger", linger), ("parallel", parallel)):
            if value is not None:
                raise ConfigError(f"task {task!r}, {name}: it belongs to batch=, and there is none")
        return {}
    if type(batch) is not int or not 1 <= batch <= MAX_BATCH:
        raise ConfigError(f"task {task!r}, batch: {batch!r} is not usable; give a number from 1 to {MAX_BATCH:,}")
    if parallel is not None and (type(parallel) is not int or not 1 <= parallel <= MAX_PARALLEL):
        raise ConfigError(
            f"task {task!r}, parallel: {parallel!r} is not usable; give a number from 1 to {MAX_PARALLEL:,}"
        )
    linger_ms = parse_duration(DEFAULT_LINGER if linger is None else linger, f"task {task!r}, linger")
    if linger_ms > LONGEST_LINGER_MS:
        raise ConfigError(f"task {task!r}, linger: at most {LONGEST_LINGER_MS // 1000} s; jobs are held so long")
    return {"lane": lane_of(task), "batch": batch, "linger_ms": linger_ms, "parallel": parallel or 1}


def batch_hints(signature: Signature, hints: dict[str, Any]) -> dict[str, Any]:
    """The hints as callers see them: the parameter is an element of the list, and so is the result.

    Raises ``ValueError`` that says what a batch handler must be.
    """
    parameters = list(signature.parameters.values())
    usable = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    if len(parameters) != 1 or parameters[0].kind not in usable or parameters[0].default is not Parameter.empty:
        raise ValueError("a batch handler takes one list, beside a BatchCtx, without default")
    name = parameters[0].name
    return {name: _element(hints.get(name, Any), name), "return": _result(hints.get("return", Any))}


def _element(hint: Any, name: str) -> Any:
    if get_origin(hint) is not list:
        raise ValueError(
            f"parameter {name!r} must be annotated list[...]: a batch handler gets the values of many jobs"
        )
    return get_args(hint)[0]


def _result(hint: Any) -> Any:
    """What one job's result is; ``None`` for a handler that answers none. Exceptions in the list are no results."""
    if hint is Any or hint is None or hint is NoneType:
        return hint
    parts = [part for part in _parts(hint) if part is not NoneType]
    if len(parts) != 1 or get_origin(parts[0]) is not list:
        raise ValueError("a batch handler returns list[...] with one element for each job, or None")
    kinds = [kind for kind in _parts(get_args(parts[0])[0]) if not _is_exception(kind)]
    if len(parts) < len(_parts(hint)):
        kinds.append(NoneType)
    return Union[tuple(kinds)] if kinds else NoneType  # noqa: UP007 - made of a tuple


def _parts(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def _is_exception(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, BaseException)
