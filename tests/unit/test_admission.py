"""Full queues as producers meet them: told at once, waiting for room, or making room."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from abaca import App, ConfigError, JobCancelled, QueueFull, Status, Task, chain
from abaca.model import Inserted, Job, NewJob, Overflow, Receipt
from tests.unit.face import WatchedStore, claim, finish, finish_next


class Counting(WatchedStore):
    """Tells when it has refused so many jobs."""

    def __init__(self) -> None:
        super().__init__()
        self.refused = 0
        self._more = asyncio.Condition()

    async def insert(self, jobs: Sequence[NewJob]) -> list[Receipt]:
        receipts = await super().insert(jobs)
        async with self._more:
            self.refused += sum(receipt.outcome is Inserted.REFUSED for receipt in receipts)
            self._more.notify_all()
        return receipts

    async def has_refused(self, count: int) -> None:
        async with self._more:
            await self._more.wait_for(lambda: self.refused >= count)


@pytest.fixture
def store() -> Counting:
    return Counting()


@pytest.fixture
async def app(store: Counting, tmp_path: Path) -> AsyncIterator[App]:
    async with App(backend=store, results=f"file://{tmp_path}", results_above=10_000) as app:
        yield app


def work(n: int = 0) -> int:
    return n


def shout(text: str) -> str:
    return text.upper()


def work_of(app: App) -> Task[..., Any]:
    return app.tasks.get("work") or app.task(work)


async def fill(app: App, most: int, how: Overflow, queue: str = "default") -> None:
    """A queue for so many, that many in it."""
    await app.queues.limit_length(queue, most)
    await app.queues.overflow(queue, how)
    task = work_of(app).opts(queue=queue)
    await app.enqueue_many(task.call(n) for n in range(most))


async def waiting(app: App) -> int:
    return sum(queue.due for queue in (await app.stats()).queues)


async def _forever(act: Callable[[], Awaitable[object]]) -> None:
    async with asyncio.timeout(30):
        while True:
            await act()


class TestTold:
    async def test_the_error_says_what_is_full_by_which_limit_and_the_estimate(self, app: App) -> None:
        # Given a full queue
        await fill(app, 2, Overflow.REJECT)
        # When one more job comes
        with pytest.raises(QueueFull) as caught:
            await work_of(app).enqueue(1)
        # Then the error tells all that its reader needs
        assert caught.value.wait is not None
        for words in (
            "'work'",
            "'default'",
            "max_length",
            "2 jobs",
            "would wait for about",
            "nothing was stored",
            "later",
        ):
            assert words in str(caught.value)

    async def test_a_queue_that_is_slow_is_full_by_max_wait(self, app: App) -> None:
        # Given a queue in which a job has been due for longer than any may wait
        task = work_of(app)
        await task.opts(delay=0).enqueue()
        await app.queues.limit_wait("default", "1ms")
        # When more come, until the store's clock has moved
        with pytest.raises(QueueFull, match=r"about .* s, and 0\.001 s is the most \(max_wait\)") as caught:
            await _forever(task.enqueue)
        # Then the error carries the estimate
        assert caught.value.wait is not None
        assert caught.value.wait > 0.001

    async def test_many_are_told_of_together(self, app: App) -> None:
        await fill(app, 2, Overflow.REJECT)
        with pytest.raises(QueueFull, match="3 of 3 jobs were refused") as caught:
            await app.enqueue_many(work_of(app).call(n) for n in range(3))
        assert caught.value.wait is not None


Enqueue = Callable[[App], Awaitable[Any]]


async def _by_name(app: App) -> object:
    return await app.enqueue_by_name("work", {"n": 1})


async def _many(app: App) -> object:
    return await app.enqueue_many(work_of(app).call(n) for n in range(3))


async def _workflow(app: App) -> object:
    return await chain(work_of(app).call(1), app.task(name="next")(work)).enqueue()


WAYS: dict[str, Enqueue] = {
    "enqueue": lambda app: work_of(app).enqueue(1),
    "many": _many,
    "by name": _by_name,
    "large": lambda app: app.task(shout).enqueue("x" * 400_000),
    "workflow": _workflow,
}


class TestWaiting:
    @pytest.mark.parametrize("way", WAYS)
    async def test_whoever_enqueues_waits_for_room(self, app: App, store: Counting, way: str) -> None:
        # Given a full queue whose producers are to wait, and one that does
        await fill(app, 3, Overflow.WAIT)
        producer = asyncio.create_task(_call(WAYS[way], app))
        await store.has_refused(2)
        assert not producer.done()
        # When there is room
        await finish(app)
        # Then its jobs are stored
        await producer
        assert await waiting(app) >= 1

    async def test_run_waits_too_and_gets_its_result(self, app: App, store: Counting) -> None:
        await fill(app, 1, Overflow.WAIT)
        running = asyncio.create_task(work_of(app).run(7))
        await store.has_refused(2)
        await finish(app)
        await finish_next(app, 8)
        assert await running == 8

    def test_the_sync_twins_wait_too(self) -> None:
        with App("memory://") as app:
            app.queues.limit_length_sync("default", 0)
            app.queues.limit_length_sync("default", 1)
            app.queues.overflow_sync("default", "wait")
            work_of(app).enqueue_sync()
            with pytest.raises(QueueFull, match="there was no room in time"):
                work_of(app).opts(enqueue_timeout="50ms").enqueue_sync()

    async def test_after_its_time_the_producer_is_told(self, app: App, store: Counting) -> None:
        # Given a full queue whose producers are to wait
        await fill(app, 1, Overflow.WAIT)
        short = work_of(app).opts(enqueue_timeout="800ms")
        # When nothing makes room
        with pytest.raises(QueueFull, match="there was no room in time"):
            await short.enqueue()
        with pytest.raises(QueueFull):
            await short.run()
        with pytest.raises(QueueFull):
            await app.enqueue_many([short.call(), work_of(app).opts(enqueue_timeout=0).call()])
        # Then each was tried again, and nothing was stored
        assert store.refused > 4
        assert await waiting(app) == 1

    async def test_no_time_means_no_try_again(self, app: App, store: Counting) -> None:
        await fill(app, 1, Overflow.WAIT)
        with pytest.raises(QueueFull):
            await work_of(app).opts(enqueue_timeout=0).enqueue()
        assert store.refused == 1

    async def test_a_caller_who_is_cancelled_leaves_nothing_behind(self, app: App, store: Counting) -> None:
        # Given producers that wait for room
        await fill(app, 1, Overflow.WAIT)
        producers = [asyncio.create_task(_call(way, app)) for way in (WAYS["enqueue"], _many)]
        await store.has_refused(4)
        # When they are cancelled
        for producer in producers:
            producer.cancel()
        await asyncio.gather(*producers, return_exceptions=True)
        # Then nobody tries any more: what comes later is all that is stored
        tries = store.calls["insert"]
        await finish(app)
        await app.task(name="later")(work).enqueue()
        assert (store.calls["insert"], await waiting(app)) == (tries + 1, 1)

    async def test_enqueues_that_travel_together_do_not_wait_for_each_other(self, app: App, store: Counting) -> None:
        # Given a full queue
        await fill(app, 1, Overflow.WAIT)
        # When one job for it and one for another queue are enqueued at the same moment
        task = work_of(app)
        stuck = asyncio.create_task(_call(WAYS["enqueue"], app))
        handle = await task.opts(queue="other").enqueue()
        # Then the other is stored while the first waits
        assert await handle.status() is Status.QUEUED
        await store.has_refused(2)
        assert not stuck.done()
        stuck.cancel()

    async def test_it_ends_when_the_settings_no_longer_ask_for_it(self, app: App, store: Counting) -> None:
        await fill(app, 1, Overflow.WAIT)
        producer = asyncio.create_task(_call(WAYS["enqueue"], app))
        await store.has_refused(1)
        await app.queues.overflow("default", "reject")
        with pytest.raises(QueueFull):
            await producer


async def _call(way: Enqueue, app: App) -> object:
    return await way(app)


class TestShed:
    async def test_whoever_waits_for_a_job_that_made_room_hears_why(self, app: App, store: Counting) -> None:
        # Given a full queue that sheds, and a caller who waits for its job
        await app.queues.limit_length("default", 1)
        await app.queues.overflow("default", "shed-lowest")
        lost = asyncio.create_task(work_of(app).run())
        await store.watched.wait()
        # When an urgent job comes
        urgent = await app.task(name="urgent")(work).opts(priority=90).enqueue()
        # Then the caller hears that its job made room for it
        with pytest.raises(JobCancelled, match=urgent.id):
            await lost
        assert [job.id for job in await _claimed(app)] == [urgent.id]


async def _claimed(app: App) -> list[Job]:
    return await claim(app)


class TestSettings:
    async def test_impossible_pairs_are_refused_by_name(self, app: App) -> None:
        queues = app.queues
        with pytest.raises(ConfigError, match="queue 'q', overflow 'wait': without max_length and max_wait"):
            await queues.overflow("q", "wait")
        await queues.limit_length("q", 5)
        await queues.overflow("q", "shed-lowest")
        with pytest.raises(ConfigError, match="set overflow to 'reject' before"):
            await queues.limit_length("q", None)
        with pytest.raises(ConfigError, match="max_length 0"):
            await queues.limit_length("q", 0)
        await queues.limit_wait("q", 30)
        settings = await queues.limit_length("q", None)
        assert (settings.max_length, settings.max_wait_ms, settings.overflow) == (None, 30_000, "shed-lowest")

    async def test_values_that_cannot_be_used_are_refused_by_name(self, app: App) -> None:
        with pytest.raises(ConfigError, match="overflow: 'drop' is not usable; give 'reject', 'wait' or 'shed-lowest'"):
            await app.queues.overflow("q", "drop")  # type: ignore[arg-type]
        with pytest.raises(ConfigError, match="max_wait"):
            await app.queues.limit_wait("q", -1)
        with pytest.raises(ConfigError, match="enqueue_timeout"):
            work_of(app).opts(enqueue_timeout="soon")


async def test_many_that_make_the_same_change_at_once_all_succeed(tmp_path: Path) -> None:
    # Given more callers than a change is tried, on a store that answers all of them before the first has written
    async with App(f"sqlite:///{tmp_path}/jobs.db") as app:
        # When each gives the queue the same length
        found = await asyncio.gather(*(app.queues.limit_length("q", 1000) for _ in range(60)))
        # Then all have it, and it was written once
        assert {settings.max_length for settings in found} == {1000}
        (record,) = await app.client().ask(lambda backend: backend.read("queue", ["q"]))
        assert record is not None
        assert record.version == 1
