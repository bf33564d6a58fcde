"""Calling a step's function from a coroutine."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import functools
from collections.abc import Awaitable, Callable
from typing import Any

from abaca.port import Call
from abaca.returns import is_async


async def reached(future: concurrent.futures.Future[None]) -> None:
    """Wait for what another thread sets; giving up leaves it to the others who wait."""
    await asyncio.shield(asyncio.wrap_future(future))


async def called(call: Call, in_thread: Callable[..., Awaitable[Any]]) -> tuple[Any, BaseException | None]:
    """The value of a call, and what came to end the run meanwhile.

    A thread cannot be stopped: an interruption waits for it, so that what it did is known.
    """
    if is_async(call.fn):
        return await call.fn(*call.args, **call.kwargs), None
    bound = functools.partial(contextvars.copy_context().run, call.fn, *call.args, **call.kwargs)
    work = asyncio.ensure_future(in_thread(bound))
    interruption: BaseException | None = None
    while not work.done():
        try:
            await asyncio.wait((work,))
        except asyncio.CancelledError as error:
            interruption = error
    try:
        value = work.result()
    except Exception as error:
        if interruption is not None:
            raise interruption from error
        raise
    return (await value if isinstance(value, Awaitable) else value), interruption
