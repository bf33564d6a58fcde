"""``python -m benchmarks.fanout [MEMBERS]``: a group that leads to one task, on each store, step by step."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from abaca import App, group
from benchmarks.server import redis_binary
from tests.servers import RedisServer

_PATIENCE = 300


async def measure(url: str, members: int) -> dict[str, float]:
    """Seconds of each step."""
    app = App(url)

    @app.task
    async def fetch(n: int) -> int:
        return n

    @app.task
    async def total(ns: list[int]) -> int:
        return sum(ns)

    seconds: dict[str, float] = {}
    started = time.perf_counter()

    def lap(step: str) -> None:
        nonlocal started
        now = time.perf_counter()
        seconds[step] = now - started
        started = now

    async with app:
        made = group(fetch.call(n) for n in range(members)).then(total)
        lap("build")
        handle = await made.enqueue()
        lap("store")
        await handle.progress()
        lap("progress")
        async with app.worker(concurrency=200, process_slots=1):
            assert await handle.result(_PATIENCE) == sum(range(members))
            lap("run and join")
        again = await group(fetch.call(n) for n in range(members)).enqueue()
        started = time.perf_counter()
        await again.cancel()
        lap("cancel")
        await again.requeue()
        lap("requeue")
    return seconds


def main(members: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        server = RedisServer(redis_binary(), Path(folder))
        server.start()
        try:
            for url in ("memory://", f"sqlite:///{folder}/fan.db", server.url):
                seconds = asyncio.run(measure(url, members))
                steps = " | ".join(f"{step} {length:.2f} s" for step, length in seconds.items())
                print(f"{url.partition(':')[0]}, {members:,} members: {steps}")
        finally:
            server.stop()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
