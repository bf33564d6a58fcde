"""What operators tell a worker through the store."""

from __future__ import annotations

import asyncio

from abaca.model import State
from abaca.orders import order_drain
from tests.worker.harness import QUICK, Stage, soon


async def test_a_worker_that_is_told_to_drain_finishes_what_it_runs_and_ends(stage: Stage) -> None:
    # Given: one job that runs and one that waits for the slot
    started, go = asyncio.Event(), asyncio.Event()

    @stage.task
    async def work() -> None:
        started.set()
        await go.wait()

    running, waiting = await stage.submit(work), await stage.submit(work)
    async with stage.worker(concurrency=1, **QUICK) as worker:
        await soon(started)

        # When: an operator says so, and the handler ends once the worker claims no more
        await order_drain(stage.backend, worker.id)
        async with asyncio.timeout(20):
            while not any(card.draining for card in (await stage.backend.stats()).workers):  # noqa: ASYNC110 - by beats
                await asyncio.sleep(0.01)  # sleeps: the card comes with a beat of the heart's thread
        go.set()
        await stage.until(running, lambda job: job.state is State.COMPLETED)
        async with asyncio.timeout(20):
            while (await stage.backend.stats()).workers:  # noqa: ASYNC110 - it signs off from its thread
                await asyncio.sleep(0.01)  # sleeps: the heart's thread signs off

        # Then
        assert not worker.stats().is_running
    assert (await stage.get(waiting)).epoch == 0
