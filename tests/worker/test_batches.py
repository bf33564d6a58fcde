"""Batches: many jobs, one call, and each job ends on its own."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import pytest

from abaca import BatchCtx, Ctx
from abaca.errors import Abort, Snooze
from abaca.model import Job, Kind, State
from abaca.policy.outcome import Outcome
from abaca.worker.middleware import CallNext
from tests.worker.harness import ONCE, QUICK, TWICE, Stage, soon, until

LONG = "30s"
"""To linger so long that only a full batch begins."""


def ends(jobs: list[Job]) -> list[tuple[State, bytes | None]]:
    return [(job.state, job.result) for job in jobs]


def counting(stage: Stage, calls: list[list[int]], **options: Any) -> Any:
    """A task that notes what it was given and answers the doubles."""

    @stage.task(batch=options.pop("batch", 3), **options)
    async def double(ns: list[int]) -> list[int]:
        calls.append(ns)
        return [2 * n for n in ns]

    return double


async def test_a_full_batch_is_one_call_and_each_job_has_its_own_result(stage: Stage) -> None:
    # Given three jobs of a task that takes three
    calls: list[list[int]] = []
    double = counting(stage, calls, linger=LONG)
    ids = [await stage.submit(double, n) for n in (1, 2, 3)]
    # When a worker runs them
    async with stage.worker():
        jobs = await stage.all_ended(ids)
    # Then the handler was called once, in their order
    assert calls == [[1, 2, 3]]
    assert ends(jobs) == [(State.COMPLETED, b"2"), (State.COMPLETED, b"4"), (State.COMPLETED, b"6")]
    assert {job.attempts for job in jobs} == {1}


async def test_a_batch_that_does_not_fill_begins_after_it_lingered(stage: Stage) -> None:
    calls: list[list[int]] = []
    double = counting(stage, calls, linger="20ms")
    async with stage.worker():
        (job,) = await stage.all_ended([await stage.submit(double, 4)])
    assert (calls, job.result) == ([[4]], b"8")


async def test_more_jobs_than_one_batch_takes_are_several_calls(stage: Stage) -> None:
    calls: list[list[int]] = []
    double = counting(stage, calls, linger="20ms", batch=10)
    ids = [await stage.submit(double, n) for n in range(95)]
    async with stage.worker():
        jobs = await stage.all_ended(ids)
    assert [job.result for job in jobs] == [b"%d" % (2 * n) for n in range(95)]
    assert sorted(n for call in calls for n in call) == list(range(95))
    assert max(map(len, calls)) <= 10


async def test_a_thread_takes_batches_too(stage: Stage) -> None:
    # Given a batch handler that is no coroutine
    seen: list[str] = []

    @stage.task(batch=2, linger=LONG)
    def upper(words: list[str]) -> list[str]:
        seen.append(threading.current_thread().name)
        return [word.upper() for word in words]

    ids = [await stage.submit(upper, word) for word in ("a", "b")]
    async with stage.worker():
        jobs = await stage.all_ended(ids)
    # Then it ran outside the event loop's thread, once
    assert [job.result for job in jobs] == [b'"A"', b'"B"']
    assert len(seen) == 1
    assert seen[0] != threading.main_thread().name


async def test_a_handler_that_answers_nothing_completes_all(stage: Stage) -> None:
    @stage.task(batch=2, linger=LONG)
    async def swallow(ns: list[int]) -> None: ...

    ids = [await stage.submit(swallow, n) for n in (1, 2)]
    async with stage.worker():
        assert ends(await stage.all_ended(ids)) == [(State.COMPLETED, b"null")] * 2


async def test_an_exception_in_the_list_is_that_jobs_own(stage: Stage) -> None:
    # Given a handler that has a different answer for each
    @stage.task(batch=4, linger=LONG)
    async def sort_out(kinds: list[str]) -> list[int | Exception]:
        answers: dict[str, int | Exception] = {"fail": ValueError("no"), "abort": Abort("never"), "later": Snooze(600)}
        return [answers.get(kind, 7) for kind in kinds]

    ids = [await stage.submit(sort_out, kind, retry=ONCE) for kind in ("fine", "fail", "abort", "later")]
    async with stage.worker():
        fine, fail, abort = await stage.all_ended(ids[:3])
        later = await stage.until(ids[3], lambda job: job.due_at > job.created_at + 100_000_000)
    # Then each ends by its own rule
    assert (fine.state, fine.result) == (State.COMPLETED, b"7")
    assert (fail.state, fail.error and fail.error.message) == (State.FAILED, "no")
    assert (abort.state, abort.error and abort.error.type) == (State.FAILED, "abaca.errors.Abort")
    assert (later.state, later.attempts) == (State.WAITING, 0)


async def test_what_the_handler_raises_is_the_failure_of_all_and_each_is_tried_again(stage: Stage) -> None:
    # Given a handler that fails the first time
    calls: list[list[int]] = []

    @stage.task(batch=2, linger="50ms")
    async def shaky(ns: list[int]) -> list[int]:
        calls.append(ns)
        if len(calls) == 1:
            raise OSError("away")
        return ns

    ids = [await stage.submit(shaky, n, retry=TWICE) for n in (1, 2)]
    async with stage.worker():
        jobs = await stage.all_ended(ids)
    # Then all were charged once and completed the second time
    assert [(job.state, job.attempts) for job in jobs] == [(State.COMPLETED, 2)] * 2
    assert sorted(calls[0]) == [1, 2]


@pytest.mark.parametrize("answer", [[1], [1, 2, 3], 7, {"a": 1, "b": 2}])
async def test_an_answer_of_another_shape_fails_all_and_says_why(stage: Stage, answer: Any) -> None:
    @stage.task(batch=2, linger=LONG)
    async def wrong(ns: list[int]) -> list[int]:
        return answer  # type: ignore[no-any-return]

    ids = [await stage.submit(wrong, n) for n in (1, 2)]
    async with stage.worker():
        jobs = await stage.all_ended(ids)
    for job in jobs:
        assert (job.state, job.attempts) == (State.FAILED, 1)
        assert job.error is not None
        assert "one element for each" in job.error.message
        assert "given 2 values" in job.error.message


async def test_a_result_of_another_type_fails_its_job_alone(stage: Stage) -> None:
    @stage.task(batch=2, linger=LONG)
    async def mixed(ns: list[int]) -> list[int]:
        return [1, "two"]  # type: ignore[list-item]

    ids = [await stage.submit(mixed, n) for n in (1, 2)]
    async with stage.worker():
        one, two = await stage.all_ended(ids)
    assert (one.state, two.state) == (State.COMPLETED, State.FAILED)


async def test_arguments_that_cannot_be_read_fail_their_job_alone(stage: Stage) -> None:
    calls: list[list[int]] = []
    double = counting(stage, calls, linger="20ms")
    bad = await stage.submit(double, 1, args=b'{"ns":"x"}')
    good = await stage.submit(double, 2)
    async with stage.worker():
        jobs = await stage.all_ended([bad, good])
    assert ends(jobs) == [(State.FAILED, None), (State.COMPLETED, b"4")]
    assert calls == [[2]]


async def test_each_job_has_a_context_of_its_own(stage: Stage) -> None:
    # Given a handler that reports for each of its jobs
    ids_seen: list[str] = []

    @stage.task(batch=2, linger=LONG)
    async def report(ctx: BatchCtx, ns: list[int]) -> list[int]:
        ids_seen.extend(each.job_id for each in ctx.jobs)
        for each, n in zip(ctx.jobs, ns, strict=True):
            each.progress(n, 10)
            each.log.info("seen", n=n)
        return [each.attempt for each in ctx.jobs]

    ids = [await stage.submit(report, n) for n in (3, 4)]
    async with stage.worker():
        jobs = await stage.all_ended(ids)
    # Then each job has its own progress and log
    assert ids_seen == ids
    assert [json.loads(job.progress or b"{}")["done"] for job in jobs] == [3, 4]
    entries = (await stage.backend.updates(ids[1], 0, 100)).entries
    assert [json.loads(entry.data or b"")["n"] for entry in entries if entry.kind is Kind.LOG] == [4]


async def test_a_batch_keeps_no_steps(stage: Stage) -> None:
    # Given a handler that wants a step, or a sleep, for one of its jobs: it would end the run of all
    refused: list[str] = []

    @stage.task(batch=2, linger="10ms")
    async def durable(ctx: BatchCtx, ns: list[int]) -> None:
        for attempt in (ctx.jobs[0].sleep("1h"), ctx.jobs[0].step("one", abs, -1)):
            with pytest.raises(RuntimeError, match="of a batch") as caught:
                await attempt
            refused.append(str(caught.value))

    async with stage.worker():
        job = await stage.ended(await stage.submit(durable, 1))
    # Then it is told so, and the run goes on
    assert (job.state, len(refused)) == (State.COMPLETED, 2)


async def test_a_batch_has_slots_of_its_own(stage: Stage) -> None:
    # Given a worker whose only slot for coroutines is taken
    started, go_on = asyncio.Event(), asyncio.Event()

    @stage.task
    async def sit() -> None:
        started.set()
        await go_on.wait()

    calls: list[list[int]] = []
    double = counting(stage, calls, linger="20ms")
    sitting = await stage.submit(sit)
    async with stage.worker(concurrency=1):
        await soon(started)
        # When a job of a batch task comes
        (job,) = await stage.all_ended([await stage.submit(double, 1)])
        # Then it runs beside it
        assert job.state is State.COMPLETED
        assert (await stage.get(sitting)).state is State.RUNNING
        go_on.set()
        await stage.ended(sitting)


async def test_a_call_in_progress_leaves_later_jobs_to_other_workers(stage: Stage) -> None:
    # Given a call that goes on, with one job of a possible hundred
    began, go_on = asyncio.Event(), asyncio.Event()

    @stage.task(batch=100, linger="10ms")
    async def slow(ns: list[int]) -> None:
        if not began.is_set():
            began.set()
            await go_on.wait()

    first = await stage.submit(slow, 1)
    async with stage.worker():
        await soon(began)
        # When more jobs come
        more = [await stage.submit(slow, n) for n in range(5)]
        # Then another worker can have them at once
        async with stage.worker():
            await stage.all_ended(more)
        assert (await stage.get(first)).state is State.RUNNING
        go_on.set()
        await stage.ended(first)


async def test_no_more_calls_run_at_once_than_asked_for(stage: Stage) -> None:
    running, most = 0, 0

    @stage.task(batch=2, linger="10ms", parallel=2)
    async def watched(ns: list[int]) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)  # sleeps: so that calls overlap if they may
        running -= 1

    ids = [await stage.submit(watched, n) for n in range(20)]
    async with stage.worker():
        await stage.all_ended(ids)
    assert 1 <= most <= 2


class Held:
    """A batch task whose call goes on until it is told to."""

    def __init__(self, stage: Stage, count: int = 3, **options: Any) -> None:
        self.began, self.go_on, self.told = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.ctx: BatchCtx | None = None
        self.interrupted = 0

        @stage.task(batch=count, linger=LONG, **options)
        async def held(ctx: BatchCtx, ns: list[int]) -> list[int]:
            self.ctx = ctx
            self.began.set()
            try:
                await self.go_on.wait()
            except asyncio.CancelledError:
                self.interrupted += 1
                raise
            return ns

        self.task = held


async def test_a_cancelled_member_is_told_and_ends_so_while_the_others_go_on(stage: Stage) -> None:
    # Given a call with three jobs
    held = Held(stage)
    ids = [await stage.submit(held.task, n) for n in (1, 2, 3)]
    async with stage.worker(**QUICK):
        await soon(held.began)
        assert held.ctx is not None
        # When one is cancelled
        await stage.backend.cancel([ids[1]])
        await until(lambda: held.ctx is not None and held.ctx.cancelled_ids == {ids[1]}, "the handler is told")
        # Then the call goes on
        assert not held.ctx.cancelled
        held.go_on.set()
        jobs = await stage.all_ended(ids)
    # And that job ends as cancelled, the others with their results
    assert ends(jobs) == [(State.COMPLETED, b"1"), (State.CANCELLED, None), (State.COMPLETED, b"3")]
    assert held.interrupted == 0


async def test_a_call_that_nobody_wants_is_interrupted(stage: Stage) -> None:
    held = Held(stage, 2)
    ids = [await stage.submit(held.task, n) for n in (1, 2)]
    async with stage.worker(**QUICK):
        await soon(held.began)
        await stage.backend.cancel(ids)
        jobs = await stage.all_ended(ids)
    assert ends(jobs) == [(State.CANCELLED, None)] * 2
    assert held.interrupted == 1


async def test_a_member_that_waits_for_its_call_can_be_cancelled(stage: Stage) -> None:
    # Given one job of a batch that does not fill
    held = Held(stage)
    id = await stage.submit(held.task, 1)
    async with stage.worker(**QUICK):
        await stage.until(id, lambda job: job.state is State.RUNNING)
        # When it is cancelled
        await stage.backend.cancel([id])
        job = await stage.ended(id)
    # Then it ends at once and nobody was called
    assert job.state is State.CANCELLED
    assert not held.began.is_set()


async def test_a_timeout_is_of_the_call(stage: Stage) -> None:
    # Given a task with a timeout, whose call goes on for longer
    held = Held(stage, 2, timeout=0.2)
    ids = [await stage.submit(held.task, n, retry=ONCE) for n in (1, 2)]
    async with stage.worker():
        jobs = await stage.all_ended(ids)
    # Then all its jobs have timed out
    assert held.interrupted == 1
    for job in jobs:
        assert (job.state, job.error and job.error.type) == (State.FAILED, "abaca.JobTimeout")
        assert job.error is not None
        assert "0.2 s" in job.error.message


async def test_waiting_for_a_batch_to_fill_uses_up_no_time(stage: Stage) -> None:
    # Given a timeout that is shorter than a batch lingers
    @stage.task(batch=5, linger="2s", timeout=1.0)
    async def quick(ns: list[int]) -> list[int]:
        return ns

    async with stage.worker():
        (job,) = await stage.all_ended([await stage.submit(quick, 1)])
    assert (job.state, job.attempts) == (State.COMPLETED, 1)


async def test_a_drain_begins_what_lingers_and_waits_for_it(stage: Stage) -> None:
    calls: list[list[int]] = []
    double = counting(stage, calls, linger=LONG)
    id = await stage.submit(double, 1)
    worker = stage.worker()
    await worker.start()
    await stage.until(id, lambda job: job.state is State.RUNNING)
    # When the worker is stopped
    assert await worker.stop()
    # Then the job has run
    assert ((await stage.get(id)).state, calls) == (State.COMPLETED, [[1]])


async def test_a_drain_that_is_over_gives_the_members_back_uncharged(stage: Stage) -> None:
    held = Held(stage, 2)
    ids = [await stage.submit(held.task, n) for n in (1, 2)]
    worker = stage.worker()
    await worker.start()
    await soon(held.began)
    await worker.stop(0)
    for id in ids:
        job = await stage.get(id)
        assert (job.state, job.attempts, job.losses) == (State.WAITING, 0, 0)
    assert held.interrupted == 1


async def test_a_snooze_of_the_call_puts_all_off(stage: Stage) -> None:
    @stage.task(batch=2, linger=LONG)
    async def later(ns: list[int]) -> None:
        raise Snooze(600)

    ids = [await stage.submit(later, n) for n in (1, 2)]
    async with stage.worker():
        jobs = [await stage.until(id, lambda job: job.state is State.WAITING and job.epoch == 1) for id in ids]
    assert {job.attempts for job in jobs} == {0}


async def test_middleware_is_around_each_job(stage: Stage) -> None:
    # Given a middleware that notes the jobs
    seen: list[str] = []

    async def note(job: Job, call_next: CallNext) -> Outcome | None:
        seen.append(job.id)
        return await call_next(job)

    calls: list[list[int]] = []
    double = counting(stage, calls, linger=LONG)
    ids = [await stage.submit(double, n) for n in (1, 2, 3)]
    async with stage.worker(middleware=[note]):
        jobs = await stage.all_ended(ids)
    assert sorted(seen) == sorted(ids)
    assert [job.result for job in jobs] == [b"2", b"4", b"6"]
    assert len(calls) == 1


async def test_a_worker_announces_the_slots_of_its_batches(stage: Stage) -> None:
    @stage.task(batch=50, parallel=2)
    async def index(docs: list[str]) -> None: ...

    async with stage.worker() as worker:
        slots = worker.card().slots
    assert (index.options.lane, slots["batch:index"]) == ("batch:index", 100)


async def test_a_job_in_another_lane_is_batched_all_the_same(stage: Stage) -> None:
    # Given a job that was enqueued before its task took batches
    calls: list[list[int]] = []
    double = counting(stage, calls, linger="10ms")
    id = await stage.submit(double, 1, lane="async")
    async with stage.worker():
        job = await stage.ended(id)
    assert (job.state, calls) == (State.COMPLETED, [[1]])


def test_contexts_are_told_apart(stage: Stage) -> None:
    with pytest.raises(TypeError, match="exactly BatchCtx"):

        @stage.task(batch=2)  # type: ignore[arg-type]
        async def one(ctx: Ctx, ns: list[int]) -> None: ...

    with pytest.raises(TypeError, match="exactly Ctx"):

        @stage.task
        async def two(ctx: BatchCtx, ns: list[int]) -> None: ...
