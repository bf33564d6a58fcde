"""``python -m examples.streams``: a generator that fails half way, and two readers, in one process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from abaca import App, Ctx, Retry

app = App()
TEXT = ["every", "word", "once", "and", "in", "order", "whatever", "fails", "on", "the", "way"]
starts: list[int] = []


@app.task(retry=Retry(max_attempts=3, backoff="none"))
async def words(ctx: Ctx) -> AsyncIterator[str]:
    starts.append(ctx.resume_from)
    for n in range(ctx.resume_from, len(TEXT)):
        if ctx.attempt == 1 and n == 6:
            raise ConnectionError("the source is away")
        yield TEXT[n]


async def main() -> None:
    async with app, app.worker():
        job = await words.enqueue()
        print("live:", " ".join([word async for word in job.items()]))
        print("late:", " ".join([word async for word in job.items(after=8)]))
        print(f"{await job.result(timeout=20)} items, in runs that began at {starts}")


if __name__ == "__main__":
    asyncio.run(main())
