"""Letting go of held claims, and so stopping a worker, takes no longer than a round trip."""

from __future__ import annotations

import asyncio

import pytest

from abaca import App
from abaca.backends import open_backend
from abaca.model import Lease, Want

LEASE = Lease(worker="w", ms=15_000)
WANT = Want(queues=("default",), slots={"thread": 1}, hold_ms=60_000)


@pytest.mark.parametrize("turns", range(4))
async def test_a_hold_that_has_just_begun_can_be_ended(store_url: str, turns: int) -> None:
    """However few turns of the loop after its call: the subscription or the first look may still be under way."""
    store = open_backend(store_url)
    await store.open()
    # Given a held claim that has just begun
    held = asyncio.create_task(store.exchange([], WANT, LEASE))
    for _ in range(turns + 1):
        await asyncio.sleep(0)
    # When the store is told to let go, then it answers
    store.unhold()
    async with asyncio.timeout(10):
        assert (await held).jobs == []
    await store.close()


async def test_a_worker_that_is_stopped_early_stops_at_once(store_url: str) -> None:
    async with App(store_url) as app:

        @app.task
        def task(n: int) -> int:
            return n

        loop = asyncio.get_running_loop()
        job = await task.enqueue(1)
        async with app.worker(concurrency=2):
            await job.result(timeout=20)
            began = loop.time()
        assert loop.time() - began < 4
