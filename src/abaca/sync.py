"""One event loop on a thread of its own per process, for callers without one. Started at the first use.

A forked child starts its own: the parent's thread does not exist there.
"""

from __future__ import annotations

import asyncio
import functools
import os
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, Concatenate, ParamSpec, TypeVar

from abaca.errors import RunningLoopError

P = ParamSpec("P")
S = TypeVar("S")
T = TypeVar("T")


class _Background:
    """The loop and its thread. ``abandoned`` keeps a forked parent's loop from being torn down in the child."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._abandoned: list[asyncio.AbstractEventLoop] = []
        self._told_fork = False

    def loop(self) -> asyncio.AbstractEventLoop:
        loop = self._loop
        if loop is not None:
            return loop
        with self._lock:
            if self._loop is None:
                self._loop = self._start()
            return self._loop

    def _start(self) -> asyncio.AbstractEventLoop:
        if not self._told_fork:
            os.register_at_fork(after_in_child=self._forget)
            self._told_fork = True
        loop = asyncio.new_event_loop()
        threading.Thread(target=loop.run_forever, name="abaca-sync", daemon=True).start()
        return loop

    def _forget(self) -> None:
        self._lock = threading.Lock()  # another thread of the parent may have held it
        if self._loop is not None:
            self._abandoned.append(self._loop)
            self._loop = None


_background = _Background()


def background_loop() -> asyncio.AbstractEventLoop:
    """The loop that serves the ``_sync`` methods of this process."""
    return _background.loop()


def run_sync(make: Callable[[], Coroutine[Any, Any, T]], name: str) -> T:
    """Run a coroutine on the background loop and wait for it. ``name`` is the method that was called.

    Raises ``RunningLoopError`` in a thread whose event loop runs: the wait would stop that loop.
    """
    refuse_running_loop(name)
    future = asyncio.run_coroutine_threadsafe(make(), background_loop())
    try:
        return future.result()
    except BaseException:
        future.cancel()  # the caller was interrupted: nobody waits for it any more
        raise


def refuse_running_loop(name: str) -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise RunningLoopError(f"{name}() would block the running event loop; await {name.removesuffix('_sync')}() instead")


def twin(method: Callable[Concatenate[S, P], Coroutine[Any, Any, T]]) -> Callable[Concatenate[S, P], T]:
    """The sync twin of an async method: the same parameters, run on the background loop."""

    @functools.wraps(method)
    def run(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return run_sync(lambda: method(self, *args, **kwargs), run.__qualname__)

    run.__name__ += "_sync"
    run.__qualname__ += "_sync"
    return run


def iterate_sync(items: AsyncIterator[T], name: str) -> Iterator[T]:
    """The items of an async iterator, each awaited on the background loop."""

    async def following() -> T:
        return await anext(items)

    async def ending() -> None:
        close = getattr(items, "aclose", None)
        if close is not None:
            await close()

    try:
        while True:
            try:
                yield run_sync(following, name)
            except StopAsyncIteration:
                return
    finally:
        run_sync(ending, name)
