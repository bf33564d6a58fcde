"""More work than anybody takes. RELIABILITY O1 and O2, as far as they hold without limits on a queue."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import pytest

from abaca import App, BackendUnavailable, Call, Status
from abaca.backend import Backend
from abaca.backends import open_backend
from abaca.backends.memory import MemoryBackend
from abaca.clock import ManualClock
from abaca.model import Job, Lease, NewJob, Receipt, Settle, State, Transition, Verdict, Want
from tests.conftest import MakeRedis
from tests.integration.crew import stored
from tests.unit.face import finish

pytestmark = pytest.mark.timeout(90)
LEASE = Lease(worker="slow", ms=600_000)
PRODUCERS = 20
JOBS = 4_000


async def store_text(text: str) -> int:
    return len(text)


async def take_one(store: Backend) -> Job | None:
    jobs = (await store.exchange([], Want(queues=("default",), slots={"async": 1}), LEASE)).jobs
    return jobs[0] if jobs else None


async def complete(store: Backend, job: Job) -> None:
    to = Transition(target=State.COMPLETED, attempts=1, result=b"1", keep_ms=60_000)
    answer = await store.exchange([Settle(id=job.id, epoch=job.epoch, to=to)], None, LEASE)
    assert answer.verdicts == [Verdict.APPLIED]


async def test_producers_ten_times_faster_than_consumers_cost_a_client_no_memory(shared_url: str) -> None:
    """O1: what is enqueued is in the store and nowhere else, and the age of the oldest is told as it is."""
    async with App(shared_url) as app:
        task = app.task(store_text)
        store = await app.backend()
        produced = 0
        waiting: list[str] = []

        async def produce(until: int) -> None:
            nonlocal produced
            while produced < until:
                produced += 1
                job = await task.enqueue("x" * 1_000)
                waiting.append(job.id)

        async def consume(count: int) -> None:
            for _ in range(count):
                job = await take_one(store)
                if job is not None:
                    waiting.remove(job.id) if job.id in waiting else taken_early.add(job.id)
                    await complete(store, job)

        taken_early: set[str] = set()
        # Given twenty producers who have been at it for a while, with a consumer a tenth as fast
        await asyncio.gather(consume(JOBS // 20), *(produce(JOBS // 2) for _ in range(PRODUCERS)))
        gc.collect()
        tracemalloc.start()
        try:
            # When they go on
            await asyncio.gather(consume(JOBS // 20), *(produce(JOBS) for _ in range(PRODUCERS)))
            gc.collect()
            grown, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        # Then this process holds nothing of them but the ids that the test itself wrote down
        assert grown < 1_000_000, f"{grown:,} bytes for {JOBS // 2} jobs of a kilobyte"
        # And the counts and the age are those of the jobs that really wait
        left = [id for id in waiting if id not in taken_early]
        (queue,) = (await app.stats()).queues
        assert (queue.name, queue.due) == ("default", len(left))
        assert queue.oldest_due_at == min(job.due_at for job in await stored(app, [task.job(id) for id in left]))


async def test_the_age_of_the_oldest_is_true_after_every_claim(store_url: str) -> None:
    clock = ManualClock()
    store = open_backend(store_url, clock)
    async with App(backend=store) as app:
        task = app.task(store_text)
        # Given ten jobs a minute apart, the younger ones of higher priority, and one that is due tomorrow
        await task.opts(delay="1d").enqueue("later")
        due: dict[str, int] = {}
        for n in range(10):
            job = await task.opts(priority=10 * n).enqueue("x")
            due[job.id] = clock.now()
            clock.advance(60)
        while due:
            # Then the age is that of the oldest one left, whatever was taken first
            (queue,) = (await app.stats()).queues
            assert (queue.due, queue.later, queue.oldest_due_at) == (len(due), 1, min(due.values()))
            # When one is claimed
            job_taken = await take_one(store)
            assert job_taken is not None
            del due[job_taken.id]
        (queue,) = (await app.stats()).queues
        assert (queue.due, queue.oldest_due_at) == (0, None)


class Blocked(MemoryBackend):
    """Takes no insert until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.may_go = asyncio.Event()

    async def insert(self, jobs: Sequence[NewJob]) -> list[Receipt]:
        await self.may_go.wait()
        return await super().insert(jobs)


async def test_a_bulk_enqueue_draws_no_more_from_its_source_than_is_under_way() -> None:
    # Given a store that takes nothing for now, and a source without end
    store = Blocked()
    async with App(backend=store) as app:
        task = app.task(store_text)
        drawn = 0

        def source() -> Iterator[Call[int]]:
            nonlocal drawn
            for _ in range(5_000):
                drawn += 1
                yield task.call("x" * 1_000)

        # When it is enqueued in bulk
        bulk = asyncio.create_task(app.enqueue_many(source()))
        for _ in range(1_000):
            await asyncio.sleep(0)
        # Then a few batches were made, and the rest is made as the store takes them
        assert drawn <= 1_500
        store.may_go.set()
        assert len(await bulk) == drawn == 5_000


@pytest.mark.redis
async def test_a_full_store_says_so_and_the_same_call_is_stored_once_when_there_is_room(make_redis: MakeRedis) -> None:
    server = make_redis()
    async with App(server.url) as app:
        # Given a job that waits, and a server whose memory is used up
        task = app.task(store_text)
        first = await task.enqueue("x")
        server.command("CONFIG", "SET", "maxmemory", "1mb")
        call = task.call("y")
        # When more is enqueued, one by one and in bulk, then each caller is told what is the matter and what to do
        with pytest.raises(BackendUnavailable, match="the store is full") as refused:
            await app.enqueue_many([call])
        assert "enqueue the same Call again" in str(refused.value)
        told = await asyncio.gather(*(task.enqueue("z") for _ in range(200)), return_exceptions=True)
        assert {type(error) for error in told} == {BackendUnavailable}
        # And what is there can be read, and run to its end
        assert await first.status() is Status.QUEUED
        assert [job.id for job in await finish(app, 1)] == [first.id]
        # When there is room again, then the same call is one job, however often it is enqueued
        server.command("CONFIG", "SET", "maxmemory", "0")
        handles = [*await app.enqueue_many([call]), *await app.enqueue_many([call])]
        assert len({handle.id for handle in handles}) == 1
        assert (await app.stats()).queues[0].due == 1


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Backend]:
    backend = open_backend(store_url)
    await backend.open()
    yield backend
    await backend.close()


async def test_priority_is_strict_and_a_low_job_waits_as_long_as_higher_ones_come(store: Backend) -> None:
    """O2, as it is today and as the guide says: no ageing. Queues by weight are what keeps slow work moving."""
    async with App(backend=store) as app:
        task = app.task(store_text)
        # Given a low job that was first, and high ones that come as fast as they are taken
        low = await task.opts(priority=0).enqueue("low")
        taken: list[Any] = []
        await task.opts(priority="high").enqueue("x")
        for _ in range(200):
            await task.opts(priority=1).enqueue("x")
            taken.append(await take_one(store))
        # Then it waits all the while, though the others had only one more
        assert low.id not in [job.id for job in taken]
        assert await low.status() is Status.QUEUED
        # And it is the very next when no higher one is left
        last = await take_one(store)
        assert last is not None
        assert last.id != low.id
        after = await take_one(store)
        assert after is not None
        assert after.id == low.id
