"""What an application keeps running beside a worker, in the process and on the loop of its coroutines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from abaca.logs import worker_log

Beside = Callable[[], Awaitable[None]]


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
