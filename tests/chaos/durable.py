"""Handlers with durable steps and streams, for worker processes that are killed. The store is ``$ABACA_URL``."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Iterator

from abaca import App, Ctx, Retry
from tests.chaos.yard import file_is_there, note

app = App(name="durable")
LONG_SUFFERING = Retry(max_attempts=50, backoff="none")
PACE = 0.004
"""Seconds between items, so that a kill meets a stream in its middle."""


async def effect(marks: str, name: str) -> str:
    note(marks, f"{name}:{os.getpid()}")
    await asyncio.sleep(0.03)  # sleeps: a step that takes its time
    return name


def effect_sync(marks: str, name: str) -> str:
    note(marks, f"{name}:{os.getpid()}")
    threading.Event().wait(0.03)
    return name


@app.task(retry=LONG_SUFFERING)
async def steps(ctx: Ctx, marks: str, count: int) -> list[str]:
    return [await ctx.step(("step", n), effect, marks, str(n)) for n in range(count)]


@app.task(retry=LONG_SUFFERING)
def steps_in_thread(ctx: Ctx, marks: str, count: int) -> list[str]:
    return [ctx.step_sync(("step", n), effect_sync, marks, str(n)) for n in range(count)]


@app.task(pool="process", retry=LONG_SUFFERING)
def steps_in_process(ctx: Ctx, marks: str, count: int) -> list[str]:
    return [ctx.step_sync(("step", n), effect_sync, marks, str(n)) for n in range(count)]


@app.task(retry=LONG_SUFFERING)
async def stream(ctx: Ctx, marks: str, count: int) -> AsyncIterator[int]:
    note(marks, f"{ctx.resume_from}:{os.getpid()}")
    for n in range(ctx.resume_from, count):
        yield n
        await asyncio.sleep(PACE)  # sleeps: a stream that takes its time


@app.task(pool="process", retry=LONG_SUFFERING)
def stream_in_process(ctx: Ctx, marks: str, count: int) -> Iterator[int]:
    note(marks, f"{ctx.resume_from}:{os.getpid()}")
    pause = threading.Event()
    for n in range(ctx.resume_from, count):
        yield n
        pause.wait(PACE)


@app.task(retry=LONG_SUFFERING)
async def step_held(ctx: Ctx, marks: str, go_on: str) -> list[str]:
    """A step that notes its process and waits for a file, and one after it."""
    note(marks, f"run:{os.getpid()}")
    return [
        await ctx.step("held", held, marks, go_on),
        await ctx.step("after", effect, marks, f"after-{ctx.job_id}-{ctx.fence}"),
    ]


async def held(marks: str, go_on: str) -> str:
    await file_is_there(go_on)
    return f"{os.getpid()}"
