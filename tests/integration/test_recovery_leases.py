"""Leases shorter than an idle worker waits for a job."""

from __future__ import annotations

import asyncio

import pytest

from abaca import App, Ctx

pytestmark = pytest.mark.timeout(60)


@pytest.mark.parametrize("whose", ["worker", "task"])
async def test_a_job_that_comes_to_a_worker_long_idle_is_run_in_peace(store_url: str, whose: str) -> None:
    """The claim that it answers was asked for longer ago than the lease lasts."""
    async with App(store_url) as app:
        stopped: list[int] = []

        @app.task(lease=2)
        async def takes_half_a_lease(ctx: Ctx) -> int:
            try:
                async with asyncio.timeout(1):
                    await asyncio.Event().wait()
            except TimeoutError:
                return ctx.fence
            except asyncio.CancelledError:
                stopped.append(ctx.fence)
                raise
            return 0

        # Given a lease of two seconds, and a worker that is idle for three
        async with app.worker(
            concurrency=2, lease=2 if whose == "worker" else 15, beat=0.3 if whose == "worker" else 5
        ):
            job = await takes_half_a_lease.opts(delay=3).enqueue()
            # When a job comes, then its first run is its only one
            assert await job.result(timeout=30) == 1
        assert stopped == []
        assert (await job.info()).losses == 0
