"""Nothing that runs is held by the garbage collector's grace."""

from __future__ import annotations

import asyncio
import gc

from abaca import App


async def test_a_storm_of_collections_ends_no_run_and_no_wait() -> None:
    # Given a worker, and jobs that nobody but it holds: each waits for one gate
    gate = asyncio.Event()
    app = App("memory://")

    @app.task
    async def wait_for_the_gate(n: int) -> int:
        await gate.wait()
        return n

    async with app, app.worker(concurrency=20):
        waits = [asyncio.create_task((await wait_for_the_gate.enqueue(n)).result(timeout=30)) for n in range(20)]
        while (await app.stats()).running < 20:
            gc.collect()
        # When everything that can be collected is, again and again, while they stand still and while they end
        for _ in range(20):
            gc.collect()
            await asyncio.sleep(0)
        gate.set()
        while not all(wait.done() for wait in waits):
            gc.collect()
            await asyncio.sleep(0)
        # Then all have ended with their results
        assert [wait.result() for wait in waits] == list(range(20))
