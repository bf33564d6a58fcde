"""Durable steps, sleeps and events in a worker, over a store."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from abaca import Ctx, EventTimeout, JobConflict, JobNotFound, Retry
from abaca.backends.memory import MemoryBackend
from abaca.clock import ManualClock
from abaca.model import (
    EVENT,
    Change,
    Job,
    Kind,
    Lease,
    NewUpdate,
    Record,
    Settle,
    State,
    Status,
    Transition,
    Verdict,
    event_id,
)
from abaca.policy.decide import Memo, memo_of
from abaca.testing import FailingBackend
from tests.worker import handlers
from tests.worker.harness import ONCE, PATIENCE, TWICE, Stage, soon, until


def moved() -> tuple[Stage, ManualClock]:
    """A stage whose store has a clock that the test moves."""
    clock = ManualClock()
    return Stage(MemoryBackend(clock)), clock


async def steps_of(stage: Stage, id: str) -> list[Any]:
    return [e.value for e in (await stage.backend.updates(id, 0, 1000)).entries if e.kind is Kind.STEP]


def asleep(job: Job) -> bool:
    return job.state is State.WAITING and job.epoch > 0


@dataclass
class Receipt:
    id: str
    cents: int


async def test_a_step_is_not_called_again_by_a_later_run(stage: Stage) -> None:
    # Given a handler that fails after its first step, in its first run
    calls: list[str] = []
    seen: list[Receipt] = []

    async def charge(who: str, cents: int = 5) -> Receipt:
        calls.append(who)
        return Receipt(f"r-{who}", cents)

    @stage.task
    async def buy(ctx: Ctx) -> str:
        receipt = await ctx.step("charge", charge, "ann", cents=7)
        seen.append(receipt)
        if ctx.attempt == 1:
            raise OSError("later")
        return receipt.id

    # When it runs to its end
    async with stage.worker():
        job = await stage.ended(await stage.submit(buy, retry=TWICE))

    # Then the step was called once, and both runs had the same value of its type
    assert (job.state, job.result) == (State.COMPLETED, b'"r-ann"')
    assert calls == ["ann"]
    assert seen == [Receipt("r-ann", 7), Receipt("r-ann", 7)]


async def test_a_sync_step_in_a_thread_is_kept_and_a_plain_one_in_a_coroutine(stage: Stage) -> None:
    # Given handlers in both pools with a plain function as their step
    calls: list[str] = []

    def add(who: str, n: int) -> int:
        calls.append(who)
        return n + 1

    @stage.task
    def threaded(ctx: Ctx) -> int:
        n = ctx.step_sync(("add", 1), add, "thread", 1)
        if ctx.attempt == 1:
            raise OSError
        return n + ctx.step_sync(("add", 2), add, "thread", 10)

    @stage.task
    async def coroutine(ctx: Ctx) -> int:
        n = await ctx.step("add", add, "coroutine", 1)
        if ctx.attempt == 1:
            raise OSError
        return n

    # When both run twice
    async with stage.worker():
        ids = [await stage.submit(task, retry=TWICE) for task in (threaded, coroutine)]
        jobs = await stage.all_ended(ids)

    # Then each step was called once
    assert [job.result for job in jobs] == [b"13", b"2"]
    assert sorted(calls) == ["coroutine", "thread", "thread"]


@pytest.mark.parametrize(("name", "quarantined"), [("stepping", False), ("stepping", True), ("stepping_async", True)])
async def test_steps_work_in_a_child_process(stage: Stage, tmp_path: Path, name: str, quarantined: bool) -> None:
    # Given a handler with two steps, of its own process or under quarantine, that fails between them once
    path = tmp_path / "effects"
    job = stage.job(handlers.app.tasks[name], str(path), retry=TWICE)
    await stage.backend.insert([job])
    if quarantined:
        taken = await stage.take(lane=job.lane)
        to = Transition(
            target=State.WAITING, attempts=0, delay_ms=0, memo=msgspec.msgpack.encode(Memo(quarantined=True))
        )
        await stage.backend.exchange([Settle(id=job.id, epoch=taken.epoch, to=to)], None, Lease(worker="x", ms=1000))

    # When it has run twice
    async with stage.worker():
        ended = await stage.ended(job.id)

    # Then each step had its effect once
    assert ended.state is State.COMPLETED
    effects = handlers.lines(path)
    assert [line.partition(":")[0] for line in effects] == ["first", "second"]
    if quarantined and name == "stepping_async":
        assert effects[1] != f"second:{os.getpid()}"


async def test_a_failed_step_is_tried_again_inside_the_run(stage: Stage) -> None:
    # Given a step that fails twice with an error its rule covers, and one that its rule does not cover
    tries: list[str] = []

    def flaky() -> int:
        tries.append("flaky")
        if len(tries) < 3:
            raise OSError("no")
        return 1

    def wrong() -> int:
        tries.append("wrong")
        raise ValueError("never")

    @stage.task
    async def work(ctx: Ctx) -> int:
        some = ctx.opts(retry=Retry(max_attempts=3, backoff="none", on=(OSError,)))
        got = await some.step("flaky", flaky)
        with pytest.raises(ValueError, match="never"):
            await some.step("wrong", wrong)
        return got

    # When the job runs
    async with stage.worker():
        job = await stage.ended(await stage.submit(work, retry=ONCE))

    # Then it took one charged run
    assert (job.state, job.result, job.attempts) == (State.COMPLETED, b"1", 1)
    assert tries == ["flaky", "flaky", "flaky", "wrong"]


async def test_a_name_that_comes_twice_in_a_run_is_refused(stage: Stage) -> None:
    # Given a loop that gives all its steps one name
    @stage.task
    async def work(ctx: Ctx) -> int:
        for n in range(3):
            await ctx.step("page", int, n)
        return 1

    # When it runs
    async with stage.worker():
        job = await stage.ended(await stage.submit(work, retry=ONCE))

    # Then it fails and is told how to name them
    assert job.error is not None
    assert job.error.type == "abaca.errors.DuplicateStep"
    assert "('page', 1)" in job.error.message


async def test_a_step_whose_result_cannot_be_stored_fails_the_job_at_once(stage: Stage) -> None:
    # Given a step that has an effect and a result without JSON form, or one that is too large
    calls: list[str] = []

    def odd() -> object:
        calls.append("odd")
        return object()

    def large() -> str:
        calls.append("large")
        return "x" * 2_000_000

    @stage.task
    async def work(ctx: Ctx, fn: str) -> None:
        await ctx.step("step", odd if fn == "odd" else large)

    # When jobs with retries run them
    async with stage.worker():
        jobs = await stage.all_ended([await stage.submit(work, fn, retry=TWICE) for fn in ("odd", "large")])

    # Then each failed in its first run: another would only repeat the effect
    assert [job.state for job in jobs] == [State.FAILED] * 2
    assert sorted(calls) == ["large", "odd"]
    assert [job.error.type for job in jobs if job.error] == ["abaca.errors.ResultError", "abaca.errors.PayloadTooLarge"]


async def test_the_store_has_a_step_before_the_handler_goes_on(stage: Stage) -> None:
    # Given a handler that looks into the log after its step
    @stage.task
    async def work(ctx: Ctx) -> int:
        await ctx.step("one", int, 5)
        return len(await steps_of(stage, ctx.job_id))

    # When it runs
    async with stage.worker():
        job = await stage.ended(await stage.submit(work))

    # Then the step was there
    assert job.result == b"1"
    assert await steps_of(stage, job.id) == [{"name": "one", "what": "step", "value": 5}]


async def test_a_stale_run_stores_no_step_and_ends_at_once() -> None:
    # Given a run whose lease another worker has taken while it was in a step
    stage, clock = moved()
    begun, go = asyncio.Event(), asyncio.Event()
    after: list[str] = []

    async def slow() -> str:
        begun.set()
        await go.wait()
        return "slow"

    @stage.task
    async def work(ctx: Ctx) -> str:
        await ctx.step("slow", slow)
        after.append("first")
        await ctx.step("next", str)
        return "stale"

    async with stage.worker() as worker:
        id = await stage.submit(work)
        await soon(begun)
        clock.advance(100)
        job = (await stage.backend.reclaim(1, Lease(worker="other", ms=60_000)))[0]

        # When the step ends
        go.set()
        await until(lambda: worker.stats().running == 0, "the stale run is over")

        # Then nothing of it is stored, and the handler did not go on
        assert after == []
        assert await steps_of(stage, id) == []
        assert (await stage.get(id)).epoch == job.epoch
        assert (await stage.complete(job, b"1")) is Verdict.APPLIED


@pytest.mark.parametrize("pool", ["async", "thread"])
async def test_a_stale_run_hears_nothing_of_the_newer_run(pool: str) -> None:
    # Given a retried run that begins its first step after its job was taken by another worker
    stage, clock = moved()
    called: list[str] = []
    begun, go = threading.Event(), threading.Event()

    def gate() -> None:
        begun.set()
        go.wait(PATIENCE)

    @stage.task
    async def coroutine(ctx: Ctx) -> None:
        if ctx.fence > 1:
            await asyncio.to_thread(gate)
        else:
            raise OSError
        await ctx.step("one", called.append, "stale")

    @stage.task
    def thread(ctx: Ctx) -> None:
        if ctx.fence > 1:
            gate()
        else:
            raise OSError
        ctx.step_sync("one", called.append, "stale")

    async with stage.worker() as worker:
        id = await stage.submit(coroutine if pool == "async" else thread, retry=TWICE)
        await asyncio.to_thread(begun.wait, PATIENCE)
        clock.advance(100)
        job = (await stage.backend.reclaim(1, Lease(worker="other", ms=60_000)))[0]
        step = NewUpdate(id=id, epoch=job.epoch, seq=1, kind=Kind.STEP, data=b'{"name":"one","what":"step","value":9}')
        await stage.backend.append([step])

        # When it begins the step
        go.set()
        await until(lambda: worker.stats().running == 0, "the stale run is over")

        # Then its function was not called
        assert called == []


async def test_a_sleep_gives_the_slot_back_and_ends_by_the_stores_clock() -> None:
    # Given a worker with one slot, and a handler that sleeps for three days after a step
    stage, clock = moved()
    calls: list[str] = []

    @stage.task
    async def remind(ctx: Ctx) -> int:
        calls.append("run")
        await ctx.step("before", calls.append, "step")
        await ctx.sleep("3d")
        return ctx.attempt

    @stage.task
    async def other() -> int:
        return 1

    async with stage.worker(concurrency=1):
        id = await stage.submit(remind)
        job = await stage.until(id, asleep)

        # When another job comes, and half of the time passes with somebody who makes the job due too early
        assert (await stage.ended(await stage.submit(other))).result == b"1"
        clock.advance(86_400)
        await stage.backend.amend([Change(id=id, delay_ms=0)])
        early = await stage.until(id, lambda job: asleep(job) and job.epoch == 2)
        clock.advance(2 * 86_400 + 60)
        ended = await stage.ended(id)

    # Then the other one had the slot, and the sleep took its time, in no charged run but the last
    assert job.status is Status.SCHEDULED
    assert early.due_at - early.seen_at == pytest.approx(2 * 86_400e6, abs=60e6)
    assert (ended.result, ended.attempts, ended.epoch) == (b"1", 1, 3)
    assert calls == ["run", "step", "run", "run"]


async def test_an_event_that_is_there_already_is_taken_at_once(stage: Stage) -> None:
    # Given an event that was sent before the job ran
    @stage.task
    async def work(ctx: Ctx) -> Receipt:
        return await ctx.wait_event("paid", timeout="2d", type=Receipt)

    id = await stage.submit(work)
    assert await stage.app.send_event(id, "paid", Receipt("r", 3))

    # When it runs
    async with stage.worker():
        job = await stage.ended(id)

    # Then it has the value in its first run
    assert (job.result, job.epoch) == (b'{"id":"r","cents":3}', 1)


@pytest.mark.parametrize("pool", ["async", "thread"])
async def test_an_event_makes_the_waiting_job_due_at_once(stage: Stage, pool: str) -> None:
    # Given a job that waits for an event without a slot
    @stage.task
    async def coroutine(ctx: Ctx) -> str:
        return str(await ctx.wait_event("approved"))

    @stage.task
    def thread(ctx: Ctx) -> str:
        return str(ctx.wait_event_sync("approved"))

    async with stage.worker(concurrency=1):
        id = await stage.submit(coroutine if pool == "async" else thread)
        job = await stage.until(id, asleep)
        assert memo_of(job).waits == ("approved",)
        assert 0 < job.due_at - job.seen_at <= 5_000_000

        # When the event is sent, and another value of it
        assert await stage.app.send_event(id, "approved", "by ann")
        due = await stage.get(id)
        handle = stage.app.job(id)
        repeated, second = await handle.send_event("approved", "by ann"), True
        try:
            second = await handle.send_event("approved", "by bob")
        except JobConflict:
            second = False
        ended = await stage.ended(id)

    # Then the job went on with the first value and without delay, and the second sender knows
    assert due.state is not State.WAITING or due.due_at <= due.seen_at
    assert (ended.result, ended.epoch) == (b'"by ann"', 2)
    assert (repeated, second) == (True, False)


async def test_an_event_outlives_its_record(stage: Stage) -> None:
    # Given a run that had its event and failed afterwards, and a record that is gone since
    @stage.task
    async def work(ctx: Ctx) -> str:
        value = await ctx.wait_event("go")
        if ctx.attempt == 1:
            await stage.backend.put([Record(kind=EVENT, id=event_id(ctx.job_id, "go"), data=None, version=1)])
            raise OSError
        return str(value)

    id = await stage.submit(work, retry=TWICE)
    await stage.app.send_event(id, "go", "once")

    # When it runs again
    async with stage.worker():
        job = await stage.ended(id)

    # Then it still has it
    assert job.result == b'"once"'


async def test_an_event_that_does_not_come_times_out_once_and_for_all() -> None:
    # Given a handler that goes another way after two days, and fails there once
    stage, clock = moved()

    @stage.task
    async def work(ctx: Ctx) -> str:
        try:
            return str(await ctx.wait_event("approved", timeout="2d"))
        except EventTimeout:
            if ctx.attempt == 1:
                raise OSError from None
            return "nobody"

    async with stage.worker():
        id = await stage.submit(work, retry=TWICE)
        dues = []
        for _ in range(3):
            epoch = (await stage.until(id, asleep)).epoch
            job = await stage.get(id)
            dues.append((job.due_at - job.seen_at) / 1e6)
            clock.advance(12 * 3600)
            await stage.until(id, lambda job, epoch=epoch: asleep(job) and job.epoch > epoch)  # type: ignore[misc]
        clock.advance(13 * 3600)
        first = await stage.until(id, lambda job: job.attempts > 0)

        # When the event comes after that
        if not first.state.ended:
            await stage.app.send_event(id, "approved", "late")
        job = await stage.ended(id)

    # Then the second run saw the same as the first, and the job had looked ever more seldom
    assert job.result == b'"nobody"'
    assert dues[0] <= 5 < 500 < dues[1] <= 600


async def test_sending_leaves_a_job_alone_that_does_not_wait_for_it(stage: Stage) -> None:
    # Given a job that is to run tomorrow
    @stage.task
    async def work(ctx: Ctx) -> str:
        return str(await ctx.wait_event("go"))

    id = await stage.submit(work, delay_ms=86_400_000)
    before = await stage.get(id)

    # When its event is sent already
    assert await stage.app.send_event(id, "go", 1)

    # Then it stays for tomorrow
    after = await stage.get(id)
    assert (after.due_at, after.revision) == (before.due_at, before.revision)


async def test_an_event_for_nobody_is_refused(stage: Stage) -> None:
    @stage.task
    async def work() -> int:
        return 1

    id = await stage.submit(work)
    async with stage.worker():
        await stage.ended(id)
    with pytest.raises(JobConflict, match="completed"):
        await stage.app.send_event(id, "go")
    with pytest.raises(JobNotFound):
        await stage.app.send_event("0" * 32, "go")


async def test_a_child_process_sleeps_and_waits_for_events(stage: Stage, tmp_path: Path) -> None:
    # Given a handler in a process that sleeps, then waits
    async with stage.worker():
        id = await stage.submit(handlers.sleeping, str(tmp_path / "runs"))
        await stage.until(id, lambda job: asleep(job) and bool(memo_of(job).waits))

        # When its event comes
        await stage.app.send_event(id, "go", "on")
        job = await stage.ended(id)

    # Then it ended with it, in three runs of which one is charged
    assert (job.result, job.attempts, len(handlers.lines(tmp_path / "runs"))) == (b'"on"', 1, 3)


async def test_a_store_that_is_away_holds_up_the_step_and_nothing_is_lost() -> None:
    # Given a store that loses its next answers, before and after it has written
    stage = Stage(FailingBackend(MemoryBackend()))
    calls: list[int] = []

    @stage.task
    async def work(ctx: Ctx) -> int:
        for n in range(4):
            await ctx.step(("n", n), calls.append, n)
        return len(calls)

    assert isinstance(stage.backend, FailingBackend)
    stage.backend.lose("request", "append", times=2)
    stage.backend.lose("reply", "append", times=2)

    # When the job runs
    async with stage.worker():
        job = await stage.ended(await stage.submit(work))

    # Then each step is there once
    assert job.result == b"4"
    assert [step["name"] for step in await steps_of(stage, job.id)] == ["n[0]", "n[1]", "n[2]", "n[3]"]


async def test_what_a_thread_did_is_kept_when_the_run_is_stopped(stage: Stage) -> None:
    # Given a plain function that a coroutine has called as a step, and that works until it is told to stop
    begun = threading.Event()

    def slow(ctx: Ctx) -> str:
        begun.set()
        while not ctx.cancelled:
            time.sleep(0.01)  # sleeps: the flag gives no signal
        return "done"

    @stage.task
    async def work(ctx: Ctx) -> str:
        return await ctx.step("slow", slow, ctx)

    # When the worker stops
    worker = stage.worker(drain=0.1)
    await worker.start()
    id = await stage.submit(work)
    await asyncio.to_thread(begun.wait, PATIENCE)
    await worker.stop()

    # Then the job is given back with its step
    assert (await stage.get(id)).state is State.WAITING
    assert [step["value"] for step in await steps_of(stage, id)] == ["done"]


async def test_a_group_of_waits_is_one_wait(stage: Stage) -> None:
    # Given a handler that waits for two events at a time
    @stage.task
    async def work(ctx: Ctx) -> list[Any]:
        async with asyncio.TaskGroup() as group:
            both = [group.create_task(ctx.wait_event(name)) for name in ("a", "b")]
        return [each.result() for each in both]

    async with stage.worker():
        id = await stage.submit(work)
        await stage.until(id, asleep)

        # When both come
        await stage.app.send_event(id, "a", 1)
        await stage.app.send_event(id, "b", 2)
        job = await stage.ended(id)

    # Then it has both
    assert (job.state, job.result) == (State.COMPLETED, b"[1,2]")


async def test_a_job_without_steps_reads_and_appends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a store that counts, and a handler that takes its context only
    store = FailingBackend(MemoryBackend())
    stage = Stage(store)
    kinds: set[str] = set()
    read = store.read

    async def noted(kind: str, ids: Sequence[str]) -> list[Record | None]:
        kinds.add(kind)
        return await read(kind, ids)

    monkeypatch.setattr(store, "read", noted)

    @stage.task
    async def work(ctx: Ctx) -> int:
        return ctx.attempt

    # When it runs
    async with stage.worker():
        await stage.ended(await stage.submit(work))

    # Then nothing was asked of its log, and no event was looked for
    assert not {"append", "updates"} & set(store.calls)
    assert EVENT not in kinds


async def test_a_step_that_was_given_up_on_is_not_called_again_in_the_same_run(stage: Stage) -> None:
    # Given a plain function that takes longer than its handler waits
    calls: list[str] = []
    go = threading.Event()

    def slow() -> str:
        calls.append("slow")
        go.wait(PATIENCE)
        return "done"

    @stage.task
    async def work(ctx: Ctx) -> str:
        try:
            async with asyncio.timeout(0.05):
                asyncio.get_running_loop().call_later(0.2, go.set)
                await ctx.step("slow", slow)
        except TimeoutError:
            pass
        return await ctx.step("slow", slow)

    # When it asks for the step again
    async with stage.worker():
        job = await stage.ended(await stage.submit(work))

    # Then it has what the function gave in the end
    assert (job.result, calls) == (b'"done"', ["slow"])


async def test_a_waiting_job_finds_an_event_that_nobody_told_it_of() -> None:
    # Given a job that waits, and a sender that died between the record and the nudge
    stage, clock = moved()

    @stage.task
    async def work(ctx: Ctx) -> str:
        return str(await ctx.wait_event("go"))

    async with stage.worker():
        id = await stage.submit(work)
        await stage.until(id, asleep)
        await stage.backend.put([Record(kind=EVENT, id=event_id(id, "go"), data=b'"on"')])

        # When the job looks by itself
        clock.advance(5)
        job = await stage.ended(id)

    # Then it has the event
    assert job.result == b'"on"'


async def test_threads_of_one_handler_share_its_numbers(stage: Stage) -> None:
    # Given a handler that emits and steps from many threads at once
    @stage.task
    def work(ctx: Ctx) -> int:
        with ThreadPoolExecutor(8) as threads:
            found = list(threads.map(ctx.emit_sync, range(400)))
            steps = list(threads.map(lambda n: ctx.step_sync(("step", n), int, n), range(40)))
        assert steps == list(range(40))
        return len(set(found))

    # When it has run
    async with stage.worker():
        job = await stage.ended(await stage.submit(work))

    # Then no two items have one offset
    entries = (await stage.backend.updates(job.id, 0, 1000)).entries
    assert job.result == b"400"
    assert [e.value["offset"] for e in entries if e.kind is Kind.ITEM] == list(range(400))
    assert len(await steps_of(stage, job.id)) == 40
