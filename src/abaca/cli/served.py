"""For commands that wait for jobs: whoever serves their queues does them, and nobody has to start a worker for that."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from abaca.app import App

T = TypeVar("T")
_LOOK_AGAIN = 3.0
_DRAIN = 2.0
"""Seconds that running jobs have when the command is interrupted; then they are given back, for a later worker."""


async def while_served(
    app: App,
    queues: Sequence[str],
    work: Coroutine[Any, Any, T],
    *,
    slots: int,
    prepare: Callable[[], Awaitable[None]] | None = None,
) -> T:
    """Do what waits for jobs, while somebody serves their queues: the workers that are there, else one in this process.

    The worker here has so many ``slots``. ``prepare`` is awaited before it and the work begin, and not where others
    serve; it may be called again. Raises what ``work``, ``prepare`` and the worker raise.
    """
    try:
        if prepare is not None and not await _is_served(app, queues):
            await prepare()
    except BaseException:
        work.close()
        raise
    over = asyncio.Event()
    serving = asyncio.create_task(_serve(app, queues, over, slots, prepare))
    doing = asyncio.create_task(work)
    try:
        await asyncio.wait({serving, doing}, return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            serving.result()
        return await doing
    finally:
        doing.cancel()
        await asyncio.gather(doing, return_exceptions=True)
        over.set()
        await serving


async def _serve(
    app: App,
    queues: Sequence[str],
    over: asyncio.Event,
    slots: int,
    prepare: Callable[[], Awaitable[None]] | None,
) -> None:
    while not over.is_set() and await _is_served(app, queues):
        await _within(_LOOK_AGAIN, over)
    if over.is_set():
        return
    if prepare is not None:
        await prepare()
    async with app.worker(queues=queues, concurrency=slots, drain=_DRAIN, name="command"):
        await over.wait()


async def _is_served(app: App, queues: Sequence[str]) -> bool:
    workers = (await app.stats()).workers
    return any(set(queues) & set(worker.queues) and not worker.draining for worker in workers)


async def _within(seconds: float, event: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return
