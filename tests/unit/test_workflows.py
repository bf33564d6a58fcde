"""Workflows from any process: stored once, watched, cancelled, and run again from what failed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from abaca import (
    App,
    BackendUnavailable,
    ConfigError,
    EnqueueRefused,
    JobCancelled,
    JobConflict,
    JobFailed,
    JobNotFound,
    QueueFull,
    ResultExpired,
    Status,
    Workflow,
    WorkflowHandle,
    chain,
    group,
)
from abaca.backends.memory import MemoryBackend
from abaca.clock import ManualClock
from abaca.model import FULL, ErrorInfo, Inserted, NewJob, Query, Receipt, Requeued, State
from abaca.policy.builtin import JOIN
from abaca.policy.decide import unfit
from abaca.policy.outcome import Aborted, Returned
from abaca.workflows import members
from tests.unit.face import WatchedStore, claim, returned, settle

OOPS = Aborted(error=ErrorInfo(type="app.Oops", message="no"))


class Store(WatchedStore):
    """Refuses jobs of the queue ``full`` while ``refuses`` is set, and loses replies of inserts on demand."""

    refuses = True
    lost = 0

    async def insert(self, jobs: Sequence[NewJob]) -> list[Receipt]:
        receipts = []
        for job in jobs:
            if job.queue == "full" and self.refuses:
                receipts.append(Receipt(id=job.id, outcome=Inserted.REFUSED, reason=f"{FULL}: 1 job waits in 'full'"))
            else:
                receipts += await super().insert([job])
        if self.lost:
            self.lost -= 1
            raise BackendUnavailable("the reply was lost")
        return receipts


class Shop:
    def __init__(self, app: App) -> None:
        self.app = app

        @app.task
        async def fetch(n: int) -> int:
            return n

        @app.task
        async def double(n: int) -> int:
            return 2 * n

        @app.task
        async def total(ns: list[int]) -> int:
            return sum(ns)

        self.fetch, self.double, self.total = fetch, double, total

    async def work(self, *failing: str) -> list[str]:
        """Claim and end all that can be claimed, as workers would; answers the ids of what ran. ``failing`` fail."""
        ran = []
        while jobs := await claim(self.app):
            for job in jobs:
                why = unfit(job)
                if why is not None:
                    await settle(self.app, job, why)
                    continue
                ran.append(job.id)
                outcome = Returned(result=b"null") if job.spec.task == JOIN else returned(len(ran))
                await settle(self.app, job, OOPS if job.id in failing else outcome)
        return ran


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
async def shop(store: Store) -> AsyncIterator[Shop]:
    async with App(backend=store) as app:
        yield Shop(app)


async def statuses(handle: WorkflowHandle[object]) -> dict[str, Status]:
    return {job.id: job.status async for job in handle.members()}


async def test_enqueuing_twice_stores_it_once(shop: Shop, store: Store) -> None:
    # Given a workflow of which the reply to the first insert is lost for good
    made = chain(shop.fetch.call(1), shop.double, shop.double)
    store.lost = 4
    with pytest.raises(BackendUnavailable, match="Enqueuing the same object again is safe"):
        await made.enqueue()
    # When it is enqueued again, twice
    first, second = await made.enqueue(), await made.enqueue()
    # Then there is one
    assert first.id == second.id == made.jobs[-1].id
    assert len((await shop.app.find()).jobs) == 3


async def test_a_refused_member_takes_the_others_back(shop: Shop, store: Store) -> None:
    # Given a group of which one member is for a full queue
    made = group([shop.fetch.call(1), shop.fetch.opts(queue="full").call(2)])
    refused = [job.id for job in made.jobs]
    # When it is enqueued
    with pytest.raises(QueueFull, match="everything that was stored is cancelled"):
        await made.enqueue()
    # Then nothing of it can run, and the same object can be enqueued later, as other jobs
    assert await shop.work() == []
    store.refuses = False
    handle = await made.enqueue()
    assert handle.id not in refused
    assert len(await statuses(handle)) == 2
    (ran,) = await claim(shop.app, "full")
    assert ran.spec.parent == handle.id


async def test_the_jobs_of_a_refused_graph_are_found_by_their_nodes_later(shop: Shop, store: Store) -> None:
    flow = Workflow()
    node = flow.add(shop.fetch.opts(queue="full").call(2))
    with pytest.raises(QueueFull):
        await flow.enqueue()
    store.refuses = False
    handle = await flow.enqueue()
    assert set(await statuses(handle)) == {flow.job(node).id}


async def test_a_parent_that_was_never_stored_refuses_the_workflow(shop: Shop) -> None:
    outside = shop.fetch.call(0)
    with pytest.raises(EnqueueRefused, match="unknown parent"):
        await chain(shop.fetch.opts(after=outside).call(1), shop.double).enqueue()
    await shop.app.enqueue_many([outside])
    assert (await claim(shop.app))[0].id == outside.id


async def test_a_workflow_says_how_far_it_is(shop: Shop) -> None:
    # Given a group that leads on, in another process
    made = group(shop.fetch.call(n) for n in range(3)).then(shop.total).then(shop.double)
    id = (await made.enqueue()).id
    handle = shop.app.workflow(id)
    assert await handle.status() is Status.RUNNING
    before = await handle.progress()
    # When its first members have ended
    first = await claim(shop.app)
    for job in first:
        await settle(shop.app, job, returned(3))
    # Then it tells so, and the rest as it ends
    half = await handle.progress()
    await shop.work()
    assert (before.total, before.ended, before.counts) == (5, 0, {Status.BLOCKED: 2, Status.QUEUED: 3})
    assert (half.ended, half.fraction) == (3, 0.6)
    assert await handle.status() is Status.COMPLETED
    assert await handle.typed(int).result() == 2
    assert {job.id for job in (await shop.app.find(Query(parent=id))).jobs} == set(await statuses(handle))


async def test_the_built_in_job_is_no_member(shop: Shop) -> None:
    handle = await group(shop.fetch.call(n) for n in range(3)).enqueue()
    await shop.work()
    assert (await handle.progress()).counts == {Status.COMPLETED: 3}
    await handle.result()


async def test_a_failed_member_fails_the_workflow(shop: Shop) -> None:
    # Given a chain whose second member fails
    made = chain(shop.fetch.call(1), shop.double, shop.double)
    handle = await made.enqueue()
    await shop.work(made.jobs[1].id)
    # Then it has failed, and its result says why there is none
    assert await handle.status() is Status.FAILED
    with pytest.raises(JobCancelled, match=f"its parent {made.jobs[1].id} ended otherwise"):
        await handle.result()
    assert (await handle.outcome()).status is Status.CANCELLED


async def test_a_cancelled_workflow_runs_nothing_more(shop: Shop) -> None:
    # Given a graph with a compensation and a job that would run anyway, of which the first member runs
    flow = Workflow()
    first = flow.add(shop.fetch.call(1))
    flow.add(shop.fetch.call(2)).after(first, when="failed")
    flow.add(shop.fetch.call(3)).after(first, when="ended")
    flow.add(shop.double, first)
    handle = await flow.enqueue()
    (running,) = await claim(shop.app)
    # When it is cancelled
    assert await handle.cancel()
    # Then the running member is told, and nothing else will run
    assert (await shop.app.job(running.id).info()).cancel
    assert await handle.status() is Status.CANCELLED
    assert await shop.work() == []
    assert set((await handle.progress()).counts) == {Status.RUNNING, Status.CANCELLED}


async def test_cancelling_what_has_ended_says_so(shop: Shop) -> None:
    handle = await chain(shop.fetch.call(1), shop.double).enqueue()
    await shop.work()
    assert not await handle.cancel()


async def test_requeuing_runs_what_failed_and_what_was_cancelled_because_of_it(shop: Shop) -> None:
    # Given a graph of two branches of which one failed at its beginning
    flow = Workflow()
    good, bad = flow.add(shop.fetch.call(1)), flow.add(shop.fetch.call(2))
    flow.add(shop.double, good)
    behind = flow.add(shop.double, bad)
    end = flow.add(shop.double, behind)
    undo = flow.add(shop.fetch.call(9)).after(bad, when="failed")
    unused = flow.add(shop.fetch.call(9)).after(good, when="failed")
    handle = await flow.enqueue()
    await shop.work(bad.id)
    assert (await statuses(handle))[undo.id] is Status.COMPLETED
    # When it is requeued
    count = await handle.requeue()
    waiting = await statuses(handle)
    ran = await shop.work()
    # Then that branch runs from the failed member on, and nothing that had completed elsewhere
    assert count == 5  # with what made good, which waits again, and the join
    assert {id for id, status in waiting.items() if status in (Status.BLOCKED, Status.QUEUED)} == {
        bad.id,
        behind.id,
        end.id,
        undo.id,
    }
    assert ran == [bad.id, behind.id, end.id, handle.id]
    after = await statuses(handle)
    assert (after[end.id], after[undo.id], after[unused.id]) == (
        Status.COMPLETED,
        Status.CANCELLED,
        Status.CANCELLED,
    )
    assert await handle.status() is Status.COMPLETED


async def test_a_member_that_is_about_to_be_ended_is_waited_for(shop: Shop, store: Store) -> None:
    # Given a chain whose first member failed, and a worker that has claimed the second to end it
    made = chain(shop.fetch.call(1), shop.double, shop.double)
    handle = await made.enqueue()
    (first,) = await claim(shop.app)
    await settle(shop.app, first, OOPS)
    (second,) = await claim(shop.app)
    why = unfit(second)
    assert why is not None
    # When the workflow is requeued, and the worker ends the second after that has looked
    store.was_read.clear()
    requeuing = asyncio.ensure_future(handle.requeue())
    await asyncio.wait_for(store.was_read.wait(), 20)
    await settle(shop.app, second, why)
    # Then it runs again with the first
    assert await requeuing == 2
    assert await shop.work() == [job.id for job in made.jobs]
    assert await handle.status() is Status.COMPLETED


async def test_a_member_that_is_claimed_and_ended_during_the_requeue_runs_again_too(shop: Shop, store: Store) -> None:
    # Given a chain whose first member failed, and whose second waits to be ended for that
    made = chain(shop.fetch.call(1), shop.double, shop.double)
    handle = await made.enqueue()
    (first,) = await claim(shop.app)
    await settle(shop.app, first, OOPS)
    # When it is claimed after the look and before the requeue, and ended after both
    requeue = store.requeue

    async def late(runs: Sequence[tuple[str, int]]) -> list[Requeued]:
        store.requeue = requeue  # type: ignore[method-assign]
        (second,) = await claim(shop.app)
        why = unfit(second)
        assert why is not None
        answers = await requeue(runs)
        await settle(shop.app, second, why)
        return answers

    store.requeue = late  # type: ignore[method-assign]
    # Then it runs again with the first
    assert await handle.requeue() == 2
    assert await shop.work() == [job.id for job in made.jobs]


async def test_requeuing_a_workflow_that_did_all_it_should_is_refused(shop: Shop) -> None:
    flow = Workflow()
    first = flow.add(shop.fetch.call(1))
    flow.add(shop.fetch.call(9)).after(first, when="failed")
    handle = await flow.enqueue()
    await shop.work()
    with pytest.raises(JobConflict, match="no member has failed"):
        await handle.requeue()


async def test_a_group_is_retried_from_its_failed_members(shop: Shop) -> None:
    # Given a group of which one member failed
    made = group(shop.fetch.call(n) for n in range(4))
    handle = await made.enqueue()
    await shop.work(made.jobs[2].id)
    # When it is retried
    assert await handle.retry_failed() == 2
    # Then that member runs again, and the join after it
    assert await shop.work() == [made.jobs[2].id, handle.id]


async def test_results_of_a_group_come_in_order_while_it_runs(shop: Shop) -> None:
    # Given a group in another process, of which the last member ends first
    made = group(shop.fetch.call(n) for n in range(3))
    id = (await made.enqueue()).id
    jobs = await claim(shop.app)
    await settle(shop.app, jobs[2], returned(2))
    results = shop.app.group(id).of(int).results()
    reading = asyncio.ensure_future(anext(results))
    # When the first ends, then the second
    await asyncio.sleep(0)
    await settle(shop.app, jobs[0], returned(0))
    first = await asyncio.wait_for(reading, 20)
    await settle(shop.app, jobs[1], OOPS)
    second, third = [result async for result in results]
    # Then each comes in its place
    assert [first.value, second.value, third.value] == [0, None, 2]
    assert second.error is not None
    assert first.job_id == jobs[0].id


async def test_pages_of_results_do_not_wait(shop: Shop) -> None:
    made = group(shop.fetch.call(n) for n in range(5))
    handle = await made.enqueue()
    jobs = await claim(shop.app)
    for number in (1, 3):
        await settle(shop.app, jobs[number], returned(number))
    page = await handle.page(1, 3)
    assert [each and each.value for each in page] == [1, None, 3]
    assert await handle.page(9) == []


async def test_values_are_all_results_or_the_first_failure(shop: Shop) -> None:
    good, bad = group(shop.fetch.call(n) for n in range(2)), group(shop.fetch.call(n) for n in range(2))
    first, second = await good.enqueue(), await bad.enqueue()
    await shop.work(bad.jobs[1].id)
    assert await first.values() == [1, 2]
    with pytest.raises(JobFailed, match=bad.jobs[1].id):
        await second.values()


async def test_a_group_of_several_tasks_reads_each_result_by_its_task(shop: Shop) -> None:
    handle = await group([shop.fetch.call(1), shop.total.call([1])]).enqueue()
    await shop.work()
    assert await handle.values() == [1, 2]


async def test_unknown_workflows_and_those_that_are_no_longer_kept_say_so() -> None:
    # Given a group that ended long ago
    clock = ManualClock()
    backend = MemoryBackend(clock)
    async with App(backend=backend) as app:
        shop = Shop(app)
        handle = await group(shop.fetch.call(n) for n in range(2)).enqueue()
        await shop.work()
        clock.advance(3601)
        await backend.purge(1000)
        # Then its results are gone, which is another thing than never having been
        with pytest.raises(ResultExpired):
            await handle.page()
        for verb in (app.workflow("0" * 32).status, app.workflow("0" * 32).progress, app.group("0" * 32).page):
            with pytest.raises(JobNotFound):
                await verb()


async def test_jobs_from_outside_are_no_members(shop: Shop) -> None:
    outside = await shop.fetch.enqueue(0)
    handle = await chain(shop.fetch.opts(after=outside).call(1), shop.double).enqueue()
    behind = await shop.fetch.opts(after=handle).enqueue(9)
    assert outside.id not in await statuses(handle)
    assert behind.id not in await statuses(handle)
    assert await handle.cancel()
    assert await outside.status() is Status.QUEUED


async def test_a_workflow_of_many_is_walked_in_few_reads(shop: Shop, store: Store) -> None:
    # Given a group of three thousand that leads on
    handle = await group(shop.fetch.call(n) for n in range(3000)).then(shop.total).enqueue()
    assert store.calls["insert"] >= 3001  # one by one here, for this store refuses by job
    store.calls.clear()
    # When it is looked through
    progress = await handle.progress()
    # Then that took few reads, of growing size
    assert progress.total == 3001
    assert store.calls["get"] <= 10


def test_what_runs_again_is_told_by_the_edges() -> None:
    def found(id: str, *parents: str, ended: bool = True, at_fault: bool = False) -> members.Found:
        state = 3 if at_fault else 2
        return members.Found(id, State(state if ended else 0), 1, at_fault, parents)

    ordered = [
        found("a"),
        found("b", at_fault=True),
        found("c", "a", "b"),
        found("d", "a"),
        found("e", "c", ended=False),
        found("f", "e", "d"),
    ]
    assert [each.id for each in members.to_requeue(ordered)] == ["b", "c"]


async def test_the_twins_are_for_callers_without_a_loop(store: Store) -> None:
    def use() -> None:
        shop = Shop(App(backend=MemoryBackend()))
        with shop.app:
            handle = group(shop.fetch.call(n) for n in range(2)).enqueue_sync()
            assert handle.status_sync() is Status.RUNNING
            assert handle.progress_sync().total == 2
            assert len(list(handle.members_sync())) == 2
            assert handle.page_sync() == [None, None]
            assert handle.cancel_sync()
            assert [result.status for result in handle.results_sync()] == [Status.CANCELLED] * 2

    await asyncio.to_thread(use)


async def test_options_of_the_last_task_hold(shop: Shop) -> None:
    made = group([shop.fetch.call(1)]).then(shop.total.opts(tags=["x"], owner="me"))
    assert (made.jobs[-1].tags, made.jobs[-1].owner) == (("x",), "me")


def test_only_ends_that_are_known_may_be_asked_for(store: Store) -> None:
    shop = Shop(App(backend=store))
    with pytest.raises(ConfigError, match="'always'"):
        Workflow().add(shop.fetch.call(1)).after(Workflow().add(shop.fetch.call(1)), when="always")  # type: ignore[arg-type]
