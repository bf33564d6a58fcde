"""The types of ``@app.task``, ``@app.cron`` and ``@app.every``: what each kind of function becomes. No behaviour."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, overload

from abaca.context import Ctx
from abaca.streamtask import StreamFunction
from abaca.tasks import TaskFunction

P = ParamSpec("P")
R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., Any])

Coro = Coroutine[Any, Any, R]
CtxCoro = Callable[Concatenate[Ctx, P], Coro[R]]
AItems = Callable[P, AsyncIterator[R]]
"""An async generator. ``CtxAItems`` is one that takes a context; the other two are plain generators."""
CtxAItems = Callable[Concatenate[Ctx, P], AsyncIterator[R]]
Items = Callable[P, Iterator[R]]
CtxItems = Callable[Concatenate[Ctx, P], Iterator[R]]


class TaskDecorator(Protocol):
    """Takes the function, with or without ``ctx``, async or not. Callers of the task do not see ``ctx``."""

    @overload
    def __call__(self, fn: CtxAItems[P, R], /) -> StreamFunction[P, R, CtxAItems[P, R]]: ...  # type: ignore[overload-overlap]
    @overload
    def __call__(self, fn: AItems[P, R], /) -> StreamFunction[P, R, AItems[P, R]]: ...  # type: ignore[overload-overlap]
    @overload
    def __call__(self, fn: CtxItems[P, R], /) -> StreamFunction[P, R, CtxItems[P, R]]: ...  # type: ignore[overload-overlap]
    @overload
    def __call__(self, fn: Items[P, R], /) -> StreamFunction[P, R, Items[P, R]]: ...  # type: ignore[overload-overlap]
    @overload
    def __call__(  # type: ignore[overload-overlap]
        self, fn: Callable[Concatenate[Ctx, P], Coro[R]], /
    ) -> TaskFunction[P, R, Callable[Concatenate[Ctx, P], Coro[R]]]: ...
    @overload
    def __call__(self, fn: Callable[P, Coro[R]], /) -> TaskFunction[P, R, Callable[P, Coro[R]]]: ...
    @overload
    def __call__(
        self, fn: Callable[Concatenate[Ctx, P], R], /
    ) -> TaskFunction[P, R, Callable[Concatenate[Ctx, P], R]]: ...
    @overload
    def __call__(self, fn: Callable[P, R], /) -> TaskFunction[P, R, Callable[P, R]]: ...


class ScheduleDecorator(Protocol):
    """Takes a task, or a function that becomes one with default options."""

    @overload
    def __call__(self, fn: TaskFunction[P, R, F], /) -> TaskFunction[P, R, F]: ...
    @overload
    def __call__(  # type: ignore[overload-overlap]
        self, fn: Callable[Concatenate[Ctx, P], Coro[R]], /
    ) -> TaskFunction[P, R, Callable[Concatenate[Ctx, P], Coro[R]]]: ...
    @overload
    def __call__(self, fn: Callable[P, Coro[R]], /) -> TaskFunction[P, R, Callable[P, Coro[R]]]: ...
    @overload
    def __call__(
        self, fn: Callable[Concatenate[Ctx, P], R], /
    ) -> TaskFunction[P, R, Callable[Concatenate[Ctx, P], R]]: ...
    @overload
    def __call__(self, fn: Callable[P, R], /) -> TaskFunction[P, R, Callable[P, R]]: ...
