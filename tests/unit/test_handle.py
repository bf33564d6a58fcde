"""One stored job: waiting for it, watching it, acting on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from abaca import (
    App,
    BackendUnavailable,
    Ctx,
    ErrorInfo,
    JobCancelled,
    JobConflict,
    JobFailed,
    JobNotFound,
    ResultDisabled,
    ResultError,
    ResultExpired,
    ResultTimeout,
    Retry,
    Status,
    Task,
)
from abaca.backends.memory import MemoryBackend
from abaca.clock import ManualClock
from abaca.codec import new_id
from abaca.model import DAY_MS, Kind, NewUpdate
from abaca.policy.outcome import Aborted, Raised
from tests.unit.face import WatchedStore, claim, finish, finish_next, returned, settle

BROKEN = Raised(error=ErrorInfo(type="builtins.ValueError", message="bad", traceback="Traceback ...", kinds=()))


@pytest.fixture
def store() -> WatchedStore:
    return WatchedStore()


@pytest.fixture
async def app(store: WatchedStore) -> AsyncIterator[App]:
    async with App(backend=store, poll_interval=60) as app:
        yield app


def add(a: int, b: int = 2) -> int:
    return a + b


@pytest.fixture
def task(app: App) -> Task[[int], int]:
    return app.task(add)


async def test_a_result_that_is_there_is_answered_at_once(app: App, task: Task[[int], int]) -> None:
    job = await task.enqueue(1)
    await finish(app, 3)
    assert await job.result() == 3
    assert await job.result(timeout=0.5) == 3


async def test_a_result_that_comes_later_is_answered_when_it_comes(
    app: App, store: WatchedStore, task: Task[[int], int]
) -> None:
    # Given somebody who waits, with polling so slow that only the hint can help
    job = await task.enqueue(1)
    waiting = asyncio.create_task(job.result())
    await store.watched.wait()
    # When the job ends
    await finish(app, 3)
    # Then the result is there
    assert await waiting == 3
    assert store.watching == 0


async def test_an_end_between_the_subscription_and_the_read_is_not_missed(
    app: App, store: WatchedStore, task: Task[[int], int]
) -> None:
    """The trap of reading first: here the job ends as soon as anybody has subscribed."""

    async def end_it() -> None:
        await store.watched.wait()
        await finish(app, 3)

    job = await task.enqueue(1)
    ending = asyncio.create_task(end_it())
    assert await job.result() == 3
    await ending


@pytest.mark.parametrize("count", [1, 250])
async def test_lost_hints_are_made_good_by_one_slow_poll(count: int) -> None:
    # Given a store whose hints are all lost, and waiters who have read once
    store = WatchedStore(deaf=True)
    app = App(backend=store, poll_interval=0.05)
    jobs = await app.enqueue_many([app.task(add).call(1)] if count == 1 else many(app, count))
    waits = [asyncio.create_task(job.result()) for job in jobs]
    await store.was_read.wait()
    # When the jobs end
    await finish(app, 3)
    # Then a poll finds all of them, in a read for many at a time
    assert await asyncio.gather(*waits) == [3] * count
    assert store.calls["get"] < 30
    await app.close()


def many(app: App, count: int) -> list:  # type: ignore[type-arg]
    task = app.task(name="many")(add)
    return [task.call(n) for n in range(count)]


@pytest.mark.no_cover
@pytest.mark.timeout(300)
async def test_ten_thousand_waits_share_subscriptions_reads_and_one_timer(app: App, store: WatchedStore) -> None:
    # Given ten thousand waits
    jobs = await app.enqueue_many(many(app, 10_000))
    waits = [asyncio.create_task(job.result()) for job in jobs]
    await store.was_read.wait()
    loop = asyncio.get_running_loop()
    timers = len(loop._scheduled)  # type: ignore[attr-defined]
    # When they all end
    for _ in range(10):
        await finish(app, 3)
    # Then each got its result, by a few subscriptions
    assert await asyncio.gather(*waits) == [3] * 10_000
    assert store.calls["watch"] == 100
    assert timers <= 105
    assert store.watching == 0


async def test_a_run_is_one_insert_and_needs_no_read(app: App, store: WatchedStore, task: Task[[int], int]) -> None:
    run = asyncio.create_task(task.run(1))
    await finish_next(app, 3)
    assert await run == 3
    assert (store.calls["insert"], store.calls["get"]) == (1, 0)
    assert store.watching == 0


async def test_runs_of_one_moment_share_a_subscription_and_an_insert(
    app: App, store: WatchedStore, task: Task[[int], int]
) -> None:
    runs = [asyncio.create_task(task.run(n)) for n in range(50)]
    await finish_next(app, 3)
    assert await asyncio.gather(*runs) == [3] * 50
    assert (store.calls["insert"], store.calls["watch"]) == (1, 1)


async def test_a_run_whose_hint_came_too_early_is_found_by_a_look_soon(store: WatchedStore) -> None:
    deaf = WatchedStore(deaf=True)
    app = App(backend=deaf, poll_interval=60)
    run = asyncio.create_task(app.task(add).run(1))
    await finish_next(app, 3)
    assert await run == 3
    await app.close()


async def test_a_failed_attempt_that_will_be_retried_is_no_result(app: App, store: WatchedStore) -> None:
    # Given somebody who waits for a job that is retried at once
    task = app.task(retry=Retry(backoff="none"))(add)
    waiting = asyncio.create_task((await task.enqueue(1)).result())
    await store.watched.wait()
    # When its first attempt fails and the second is well
    await settle(app, (await claim(app))[0], BROKEN)
    await settle(app, (await claim(app))[0], returned(3))
    # Then the waiter sees success only
    assert await waiting == 3


async def test_a_failed_job_raises_its_error(app: App, task: Task[[int], int]) -> None:
    job = await task.enqueue(1)
    await settle(app, (await claim(app))[0], Aborted(error=BROKEN.error))
    with pytest.raises(JobFailed, match=f"job {job.id} failed with ValueError: bad") as failed:
        await job.result()
    assert (failed.value.job_id, failed.value.type, failed.value.message) == (job.id, "builtins.ValueError", "bad")
    assert failed.value.traceback == "Traceback ..."


async def test_a_cancelled_job_raises_and_the_waiter_itself_goes_on(app: App, task: Task[[int], int]) -> None:
    job = await task.enqueue(1)
    assert await job.cancel() is True
    with pytest.raises(JobCancelled, match=f"job {job.id} was cancelled"):
        await job.result()
    assert await job.cancel() is False


async def test_a_running_job_is_told_to_stop(app: App, task: Task[[int], int]) -> None:
    job = await task.enqueue(1)
    await claim(app)
    assert await job.cancel() is True
    assert (await job.info()).cancel


async def test_a_wait_that_is_over_says_that_the_job_goes_on(
    app: App, store: WatchedStore, task: Task[[int], int]
) -> None:
    job = await task.enqueue(1)
    with pytest.raises(ResultTimeout, match=r"had not ended after 0\.01 s; it goes on") as over:
        await job.result(timeout="10ms")
    assert isinstance(over.value, TimeoutError)
    assert over.value.__cause__ is None
    assert await job.status() == Status.QUEUED
    await app.close()
    assert store.watching == 0


async def test_a_run_that_is_over_cancels_only_when_asked(app: App, task: Task[[int], int]) -> None:
    with pytest.raises(ResultTimeout, match="goes on"):
        await task.opts(wait="10ms", key="a").run(1)
    with pytest.raises(ResultTimeout, match="told to stop"):
        await task.opts(wait="10ms", key="b", cancel_on_timeout=True).run(1)
    assert [job.spec.key for job in await claim(app)] == ["a"]


async def test_a_cancelled_waiter_leaves_nothing_behind(app: App, store: WatchedStore, task: Task[[int], int]) -> None:
    # Given waits of every kind
    job = await task.enqueue(1)
    waits: list[asyncio.Future[Any]] = [
        asyncio.ensure_future(job.result()),
        asyncio.ensure_future(job.outcome(timeout=50)),
        asyncio.ensure_future(task.run(2)),
        asyncio.ensure_future(anext(aiter(job.updates(after=1)))),
    ]
    await store.watched.wait()
    await store.was_read.wait()
    # When their callers are cancelled
    for wait in waits:
        wait.cancel()
    results = await asyncio.gather(*waits, return_exceptions=True)
    await app.close()
    # Then no subscription and no task is left
    assert all(isinstance(result, asyncio.CancelledError) for result in results)
    assert store.watching == 0
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_store_that_is_away_is_waited_for(app: App, store: WatchedStore, task: Task[[int], int]) -> None:
    # Given a store that is away when the wait begins
    job = await task.enqueue(1)
    await finish(app, 3)
    store.away["watch"] = 2
    # Then the wait goes on until it is back
    assert await job.result(timeout=30) == 3
    assert store.calls["watch"] == 3


async def test_a_wait_on_a_store_that_stays_away_ends_with_its_error_as_the_cause(
    app: App, store: WatchedStore, task: Task[[int], int]
) -> None:
    job = await task.enqueue(1)
    store.away["watch"] = 1000
    with pytest.raises(ResultTimeout) as over:
        await job.result(timeout=0.02)
    assert isinstance(over.value.__cause__, BackendUnavailable)


async def test_nobody_waits_for_a_job_that_is_not_there(app: App, task: Task[[int], int]) -> None:
    job = task.job(new_id())
    actions: list[Callable[[], object]] = [
        job.result,
        job.outcome,
        job.peek,
        job.status,
        job.info,
        job.cancel,
        job.requeue,
        job.forget,
        lambda: anext(aiter(job.updates())),
    ]
    for action in actions:
        with pytest.raises(JobNotFound, match=job.id):
            await action()  # type: ignore[misc]


async def test_an_outcome_tells_every_end(app: App, task: Task[[int], int]) -> None:
    good, bad, gone = [await task.enqueue(n) for n in range(3)]
    await gone.cancel()
    assert await good.peek() is None
    first, second = await claim(app)
    await settle(app, first, returned(3))
    await settle(app, second, Aborted(error=BROKEN.error))
    done, failed, cancelled = [await job.outcome() for job in (good, bad, gone)]
    assert (done.status, done.value, done.has_value, done.is_success, done.attempts) == ("completed", 3, True, True, 1)
    assert done.started_at is not None
    assert done.duration == pytest.approx((done.completed_at - done.started_at).total_seconds())
    assert (failed.is_failed, failed.value, failed.error) == (True, None, (await bad.info()).error)
    assert (cancelled.is_cancelled, cancelled.started_at, cancelled.duration) == (True, None, None)
    assert await good.peek() == done


async def test_a_handle_of_another_process_has_the_tasks_type_or_the_given_one(
    app: App, task: Task[[int], int]
) -> None:
    id = (await task.enqueue(1)).id
    await finish(app, 3)
    assert await task.job(id).result() == 3
    assert await app.job(id).result() == 3
    assert await app.job(id).typed(float).result() == 3.0
    with pytest.raises(ResultError, match="cannot be read as str"):
        await app.job(id).typed(str).result()


async def test_keep_nothing_means_no_result_to_wait_for(app: App, store: WatchedStore) -> None:
    task = app.task(keep=0)(add)
    job = await task.enqueue(1)
    with pytest.raises(ResultDisabled, match="keep=0"):
        await job.result()
    ended = asyncio.create_task(job.outcome())
    await finish(app, 3)
    assert (await ended).is_success
    assert (await ended).has_value is False
    with pytest.raises(ResultDisabled):
        await job.result()


async def test_a_forgotten_result_is_gone_and_the_record_stays(app: App, task: Task[[int], int]) -> None:
    job = await task.enqueue(1)
    with pytest.raises(JobConflict, match="has not ended"):
        await job.forget()
    await finish(app, 3)
    await job.forget()
    with pytest.raises(ResultExpired, match="no longer kept"):
        await job.result()
    assert await job.status() == Status.COMPLETED


async def test_a_tombstone_still_tells_the_end() -> None:
    # Given a completed, a failed and a cancelled job past their time
    clock = ManualClock()
    store = MemoryBackend(clock)
    app = App(backend=store)
    task = app.task(add)
    done, failed, cancelled = [await task.enqueue(n) for n in range(3)]
    await cancelled.cancel()
    first, second = await claim(app)
    await settle(app, first, returned(3))
    await settle(app, second, Aborted(error=BROKEN.error))
    clock.advance(8 * DAY_MS / 1000)
    await store.purge(100)
    # Then each still says how it ended, and what is gone
    with pytest.raises(ResultExpired):
        await done.result()
    with pytest.raises(JobFailed, match="its error is no longer kept"):
        await failed.result()
    with pytest.raises(JobCancelled):
        await cancelled.result()
    assert [update.value async for update in done.updates()] == ["completed"]
    await app.close()


async def test_a_failed_job_can_be_tried_again_under_its_id(app: App, task: Task[[int], int]) -> None:
    job = await task.opts(key="k").enqueue(1)
    with pytest.raises(JobConflict, match="is queued; only a job that ended"):
        await job.requeue()
    await settle(app, (await claim(app))[0], Aborted(error=BROKEN.error))
    await job.requeue()
    await finish(app, 3)
    assert await job.result() == 3
    # And not while another live job has its key
    await task.opts(key="k").enqueue(2)
    with pytest.raises(JobConflict, match="another live job has its key 'k'"):
        await job.requeue()


async def test_every_update_comes_in_order_and_the_stream_ends_itself(
    app: App, store: WatchedStore, task: Task[[int], int]
) -> None:
    # Given a reader
    job = await task.enqueue(1)
    updates = aiter(job.updates())
    assert (await anext(updates)).value == "queued"
    # When the job is claimed, reports and ends
    next_one = asyncio.ensure_future(anext(updates))
    claimed = (await claim(app))[0]
    assert (await next_one).value == "running"
    report = NewUpdate(id=job.id, epoch=claimed.epoch, seq=1, kind=Kind.PROGRESS, data=b'{"done":1}')
    await (await app.backend()).append([report])
    progress = await anext(updates)
    await settle(app, claimed, returned(3))
    rest = [update async for update in updates]
    # Then everything came, and the stream is over
    assert (progress.id, progress.kind, progress.value) == (3, Kind.PROGRESS, {"done": 1})
    assert [(update.id, update.value) for update in rest] == [(4, "completed")]
    assert store.watching == 0
    # And it can be resumed from anywhere
    assert [update.id async for update in job.updates(after=2)] == [3, 4]
    assert [update.id async for update in job.updates(after=4)] == []


async def test_updates_survive_a_store_that_goes_away(app: App, store: WatchedStore, task: Task[[int], int]) -> None:
    job = await task.enqueue(1)
    await finish(app, 3)
    store.away["watch"] = store.away["updates"] = 1
    assert [update.id async for update in job.updates()] == [1, 2, 3]


async def test_a_log_of_many_pages_is_read_whole(app: App, task: Task[[int], int]) -> None:
    job = await task.enqueue(1)
    claimed = (await claim(app))[0]
    backend = await app.backend()
    await backend.append(
        [NewUpdate(id=job.id, epoch=claimed.epoch, seq=n, kind=Kind.ITEM, data=b"%d" % n) for n in range(1, 451)]
    )
    await settle(app, claimed, returned(3))
    assert [update.id async for update in job.updates()] == list(range(1, 454))


async def test_what_a_reader_missed_is_one_gap(app: App, task: Task[[int], int]) -> None:
    job = await task.enqueue(1)
    claimed = (await claim(app))[0]
    backend = await app.backend()
    for start in (1, 701):
        await backend.append(
            [
                NewUpdate(id=job.id, epoch=claimed.epoch, seq=n, kind=Kind.PROGRESS, data=b"%d" % n)
                for n in range(start, start + 700)
            ]
        )
    await settle(app, claimed, returned(3))
    updates = [update async for update in job.updates()]
    assert [(u.kind, u.value) for u in updates[:4]] == [
        (Kind.STATUS, "queued"),
        (Kind.STATUS, "running"),
        (Kind.GAP, 400),
        (Kind.PROGRESS, 401),
    ]
    assert len(updates) == 2 + 1 + 1000 + 1


async def test_ctx_is_no_argument(app: App) -> None:
    async def handler(ctx: Ctx, n: int) -> int:
        return n

    task = app.task(handler)
    assert (await (await task.enqueue(1)).info()).spec.args == b'{"n":1}'
