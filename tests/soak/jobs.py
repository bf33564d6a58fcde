"""What the workers of a soak run: a little of everything, kept for a minute."""

from __future__ import annotations

import asyncio
import time

from abaca import App, Ctx, Retry

app = App(name="soak", keep={"completed": "1m", "failed": "1m", "cancelled": "1m"})


@app.task
async def quick(n: int) -> int:
    return n


@app.task
async def slow(ctx: Ctx, n: int) -> int:
    for step in range(3):
        ctx.progress(step, 3)
        await asyncio.sleep(0.05)  # sleeps: work that takes time
    return n


@app.task(pool="thread")
def threaded(n: int) -> int:
    time.sleep(0.01)  # sleeps: work that takes time
    return n


@app.task(pool="process")
def apart(n: int) -> int:
    return n


@app.task(retry=Retry(max_attempts=2, backoff=[0.05]))
async def failing(n: int) -> int:
    raise ValueError(f"job {n} always fails")


@app.task
async def large(n: int) -> str:
    return "x" * 40_000


@app.task(timeout="100ms", retry=Retry(max_attempts=1))
async def late(n: int) -> int:
    await asyncio.sleep(5)  # sleeps: longer than it may
    return n
