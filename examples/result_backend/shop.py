"""The application of the three examples: two tasks with typed arguments and results."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from abaca import Abort, App, Ctx

app = App()  # the store is $ABACA_URL, else sqlite:///abaca.db

PRICES = {"lamp": 3900, "chair": 12900, "table": 45000}


@dataclass(frozen=True)
class Quote:
    """A price in cents."""

    item: str
    quantity: int
    total: int


@app.task(timeout="10s", keep={"completed": "10m", "failed": "1d"})
async def quote(item: str, quantity: int) -> Quote:
    if item not in PRICES:
        raise Abort(f"there is no {item!r} in the shop")  # trying again would not help
    return Quote(item, quantity, PRICES[item] * quantity)


@app.task(timeout="5m")
async def stocktake(ctx: Ctx, seconds_per_item: float) -> dict[str, int]:
    counted: dict[str, int] = {}
    for done, item in enumerate(PRICES, 1):
        await asyncio.sleep(seconds_per_item)
        counted[item] = len(item)
        ctx.progress(done, len(PRICES), message=item)
    return counted


@asynccontextmanager
async def some_worker() -> AsyncIterator[None]:
    """A worker inside this program, so that an example runs by itself; ``--no-worker`` leaves the work to others."""
    async with app:
        if "--no-worker" in sys.argv:
            yield
            return
        async with app.worker(concurrency=10):
            yield
