"""Several named workers in one process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

import pytest

from abaca import App
from abaca.backend import Backend
from abaca.errors import BackendUnavailable, ConfigError
from abaca.model import State
from abaca.worker.service import Worker, Workers
from tests.worker.harness import Stage


async def test_two_workers_serve_their_own_queues_and_count_together(stage: Stage) -> None:
    # Given: a worker for mails and one for reports
    @stage.task
    async def mail() -> str:
        return "sent"

    mails = stage.worker(name="mails", queues=("mails",))
    reports = stage.worker(name="reports", queues=("reports",))

    # When: both run for a while
    async with Workers([mails, reports]) as workers:
        ids = [await stage.submit(mail, queue="mails") for _ in range(3)]
        await stage.all_ended(ids)
        alone = {worker.name: worker.stats().succeeded for worker in workers}
        both = workers.stats()
        assert workers["mails"] is mails

    # Then: each did its own and the sum is the sum
    assert alone == {"mails": 3, "reports": 0}
    assert (both.processed, both.succeeded, both.failed, both.is_running) == (3, 3, 0, True)
    assert both.uptime > 0


async def test_a_check_that_refuses_is_raised_by_the_start_and_nothing_is_claimed() -> None:
    # Given: an app that may not work here
    app = App("memory://")
    asked: list[tuple[str, ...]] = []

    @app.check_workers
    async def refuse(queues: Collection[str]) -> None:
        asked.append(tuple(queues))
        raise ConfigError("documents.vectors: not here")

    @app.task
    async def mail() -> str:
        return "sent"

    async with app:
        handle = await mail.enqueue()
        # When: a worker is started, Then: it says why it does not run, and the job waits as before
        with pytest.raises(ConfigError, match="not here"):
            await app.worker(queues=("default", "mails")).start()
        assert asked == [("default", "mails")]
        assert (await handle.info()).attempts == 0


async def test_statistics_tell_success_from_failure_and_how_long_runs_took(stage: Stage) -> None:
    # Given: a job that succeeds after 50 ms and one that fails
    @stage.task
    async def good() -> None:
        await asyncio.sleep(0.05)  # sleeps: it has to take time

    @stage.task
    async def bad() -> None:
        raise ValueError("no")

    # When: a worker has run both
    async with stage.worker() as worker:
        await stage.all_ended([await stage.submit(good)])
        id = await stage.submit(bad)
        await stage.until(id, lambda job: job.attempts == 1)
        stats = worker.stats()

    # Then: it knows
    assert (stats.processed, stats.succeeded, stats.failed, stats.running) == (2, 1, 1, 0)
    assert 0.02 < stats.average < 5


def test_a_name_given_twice_is_refused(stage: Stage) -> None:
    # Given: two workers of one name / When / Then: they cannot be put together, and the message names it
    with pytest.raises(ValueError, match="given twice: same"):
        Workers([stage.worker(name="same"), stage.worker(name="same")])


async def test_a_worker_that_cannot_start_stops_the_others(stage: Stage) -> None:
    # Given: a good worker and one without a store
    async def refuse() -> None:
        raise BackendUnavailable("no store here")

    @asynccontextmanager
    async def nowhere() -> AsyncIterator[Backend]:
        await refuse()
        yield stage.backend

    good = stage.worker(name="good")
    workers = Workers([good, Worker(stage.app.tasks, nowhere)])

    # When: they are started together
    with pytest.raises(BackendUnavailable):
        await workers.start()

    # Then: neither runs, and no card is left
    assert not good.stats().is_running
    assert (await stage.backend.stats()).workers == []


async def test_stopping_all_gives_back_what_each_held(stage: Stage) -> None:
    # Given: two workers with an endless run each
    @stage.task
    async def endless() -> None:
        await asyncio.Event().wait()

    workers = Workers([stage.worker(name=name, concurrency=1) for name in ("a", "b")])
    await workers.start()
    ids = [await stage.submit(endless) for _ in range(2)]
    await asyncio.gather(*(stage.until(id, lambda job: job.state is State.RUNNING) for id in ids))

    # When: they are stopped together
    over = await workers.stop(0)

    # Then: both gave theirs back
    jobs = [await stage.get(id) for id in ids]
    assert over
    assert [(job.state, job.attempts) for job in jobs] == [(State.WAITING, 0)] * 2


async def test_a_worker_that_runs_cannot_be_started_again(stage: Stage) -> None:
    # Given: a running worker
    async with stage.worker(name="once") as worker:
        # When / Then: a second start is refused with its name
        with pytest.raises(RuntimeError, match="once is running already"):
            await worker.start()
