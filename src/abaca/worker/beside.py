"""What an application asks before a worker claims, and keeps running beside it, on the loop of its coroutines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager

from abaca.logs import worker_log

Beside = Callable[[], Awaitable[None]]
Check = Callable[[Collection[str]], Awaitable[None]]
"""Called with the queues of a worker. It raises ``ConfigError`` where this worker must not claim from them."""


async def checked(checks: Sequence[Check], queues: Collection[str]) -> None:
    """Raises what the first of them raises that refuses."""
    for check in checks:
        await check(queues)


@asynccontextmanager
async def running(works: Sequence[Beside]) -> AsyncIterator[None]:
    """Run them until the block ends, and wait for what they do at their cancellation. One that fails is logged."""
    tasks = [asyncio.ensure_future(_logged(work)) for work in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _logged(work: Beside) -> None:
    try:
        await work()
    except Exception as error:
        worker_log().error("what ran beside the worker failed; its jobs go on", exc_info=error)
