"""Enqueuing: one, many, together, by name, and while the store is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import pytest

from abaca import (
    App,
    ArgumentError,
    BackendUnavailable,
    Call,
    ConfigError,
    EnqueueRefused,
    PayloadTooLarge,
    Record,
    ResultDisabled,
    Status,
    UnknownTask,
    Verdict,
)
from abaca.client import batches
from abaca.model import Inserted, NewJob, Receipt
from tests.unit.face import WatchedStore, claim, finish


class RefusingStore(WatchedStore):
    """A store that refuses jobs of one queue."""

    async def insert(self, jobs: Sequence[NewJob]) -> list[Receipt]:
        return [
            Receipt(id=job.id, outcome=Inserted.REFUSED, reason="the queue is full")
            if job.queue == "full"
            else (await super(RefusingStore, self).insert([job]))[0]
            for job in jobs
        ]


@pytest.fixture
def store() -> WatchedStore:
    return WatchedStore()


@pytest.fixture
async def app(store: WatchedStore) -> AsyncIterator[App]:
    async with App(backend=store) as app:
        yield app


def nothing() -> None: ...


def add(a: int, b: int = 2) -> int:
    return a + b


async def test_calls_of_another_apps_tasks_are_refused(app: App, store: WatchedStore) -> None:
    # Given a task of another app, whose jobs live in another store
    async with App("memory://", name="elsewhere") as other:
        foreign = other.task(add)
        # When its call is enqueued here among others
        calls = [app.task(nothing).call(), foreign.call(1)]
        with pytest.raises(ConfigError, match="task 'add' belongs to <App 'elsewhere': 1 tasks>, not to <App 'app'"):
            await app.enqueue_many(calls)
        # Then nothing was stored in either
        assert [sum(queue.due for queue in (await each.stats()).queues) for each in (app, other)] == [0, 0]


async def test_a_job_is_stored_with_its_arguments(app: App) -> None:
    job = await app.task(add).enqueue(1, b=3)
    stored = await job.info()
    assert (stored.id, stored.spec.task, stored.spec.args) == (job.id, "add", b'{"a":1,"b":3}')
    assert await job.status() == Status.QUEUED


async def test_a_delayed_job_is_scheduled(app: App) -> None:
    assert await (await app.task(nothing).opts(delay=60).enqueue()).status() == Status.SCHEDULED


async def test_what_does_not_fit_is_refused_before_the_store_is_asked(app: App, store: WatchedStore) -> None:
    task = app.task(add)
    with pytest.raises(ArgumentError, match="task 'add', argument 'a'"):
        await task.enqueue("1")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="nothing was enqueued"):
        await app.enqueue_many([task.call(1), task.call()])  # type: ignore[call-arg]
    assert not store.calls


async def test_an_app_can_raise_and_lower_the_size_limit(store: WatchedStore) -> None:
    def take(text: str) -> None: ...

    with pytest.raises(PayloadTooLarge, match="limit is 50"):
        await App(backend=store, max_payload=50).task(take).enqueue("x" * 50)
    job = await App(backend=store, max_payload=2_000_000).task(take).enqueue("x" * 1_500_000)
    assert await job.status() == Status.QUEUED


async def test_enqueues_of_one_moment_travel_together(app: App, store: WatchedStore) -> None:
    task = app.task(add)
    jobs = await asyncio.gather(*(task.enqueue(n) for n in range(2500)))
    assert store.inserted == [1000, 1000, 500]
    assert [(await job.info()).spec.args for job in jobs[:2]] == [b'{"a":0}', b'{"a":1}']


async def test_a_batch_is_bounded_in_bytes_too() -> None:
    jobs = [NewJob(id=str(n), task="t", args=b"x" * 3_000_000) for n in range(5)]
    assert [len(batch) for batch in batches(jobs)] == [2, 2, 1]


async def test_a_caller_who_leaves_before_the_journey_takes_his_job_along(app: App, store: WatchedStore) -> None:
    # Given two enqueues of the same moment
    task = app.task(add)
    first, second = (asyncio.create_task(task.enqueue(n)) for n in (1, 2))
    # When one caller is cancelled before the jobs are sent
    asyncio.get_running_loop().call_soon(first.cancel)
    job = await second
    # Then the other's job is stored all the same
    with pytest.raises(asyncio.CancelledError):
        await first
    assert (await job.info()).spec.args == b'{"a":2}'


async def test_many_calls_of_several_tasks_come_back_in_order(app: App, store: WatchedStore) -> None:
    one, two = app.task(nothing), app.task(add)

    def calls() -> Iterator[Call[object]]:
        for n in range(1200):
            yield one.call() if n % 2 else two.call(n)

    jobs = await app.enqueue_many(calls())
    stored = await asyncio.gather(*(job.info() for job in (jobs[0], jobs[1], jobs[1198])))
    assert [(job.spec.task, job.spec.args) for job in stored] == [
        ("add", b'{"a":0}'),
        ("nothing", b"{}"),
        ("add", b'{"a":1198}'),
    ]
    assert store.inserted == [250, 250, 250, 250, 200]
    assert await app.enqueue_many([]) == []


async def test_the_same_call_is_the_same_job(app: App) -> None:
    call = app.task(nothing).call()
    first = await app.enqueue_many([call])
    again = await app.enqueue_many([call])
    assert first[0].id == again[0].id
    assert len(await claim(app)) == 1


async def test_a_held_key_answers_its_holder(app: App) -> None:
    task = app.task(nothing).opts(key="doc-7")
    first = await task.enqueue()
    assert (await task.enqueue()).id == first.id
    assert [job.id for job in await app.enqueue_many([task.call()])] == [first.id]


async def test_a_run_whose_key_is_held_waits_for_the_holder(app: App, store: WatchedStore) -> None:
    # Given a job with a key
    task = app.task(add).opts(key="k")
    await task.enqueue(1)
    # When a second call with the key is run
    run = asyncio.create_task(task.run(9))
    await store.was_read.wait()
    await finish(app, 3)
    # Then it gets the first one's result
    assert await run == 3


async def test_a_refused_job_raises_with_the_reason() -> None:
    app = App(backend=RefusingStore())
    task = app.task(queue="full")(nothing)
    with pytest.raises(EnqueueRefused, match=r"task 'nothing', queue 'full'.*the queue is full; nothing was stored"):
        await task.enqueue()
    with pytest.raises(EnqueueRefused, match="the queue is full"):
        await task.run()
    with pytest.raises(EnqueueRefused, match=r"2 of 3 jobs were refused.*the others are stored"):
        await app.enqueue_many([task.call(), task.opts(queue="open").call(), task.call()])
    await app.close()


async def test_a_store_that_is_away_for_a_moment_is_asked_again_with_the_same_id(app: App, store: WatchedStore) -> None:
    store.away["insert"] = 2
    job = await app.task(nothing).enqueue()
    assert store.calls["insert"] == 3
    assert await job.status() == Status.QUEUED


async def test_a_store_that_stays_away_leaves_the_outcome_unknown(
    app: App, store: WatchedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a store that is away longer than anybody asks
    monkeypatch.setattr("abaca.client.PAUSES", (0.0, 0.0, 0.0))
    store.away["insert"] = 8
    task = app.task(nothing)
    call = task.call()
    # When jobs are enqueued, then the error says what is known and what to do
    with pytest.raises(BackendUnavailable, match=r"of task 'nothing' .*whether it was stored is unknown.*same Call"):
        await task.enqueue()
    with pytest.raises(BackendUnavailable, match=call.job.id):
        await app.enqueue_many([call])
    # And repeating it later stores the job once
    job = (await app.enqueue_many([call]))[0]
    assert [claimed.id for claimed in await claim(app)] == [job.id]


async def test_wait_is_for_run_alone(app: App) -> None:
    with pytest.raises(ConfigError, match=r"task 'nothing': opts\(wait=\) concerns run"):
        await app.task(nothing).opts(wait=3).enqueue()


async def test_a_run_of_a_task_that_keeps_nothing_is_refused_before_it_is_stored(app: App, store: WatchedStore) -> None:
    with pytest.raises(ResultDisabled, match="keep=0"):
        await app.task(nothing).opts(keep=0).run()
    assert not store.calls["insert"]


async def test_a_registered_task_by_name_has_its_own_options_and_checks(app: App) -> None:
    app.task(queue="sums", priority="high")(add)
    job = await app.enqueue_by_name("add", {"a": 1}, delay=3)
    spec = (await job.info()).spec
    assert (spec.queue, spec.priority, spec.lane, spec.delay_ms) == ("sums", 75, "thread", 3000)
    with pytest.raises(ArgumentError, match="task 'add', argument 'a'"):
        await app.enqueue_by_name("add", {"a": "x"})


async def test_a_process_without_the_code_learns_from_a_worker_where_a_job_belongs(store: WatchedStore) -> None:
    # Given a worker's process that has told the store of its task
    there = App(backend=store)
    there.task(queue="sums", timeout=5, pool="process")(add)
    async with there.connect():
        pass
    # When a process without the code enqueues it by name
    here = App(backend=store)
    spec = (await (await here.enqueue_by_name("add", {"a": 1}, priority=1)).info()).spec
    # Then the job is where the task's jobs are
    assert (spec.queue, spec.lane, spec.timeout_ms, spec.priority) == ("sums", "process", 5000, 1)
    await here.close()


async def test_a_second_worker_announces_only_what_differs(store: WatchedStore) -> None:
    async def version(app: App) -> int:
        async with app.connect():
            record = (await app.records.read("task", ["add"]))[0]
        assert record is not None
        return record.version

    first, second, third = (App(backend=store) for _ in range(3))
    first.task(add)
    second.task(add)
    third.task(queue="other")(add)
    assert [await version(first), await version(second), await version(third)] == [1, 1, 2]


async def test_an_unknown_task_by_name_is_refused_unless_told_where_it_runs(app: App) -> None:
    with pytest.raises(UnknownTask, match="task 'far' is not registered here and no worker has announced it"):
        await app.enqueue_by_name("far", {})
    spec = (await (await app.enqueue_by_name("far", {"x": [1]}, pool="thread", queue="q")).info()).spec
    assert (spec.task, spec.lane, spec.queue, spec.args) == ("far", "thread", "q", b'{"x":[1]}')
    with pytest.raises(ConfigError, match="task name: 'no name'"):
        await app.enqueue_by_name("no name", {})
    with pytest.raises(ArgumentError, match="task 'far', argument 'x'"):
        await app.enqueue_by_name("far", {"x": float("nan")}, pool="thread")


async def test_records_are_small_versioned_values(app: App) -> None:
    record = Record(kind="shop.rates", id="eur", data=b"1")
    assert await app.records.put([record]) == [Verdict.APPLIED]
    assert await app.records.put([record]) == [Verdict.STALE]
    assert [r.data for r in await app.records.scan("shop.rates")] == [b"1"]
    with pytest.raises(ConfigError, match="record kind: 'a b'"):
        await app.records.put([Record(kind="a b", id="x", data=b"1")])


async def test_an_apps_own_worker_runs_its_jobs() -> None:
    async with App("memory://") as app:
        task = app.task(add)
        async with app.worker(concurrency=2, process_slots=1):
            assert await task.opts(wait=20).run(1, b=4) == 5


@pytest.mark.parametrize("options", [{"queues": ["a b"]}, {"lease": 0}, {"beat": "x"}])
def test_a_bad_option_of_a_worker_is_refused_with_its_name(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"worker {next(iter(options)).removesuffix('s')}"):
        App("memory://").worker(**options)


async def test_loops_and_threads_of_an_app_share_one_memory_store() -> None:
    app = App("memory://")
    task = app.task(nothing)
    job = await asyncio.to_thread(task.enqueue_sync)
    assert await job.status() == Status.QUEUED
    assert [claimed.id for claimed in await claim(app)] == [job.id]
    await app.close()


async def test_a_closed_app_opens_again() -> None:
    app = App("memory://")
    await app.task(nothing).enqueue()
    await app.close()
    assert await (await app.tasks["nothing"].enqueue()).status() == Status.QUEUED
    await app.close()
