"""Waits at their narrowest places: ends between two steps, hints that are lost, results that expire, slow readers.

RELIABILITY E1 to E6. Where polls are a minute apart only the right order of the steps helps; where hints are lost only
the poll does.
"""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest

from abaca import App, JobHandle, JobNotFound, Kind, ResultExpired, ResultTimeout, Status, Task, Update
from abaca.backend import MIN_TOMBSTONE_MS, Backend
from abaca.backends import open_backend
from abaca.clock import ManualClock
from abaca.model import Hint, Job, Lease, NewUpdate, Settle, Transition, Verdict, Want, job_topic
from abaca.model import State as JobState
from tests.integration.steps import Between

pytestmark = pytest.mark.timeout(60)
LEASE = Lease(worker="other", ms=600_000)
SLOTS: dict[str, int] = dict.fromkeys(("async", "thread", "process"), 1000)
PATIENCE = 25.0
"""Far below the minute between polls, far above what a busy machine needs."""


async def nothing(n: int) -> int:
    return n


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def store(store_url: str, clock: ManualClock) -> AsyncIterator[Backend]:
    backend = open_backend(store_url, clock)
    await backend.open()
    yield backend
    await backend.close()


async def take(store: Backend) -> list[Job]:
    return (await store.exchange([], Want(queues=("default",), slots=SLOTS), LEASE)).jobs


async def complete(store: Backend, job: Job, *, keep_ms: int = 3_600_000) -> None:
    to = Transition(target=JobState.COMPLETED, attempts=1, result=b"7", keep_ms=keep_ms)
    answer = await store.exchange([Settle(id=job.id, epoch=job.epoch, to=to)], None, LEASE)
    assert answer.verdicts == [Verdict.APPLIED]


async def land(store: Backend) -> None:
    """Claim what waits, as soon as anything does, and complete it, as a worker elsewhere does."""
    while not (jobs := await take(store)):  # noqa: ASYNC110
        await asyncio.sleep(0)  # a run subscribes while its insert is under way
    for job in jobs:
        await complete(store, job)


Wait = Callable[[Task[[int], int]], Coroutine[Any, Any, int]]


async def by_result(task: Task[[int], int]) -> int:
    return await (await task.enqueue(1)).result(timeout=PATIENCE)


async def by_outcome(task: Task[[int], int]) -> int:
    return (await (await task.enqueue(1)).outcome(timeout=PATIENCE)).value or 0


async def by_run(task: Task[[int], int]) -> int:
    return await task.opts(wait=PATIENCE).run(1)


async def by_updates(task: Task[[int], int]) -> int:
    job = await task.enqueue(1)
    async with asyncio.timeout(PATIENCE):
        values = [update.value async for update in job.updates()]
    assert values == ["queued", "running", "completed"]
    return await job.result(timeout=PATIENCE)


PLACES = [
    *[(wait, step) for wait in (by_result, by_outcome) for step in ("before watch", "after watch", "before get")],
    *[(wait, "after get") for wait in (by_result, by_outcome)],
    *[(by_run, step) for step in ("after insert", "before watch", "after watch")],
    *[(by_updates, step) for step in ("before watch", "after watch", "before updates", "after updates")],
]


@pytest.mark.parametrize(("wait", "step"), PLACES, ids=lambda part: part if isinstance(part, str) else part.__name__)
async def test_an_end_between_any_two_steps_of_a_wait_is_not_missed(store: Backend, wait: Wait, step: str) -> None:
    """E1, not by chance but at every place there is."""
    between = Between(store)
    async with App(backend=between.as_backend(), poll_interval=60) as app:
        between.at(step, lambda: land(store))
        assert await wait(app.task(nothing)) == 7
        if between.act is not None:  # a run needs no read of its own, so it may end before a step is passed
            pytest.fail(f"the wait never passed {step!r}")


@pytest.mark.parametrize("step", ["before watch", "after get"])
async def test_reading_first_and_subscribing_then_would_miss_it(store: Backend, step: str) -> None:
    """The same places, and the well-known wrong order: what the table above would find."""
    between = Between(store)
    async with App(backend=store) as app:
        job = await app.task(nothing).enqueue(1)
        between.at(step, lambda: land(store))
        found = (await between.get([job.id]))[0]
        assert found is not None
        assert not found.state.ended
        watch = await between.watch([job_topic(job.id)])
        assert await watch.next(0.2) is None
        assert (await job.info()).state.ended


@pytest.mark.parametrize("wait", [by_result, by_outcome, by_run, by_updates])
async def test_a_result_whose_hint_is_lost_is_found_by_the_next_poll(store: Backend, wait: Wait) -> None:
    """E3: the store has the result, and whoever was to tell of it died in between."""
    between = Between(store, deaf=True)
    async with App(backend=between.as_backend(), poll_interval=0.3) as app:
        task = app.task(nothing)
        waiting = asyncio.create_task(wait(task))
        # Given a wait that has read once, and hears nothing
        while not (jobs := await take(store)):  # noqa: ASYNC110
            await asyncio.sleep(0)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(waiting), 0.1)
        # When the job ends, then the wait ends by itself
        await complete(store, jobs[0])
        assert await waiting == 7


async def test_a_result_that_expires_while_its_hint_is_lost_is_told_as_expired(
    store: Backend, clock: ManualClock
) -> None:
    """E4: the wait began in time; between two polls the job ended, and its second was over."""
    between = Between(store, deaf=True)
    async with App(backend=between.as_backend(), poll_interval=0.3) as app:
        task = app.task(keep=1)(nothing)
        job = await task.enqueue(1)
        between.at("after get", lambda: end_and_purge(store, clock))
        # When the end and the purge both fall between two reads of the waiter
        with pytest.raises(ResultExpired, match=f"job {job.id} completed, but its result is no longer kept"):
            await job.result(timeout=PATIENCE)
        assert between.passed.is_set()


