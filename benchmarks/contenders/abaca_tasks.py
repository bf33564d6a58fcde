"""The tasks that the workers of ``abaca_redis`` and ``abaca_sqlite`` serve; the store is ``$ABACA_URL``."""

from __future__ import annotations

import time
from itertools import count

from abaca import App, Limit
from benchmarks.contenders import protocol

app = App()


@app.task
async def noop() -> int:
    return 1


_numbers = count()


@app.task
async def own() -> int:
    """A result that no other job has."""
    return next(_numbers)


@app.task(limits=[Limit(concurrency=100_000), Limit(rate=1_000_000, burst=100_000)])
async def limited() -> int:
    """Held by two limits that it never meets: what it costs to ask."""
    return 1


@app.task
async def payload(data: str) -> int:
    return 1


@app.task
def block() -> int:
    time.sleep(protocol.BLOCK_SECONDS)
    return 1
