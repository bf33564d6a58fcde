"""A worker whose parent left its signals in disorder: ``&`` in a script, a manager that ignores SIGCHLD."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Iterator

import pytest

from abaca import App, JobFailed
from abaca.orders import order_drain
from tests.integration import shop
from tests.integration.crew import WorkerProcess

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(90)]


@pytest.fixture
def worker(sqlite_url: str) -> Iterator[WorkerProcess]:
    """One that inherits SIGTERM, SIGINT, SIGQUIT and SIGCHLD ignored, and most of them blocked."""
    worker = WorkerProcess(sqlite_url, via=(sys.executable, "-m", "tests.integration.spoiled"))
    try:
        worker.wait_says("worker started")
        yield worker
    finally:
        worker.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_drains_when_it_is_told_to(worker: WorkerProcess, number: signal.Signals) -> None:
    # When it gets the signal / Then it drains and ends well
    worker.signal(number)
    assert worker.wait() == 0
    assert "draining" in worker.log


async def test_it_knows_how_a_run_ended(worker: WorkerProcess, sqlite_url: str) -> None:
    async with App(sqlite_url) as app:
        # Given a job that kills the process it runs in
        pill = app.task(retry=shop.ONCE)(shop.pill)
        # When it runs there / Then the signal is known, and the job is charged for it
        with pytest.raises(JobFailed, match="SIGKILL"):
            await (await pill.enqueue()).result(timeout=40)


async def test_a_handler_in_a_process_has_signals_in_order(worker: WorkerProcess, sqlite_url: str) -> None:
    async with App(sqlite_url) as app:
        # Given a handler in a process of its own that starts a program and stops it with a signal
        stop = app.task(pool="process", retry=shop.ONCE)(shop.stop_a_program)
        # When it runs / Then the program ends by that signal, as it does outside of a worker
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
            assert await (await stop.enqueue(int(number))).result(timeout=40) == -number


async def test_it_drains_when_an_operator_says_so(worker: WorkerProcess, sqlite_url: str) -> None:
    async with App(sqlite_url) as app:
        # Given
        (card,) = (await app.stats()).workers

        # When
        await order_drain(await app.backend(), card.id)
        status = await asyncio.to_thread(worker.wait)

        # Then
        assert status == 0
        assert "told to drain" in worker.log
