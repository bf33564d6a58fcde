"""A store that goes away: nothing is lost that it did not lose, one line says so, and a hopeless worker ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from structlog.testing import capture_logs

from abaca.backend import Backend
from abaca.backends.memory import MemoryBackend
from abaca.errors import BackendUnavailable
from abaca.model import Exchanged, Lease, Settle, State, Want
from abaca.testing import FailingBackend
from tests.worker.harness import Stage, soon, until


@pytest.fixture
def store() -> FailingBackend:
    return FailingBackend(MemoryBackend())


def lines(logs: list[Any], event: str) -> int:
    return sum(entry["event"] == event for entry in logs)


async def test_a_store_that_is_away_at_start_stops_the_start(store: FailingBackend) -> None:
    # Given: a store that refuses to open
    stage = Stage(store)

    @asynccontextmanager
    async def connect() -> AsyncIterator[Backend]:
        await store.open()
        yield store

    stage.connect = connect  # type: ignore[method-assign]
    store.away = True
    worker = stage.worker()

    # When / Then: the start says so, and the worker can be started later
    with pytest.raises(BackendUnavailable):
        await worker.start()
    assert await worker.stop()
    store.away = False
    async with worker:
        assert worker.stats().is_running


async def test_outcomes_wait_for_the_store_and_are_not_lost(store: FailingBackend) -> None:
    # Given: runs that end while the store is away
    stage = Stage(store)
    started, go = asyncio.Event(), asyncio.Event()
    began: list[int] = []

    @stage.task
    async def work(n: int) -> int:
        began.append(n)
        if len(began) == 5:
            started.set()
        await go.wait()
        return n

    with capture_logs() as logs:
        async with stage.worker() as worker:
            ids = [await stage.submit(work, n) for n in range(5)]
            await soon(started)
            store.away = True
            go.set()
            tries = store.calls["exchange"]
            await until(lambda: store.calls["exchange"] >= tries + 4, "four calls were lost")

            # When: it comes back
            store.away = False
            jobs = await stage.all_ended(ids)
            stats = worker.stats()

    # Then: every result is stored once, and the log has one line for the loss and one for the return
    assert [job.result for job in jobs] == [b"0", b"1", b"2", b"3", b"4"]
    assert {job.attempts for job in jobs} == {1}
    assert stats.succeeded == 5
    assert lines(logs, "store unavailable, trying again") == 1
    assert lines(logs, "store is back") == 1


async def test_a_lost_reply_to_a_settle_changes_nothing(store: FailingBackend) -> None:
    # Given: a store that does the work of some calls, and whose answers are lost
    stage = Stage(store)
    ran: list[int] = []

    @stage.task
    async def work(n: int) -> int:
        ran.append(n)
        if n == 0:
            store.lose("reply", "exchange", times=2)
        return n

    # When: the settle is among them
    async with stage.worker(concurrency=1, lease=1.0, beat=0.1):
        jobs = await stage.all_ended([await stage.submit(work, n) for n in range(4)])

    # Then: each job ended once with its own result; a lost claim cost a lease and no attempt
    assert [job.result for job in jobs] == [b"0", b"1", b"2", b"3"]
    assert {job.attempts for job in jobs} == {1}


async def test_a_hopeless_worker_ends_and_says_why(store: FailingBackend) -> None:
    # Given: a worker with little patience, and a run
    stage = Stage(store)
    started, stopped = asyncio.Event(), asyncio.Event()

    @stage.task
    async def work() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    with capture_logs() as logs:
        worker = stage.worker(give_up_after=0.3, lease=3.0, beat=0.1, concurrency=1)
        await worker.start()
        await stage.submit(work)
        await soon(started)

        # When: the store stays away
        store.away = True
        await soon(stopped)

        # Then: it ended its run, and can be stopped without waiting for the store
        await until(lambda: not worker.stats().is_running, "the worker gave up")
        await asyncio.wait_for(worker.stop(0), 10)
    assert lines(logs, "worker stopped") == 1


async def test_a_bug_in_the_store_does_not_end_the_worker(store: FailingBackend) -> None:
    # Given: a store whose claim raises what no store should
    class Buggy(MemoryBackend):
        bugs = 3

        async def exchange(self, done: Sequence[Settle], want: Want | None, lease: Lease) -> Exchanged:
            if self.bugs:
                self.bugs -= 1
                raise ZeroDivisionError("a bug")
            return await super().exchange(done, want, lease)

    stage = Stage(Buggy())

    @stage.task
    async def work() -> int:
        return 1

    # When: a worker meets it
    async with stage.worker():
        job = await stage.ended(await stage.submit(work))

    # Then: it tried again and went on
    assert job.state is State.COMPLETED