async def end_and_purge(store: Backend, clock: ManualClock) -> None:
    for job in await take(store):
        await complete(store, job, keep_ms=1000)
    clock.advance(1.5)
    assert await store.purge(100) == 1


@pytest.mark.parametrize("seconds", [0.9, 1.0, 1.1, MIN_TOMBSTONE_MS / 1000, 2 * MIN_TOMBSTONE_MS / 1000])
@pytest.mark.parametrize("purged", [False, True])
async def test_a_wait_that_begins_when_the_time_is_nearly_or_just_over_never_hangs(
    store: Backend, clock: ManualClock, seconds: float, purged: bool
) -> None:
    """E4: the result, or that it expired; that nobody knows the job only when its tombstone is gone too."""
    async with App(backend=store, poll_interval=60) as app:
        # Given a job that is kept for a second, and read at one moment or another
        job = await app.task(keep=1)(nothing).enqueue(1)
        await complete(store, (await take(store))[0], keep_ms=1000)
        clock.advance(seconds)
        if purged:
            await store.purge(100)
            await store.purge(100)
        # Then every way to ask answers at once, and all say the same
        try:
            value = await job.result(timeout=PATIENCE)
        except (ResultExpired, JobNotFound) as error:
            assert seconds >= 1.0
            if isinstance(error, JobNotFound):
                assert purged
                assert seconds > MIN_TOMBSTONE_MS / 1000
                with pytest.raises(JobNotFound):
                    await job.outcome(timeout=PATIENCE)
                return
            assert (await job.outcome(timeout=PATIENCE)).has_value is False
        else:
            assert value == 7
            assert seconds < 1.0 or not purged
        assert await job.status() is Status.COMPLETED
        assert [update.value async for update in job.updates()][-1] == "completed"
        assert (peeked := await job.peek()) is not None
        assert peeked.is_success


async def test_a_wait_for_a_job_that_was_never_there_ends_at_once(store: Backend) -> None:
    async with App(backend=store, poll_interval=60) as app:
        job: JobHandle[int] = app.job("0" * 30 + "00").typed(int)
        for ask in (job.result, job.outcome):
            with pytest.raises(JobNotFound):
                await ask(timeout=PATIENCE)
        with pytest.raises(JobNotFound):
            [update async for update in job.updates()]


async def test_a_wait_of_no_length_answers_what_is_there(store: Backend) -> None:
    async with App(backend=store, poll_interval=60) as app:
        job = await app.task(nothing).enqueue(1)
        with pytest.raises(ResultTimeout, match="it goes on"):
            await job.result(timeout=0)


async def test_when_the_hint_comes_the_end_can_be_read_by_anybody(shared_url: str) -> None:
    """E5: two hundred ends, each read over another connection as soon as its hint is there."""
    writer, reader = open_backend(shared_url), open_backend(shared_url)
    await writer.open()
    await reader.open()
    async with App(backend=writer) as app:
        task = app.task(nothing)
        await app.enqueue_many(task.call(n) for n in range(200))
        for job in await take(writer):
            watch = await reader.watch([job_topic(job.id)])
            told = asyncio.create_task(watch.next(PATIENCE))
            await complete(writer, job)
            hint = await told
            found = (await reader.get([job.id]))[0]
            assert isinstance(hint, Hint)
            assert found is not None
            assert found.state is JobState.COMPLETED
            assert hint.job is None or hint.job.state is JobState.COMPLETED
            await watch.close()
    await reader.close()
    await writer.close()


async def test_a_reader_that_stands_still_costs_no_memory(shared_url: str) -> None:
    """E6: a reader of updates stops after the first one, and ten thousand come."""
    store = open_backend(shared_url)
    await store.open()
    async with App(backend=store, poll_interval=60) as app:
        job = await app.task(nothing).enqueue(1)
        claimed = (await take(store))[0]
        # Given readers who have seen one update and then stand still, and one who goes on
        readers = [job.updates() for _ in range(5)]
        for reader in readers:
            assert (await anext(reader)).value == "queued"
        await report(store, claimed, 0)
        gc.collect()
        tracemalloc.start()
        try:
            # When there is far more to read than is kept
            for batch in range(1, 20):
                await report(store, claimed, batch)
            gc.collect()
            grown, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        # Then what they do not read is nowhere in this process: 10,000 hints alone would take several megabytes
        assert grown < 2_000_000
        # And when they read on, they are told of the gap, and get the rest in order up to the end
        await complete(store, claimed)
        for reader in readers:
            rest = [update async for update in reader]
            assert_whole_but_for_one_gap(rest)


async def report(store: Backend, job: Job, batch: int) -> None:
    updates = [
        NewUpdate(id=job.id, epoch=job.epoch, seq=batch * 500 + n, kind=Kind.LOG, data=b'{"n":%d}' % n)
        for n in range(1, 501)
    ]
    assert await store.append(updates) == [Verdict.APPLIED] * 500


def assert_whole_but_for_one_gap(rest: list[Update]) -> None:
    ids = [update.id for update in rest]
    gaps = [number for number, update in enumerate(rest) if update.kind is Kind.GAP]
    assert len(gaps) == 1
    assert ids == sorted(set(ids))
    after = ids[gaps[0] :]
    assert after == list(range(after[0], after[-1] + 1))
    assert rest[gaps[0]].value == after[0] - rest[gaps[0] - 1].id
    assert rest[-1].value == "completed"
