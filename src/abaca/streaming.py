"""Generator handlers: what the worker calls in place of one, and how their items are typed."""

from __future__ import annotations

import inspect
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Generator,
    Iterable,
    Iterator,
)
from contextlib import aclosing, closing
from typing import Any, get_args, get_origin

from abaca.codec import ResultCodec
from abaca.context import Ctx

_ITERATORS = (AsyncIterator, AsyncIterable, AsyncGenerator, Iterator, Iterable, Generator)

Codec = Callable[[], ResultCodec[Any]]


def is_generator(fn: Callable[..., Any]) -> bool:
    return inspect.isgeneratorfunction(fn) or inspect.isasyncgenfunction(fn)


def item_type(hint: Any) -> Any:
    """The type of the items of a generator that is declared to return this; ``None`` where it does not say."""
    if get_origin(hint) not in _ITERATORS:
        return None
    return get_args(hint)[0]


def emitting(fn: Callable[..., Any], takes_ctx: bool, codec: Codec) -> Callable[..., Any]:
    """A handler that emits what the generator yields and returns how many items the job has then.

    It always takes a context, and passes it on where the generator has one.
    """

    async def emit_all(ctx: Ctx, /, *args: Any, **kwargs: Any) -> int:
        items = ctx.items(codec())
        await items.recall()
        async with aclosing(fn(ctx, *args, **kwargs) if takes_ctx else fn(*args, **kwargs)) as generator:
            async for item in generator:
                await items.emit(item)
        return ctx.resume_from

    def emit_all_sync(ctx: Ctx, /, *args: Any, **kwargs: Any) -> int:
        items = ctx.items(codec())
        items.recall_sync()
        with closing(fn(ctx, *args, **kwargs) if takes_ctx else fn(*args, **kwargs)) as generator:
            for item in generator:
                items.emit_sync(item)
        return ctx.resume_from

    return emit_all if inspect.isasyncgenfunction(fn) else emit_all_sync
