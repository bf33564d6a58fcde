"""What a function must be to be a task, and what its declaration tells."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from inspect import Parameter, Signature
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from abaca.batch_context import BatchCtx
from abaca.batching import batch_hints
from abaca.codec import ArgumentCodec, ResultCodec
from abaca.context import Ctx
from abaca.errors import TaskDeclarationError
from abaca.options import POOLS, Pool
from abaca.streaming import is_generator, item_type

_POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)


@dataclass(frozen=True, slots=True)
class Handler:
    """A function that may be a task. ``signature`` and ``hints`` are as callers see them, without ``ctx``."""

    fn: Callable[..., Any]
    takes_ctx: bool
    pool: Pool
    signature: Signature
    hints: dict[str, Any] | None
    """``None`` while a name in an annotation is not defined yet."""
    batch: bool = False
    """Whether it takes the values of many jobs at once; ``hints`` are those of one job all the same."""

    def required(self) -> list[str]:
        """The parameters that every call must give."""
        variadic = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
        parameters = self.signature.parameters.values()
        return [p.name for p in parameters if p.default is Parameter.empty and p.kind not in variadic]

    def codecs(self, task: str, limit: int) -> tuple[ArgumentCodec, ResultCodec[Any]]:
        """Raises ``TaskDeclarationError`` for an annotation that is undefined or has no JSON form."""
        hints = self.resolved()
        if not self.yields and get_origin(hints.get("return")) in (Iterator, AsyncIterator):
            raise _refusal(self.fn, "it returns an iterator and is no generator; yield the items, or return a list")
        try:
            arguments = ArgumentCodec(task, self.signature, hints, limit=limit)
            returned = int if self.yields else hints.get("return", Any)
            results: ResultCodec[Any] = ResultCodec(
                Any if returned is object else returned, what=f"task {task!r}", limit=limit
            )
        except (TypeError, ValueError) as error:
            raise _refusal(self.fn, f"an annotation has no JSON form: {error}") from error
        return arguments, results

    @property
    def yields(self) -> bool:
        """Whether it is a generator: then its result is the number of its items."""
        return is_generator(self.fn)

    def item_codec(self, task: str, limit: int) -> ResultCodec[Any]:
        """Of what a generator yields. Raises ``TaskDeclarationError`` as ``codecs`` does."""
        hints = _hints(self.fn) if self.hints is None else self.hints
        item = item_type(hints.get("return", Any))
        if item is None:
            kind = "AsyncIterator" if inspect.isasyncgenfunction(self.fn) else "Iterator"
            raise _refusal(self.fn, f"it is a generator; say what it yields: -> {kind}[Item]")
        try:
            return ResultCodec(Any if item is object else item, what=f"task {task!r}", limit=limit, noun="item")
        except (TypeError, ValueError) as error:
            raise _refusal(self.fn, f"its items have no JSON form: {error}") from error

    def resolved(self) -> dict[str, Any]:
        """The hints. Raises ``TaskDeclarationError`` for an annotation that is still undefined."""
        if self.hints is not None:
            return self.hints
        hints = _hints(self.fn)
        self._still_fits(hints)
        return _of_one_job(self.fn, self.signature, hints) if self.batch else hints

    def _still_fits(self, hints: dict[str, Any]) -> None:
        parameters = list(inspect.signature(self.fn).parameters.values())
        if _takes_ctx(self.fn, parameters, hints, BatchCtx if self.batch else Ctx) != self.takes_ctx:
            raise _refusal(self.fn, "Ctx must be imported before the function is defined, not only for type checking")


def examine(fn: Callable[..., Any], pool: Pool | None, *, batch: bool = False) -> Handler:
    """Check that ``fn`` can be a task, with ``batch`` a batch handler.

    Raises ``TaskDeclarationError`` naming the function and the parameter.
    """
    if not inspect.isfunction(fn):
        raise TaskDeclarationError(f"{fn!r} cannot be a task: only a plain function (def or async def) can")
    if "." in fn.__qualname__.rpartition("<locals>.")[2]:
        raise _refusal(fn, "it is a method; declare a function outside the class")
    signature = inspect.signature(fn)
    parameters = list(signature.parameters.values())
    try:
        hints: dict[str, Any] | None = _hints(fn)
    except TaskDeclarationError:
        hints = None  # a class further down the module, perhaps; the first call will tell
    known = hints if hints is not None else _hints_one_by_one(fn, parameters)
    takes_ctx = _takes_ctx(fn, parameters, known, BatchCtx if batch else Ctx)
    visible = signature.replace(parameters=parameters[1:]) if takes_ctx else signature
    if batch:
        if pool == "process":
            raise _refusal(fn, "pool 'process' takes no batches; 'async' and 'thread' do")
        hints = None if hints is None else _of_one_job(fn, visible, hints)
    return Handler(fn, takes_ctx, _pool(fn, pool), visible, hints, batch)


def _of_one_job(fn: Callable[..., Any], visible: Signature, hints: dict[str, Any]) -> dict[str, Any]:
    try:
        return batch_hints(visible, hints)
    except ValueError as error:
        raise _refusal(fn, str(error)) from error


def _hints(fn: Callable[..., Any]) -> dict[str, Any]:
    try:
        return get_type_hints(fn, include_extras=True)
    except Exception as error:
        raise _refusal(fn, f"an annotation cannot be resolved: {error}") from error


def _hints_one_by_one(fn: Callable[..., Any], parameters: list[Parameter]) -> dict[str, Any]:
    """The hints that can be resolved now. Only an annotation that cannot be stays a text."""
    hints: dict[str, Any] = {}
    for parameter in parameters:
        alone = type("_", (), {"__annotations__": {parameter.name: fn.__annotations__.get(parameter.name, Any)}})
        try:
            hints |= get_type_hints(alone, globalns=fn.__globals__, include_extras=True)
        except Exception:
            hints[parameter.name] = parameter.annotation
    return hints


def _takes_ctx(fn: Callable[..., Any], parameters: list[Parameter], hints: dict[str, Any], wanted: type = Ctx) -> bool:
    for parameter in parameters[1:]:
        if _mentions_ctx(hints.get(parameter.name)):
            raise _refusal(fn, f"parameter {parameter.name!r} is Ctx; only the first one may be")
    if not parameters:
        return False
    first = parameters[0]
    hint = hints.get(first.name, Any)
    if first.kind is not Parameter.KEYWORD_ONLY and (hint is Any or hint is object or isinstance(hint, TypeVar)):
        raise _refusal(fn, f"its first parameter {first.name!r} needs a type of its own; Any and object could be a Ctx")
    if hint is wanted and first.kind in _POSITIONAL and first.default is Parameter.empty:
        return True
    if _mentions_ctx(hint):
        name = wanted.__name__
        raise _refusal(fn, f"parameter {first.name!r} must be annotated exactly {name}, positional and without default")
    return False


def _mentions_ctx(hint: Any) -> bool:
    if isinstance(hint, str):
        return "Ctx" in hint
    if isinstance(hint, type) and not get_args(hint):
        return issubclass(hint, Ctx | BatchCtx)
    return any(_mentions_ctx(part) for part in get_args(hint) if not isinstance(part, str))


def _pool(fn: Callable[..., Any], pool: Pool | None) -> Pool:
    is_async = inspect.iscoroutinefunction(fn) or inspect.isasyncgenfunction(fn)
    if pool is None:
        return "async" if is_async else "thread"
    if pool not in POOLS:
        raise _refusal(fn, f"pool {pool!r} is unknown; use 'async', 'thread' or 'process'")
    if is_async != (pool == "async"):
        kind = "async def" if is_async else "def"
        raise _refusal(fn, f"{kind} cannot run in pool {pool!r}; 'async' is for async def, the others are for def")
    if pool == "process" and ("<" in fn.__qualname__):
        raise _refusal(fn, "pool 'process' imports it by name, so it must be defined at the top of a module")
    return pool


def _refusal(fn: Callable[..., Any], reason: str) -> TaskDeclarationError:
    return TaskDeclarationError(f"{fn.__module__}.{fn.__qualname__} cannot be a task: {reason}")
