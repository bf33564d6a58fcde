"""An app with its jobs in memory: what a drain runs, what it leaves, and what it tells."""

from __future__ import annotations

import pytest

from abaca import App, ArgumentError, Ctx, JobFailed, Limit, Retry, Status, UnknownTask, Webhook
from abaca.model import Lease, Want
from abaca.testing import Harness, harness

app = App("redis://nobody.invalid")
ran: list[str] = []
NEVER = Retry(max_attempts=1)


@app.task
async def note(word: str) -> str:
    ran.append(word)
    return word


@app.task(queue="second")
async def pass_on(word: str) -> None:
    await note.opts(queue="third").enqueue(word)


@app.task
async def ask(word: str) -> str:
    return await note.run(word) + "!"


@app.task(retry=NEVER)
def break_down() -> None:
    raise OSError("no disk")


@app.task
async def sleeper(ctx: Ctx) -> str:
    await ctx.sleep("3d")
    return "rested"


@app.task
async def listener(ctx: Ctx) -> str:
    return await ctx.wait_event("paid", type=str)


@app.task(limits=[Limit(rate=1, period="1h")])
async def slow(word: str) -> None:
    ran.append(word)


@pytest.fixture
def abaca_app() -> App:
    return app


@pytest.fixture(autouse=True)
def nothing_ran() -> None:
    ran.clear()


async def test_jobs_that_jobs_enqueue_run_in_whatever_queue(abaca: Harness) -> None:
    # Given a job that enqueues another one in a queue that no task names
    await pass_on.enqueue("hello")
    # When what is due is run
    drained = await abaca.drain()
    # Then both ran
    assert ran == ["hello"]
    assert len(drained.completed) == 2


async def test_a_handler_may_wait_for_another_job(abaca: Harness) -> None:
    # Given a job that waits for the result of one that it enqueues
    job = await ask.enqueue("well")
    # When they are run
    await abaca.drain()
    # Then it got its answer
    assert await job.result() == "well!"


async def test_arguments_take_the_way_of_production(abaca: Harness) -> None:
    # Given a call with an argument that the task does not take
    # When it is enqueued, Then it is refused as everywhere
    with pytest.raises(ArgumentError):
        await note.enqueue(object())  # type: ignore[arg-type]
    assert abaca.enqueued(note) == []


async def test_a_failed_job_fails_the_drain_with_its_traceback(abaca: Harness) -> None:
    # Given a job that fails
    await break_down.enqueue()
    # When it is run, Then the error is raised with the place where it happened
    with pytest.raises(JobFailed, match="no disk") as caught:
        await abaca.drain()
    assert "break_down" in "".join(caught.value.__notes__)


async def test_a_task_that_nobody_has_fails_the_drain(abaca: Harness) -> None:
    # Given a job of a task that is not declared
    await app.enqueue_by_name("nowhere", {}, pool="async")
    # When it is run, Then that is said
    with pytest.raises(UnknownTask, match="nowhere"):
        await abaca.drain()


async def test_the_clock_is_moved_over_the_sleep_of_a_job_that_has_begun(abaca: Harness) -> None:
    # Given a job that sleeps for days
    began = abaca.clock.now()
    job = await sleeper.enqueue()
    # When what is due is run
    await abaca.drain()
    # Then it has ended, three days later
    assert await job.result() == "rested"
    assert abaca.clock.now() - began >= 3 * 86_400_000_000


async def test_a_job_that_waits_for_an_event_stays_until_it_comes(abaca: Harness) -> None:
    # Given a job that waits for an event
    job = await listener.enqueue()
    # When what is due is run, Then it still waits
    await abaca.drain(delays=True)
    assert not (await job.info()).state.ended
    # When the event comes, Then it goes on
    await job.send_event("paid", "in full")
    await abaca.drain()
    assert await job.result() == "in full"


async def test_the_clock_is_moved_over_a_rate_limit(abaca: Harness) -> None:
    # Given three jobs of which one may start in an hour
    began = abaca.clock.now()
    for word in ("a", "b", "c"):
        await slow.enqueue(word)
    # When what is due is run
    await abaca.drain()
    # Then all ran, two hours later
    assert ran == ["a", "b", "c"]
    assert abaca.clock.now() - began >= 2 * 3_600_000_000


async def test_a_paused_queue_stays(abaca: Harness) -> None:
    # Given a job in a paused queue
    await app.queues.pause("default")
    job = await note.enqueue("later")
    # When what is due is run, Then it is not
    assert len(await abaca.drain(delays=True)) == 0
    assert await job.status() is Status.QUEUED
    # When the queue is resumed, Then it is
    await app.queues.resume("default")
    assert len(await abaca.drain()) == 1


async def test_a_worker_that_vanished_is_replaced_when_its_lease_is_over(abaca: Harness) -> None:
    # Given a job that a worker took before it vanished
    job = await note.enqueue("again")
    await abaca.store.exchange([], Want(queues=("default",), slots={"async": 1}), Lease(worker="gone", ms=15_000))
    # When its lease is over
    abaca.clock.advance("15s")
    await abaca.drain()
    # Then another ran it, and the loss is on record
    assert await job.result() == "again"
    assert (await job.info()).losses == 1


async def test_results_stay_until_the_test_purges(abaca: Harness) -> None:
    # Given a result, and a clock moved far past its keep
    job = await note.enqueue("kept")
    await abaca.drain()
    abaca.clock.advance("30d")
    # When another drain has run, Then it is still there
    await abaca.drain()
    assert await job.result() == "kept"
    # When the test purges, Then it is gone
    assert await abaca.purge() == 1
    assert (await job.info()).purged


async def test_no_webhook_leaves_the_test(abaca: Harness) -> None:
    # Given a job whose end is told to the world
    await note.opts(webhook=Webhook("https://example.org/hook")).enqueue("told")
    # When it has run
    drained = await abaca.drain(delays=True)
    # Then the webhook waits, and was not sent
    assert [job.spec.task for job in drained.ended] == ["note"]
    assert [job.status for job in abaca.store.jobs() if job.spec.task == "abaca.webhook"] == [Status.BLOCKED]


async def test_the_app_is_given_back_as_it_was() -> None:
    # Given an app with a store of its own
    other = App("memory://")

    @other.task
    async def double(n: int) -> int:
        return 2 * n

    kept = await double.enqueue(1)
    # When a harness was there for a while
    with harness(other) as bench:
        await double.enqueue(2)
        assert [call.arguments for call in bench.enqueued(double)] == [{"n": 2}]
    # Then the jobs from before are there, and no others
    assert [job.id for job in (await other.find()).jobs] == [kept.id]


def test_a_harness_serves_callers_without_an_event_loop(abaca: Harness) -> None:
    # Given a job that was enqueued so
    job = note.enqueue_sync("plain")
    # When it is run so
    drained = abaca.drain_sync()
    # Then its result is there
    assert job.result_sync() == "plain"
    assert len(drained) == 1
