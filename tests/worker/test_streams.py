"""Generator jobs and emitted items, from the handler to the readers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from abaca import Ctx, JobCancelled, JobFailed, StreamHandle, TaskDeclarationError
from abaca.backend import Backend
from abaca.backends.memory import MemoryBackend
from abaca.emitting import MOST_AHEAD
from abaca.model import Job, Kind, Lease, NewUpdate, Settle, State, Transition, Verdict
from abaca.policy.decide import Memo
from abaca.testing import FailingBackend
from tests.worker import handlers
from tests.worker.harness import ONCE, PATIENCE, TWICE, Stage, soon, until


@dataclass
class Row:
    n: int
    name: str


async def offsets(stage: Stage, id: str) -> list[int]:
    entries = (await stage.backend.updates(id, 0, 100_000)).entries
    return [entry.value["offset"] for entry in entries if entry.kind is Kind.ITEM]


async def test_what_a_generator_yields_is_read_as_its_type(stage: Stage) -> None:
    # Given a generator of rows
    @stage.task
    async def rows(count: int) -> AsyncIterator[Row]:
        for n in range(count):
            yield Row(n, f"row {n}")

    # When its job runs
    async with stage.worker():
        job = await rows.enqueue(3)
        read = [row async for row in job.items()]
        result = await job.result(timeout=PATIENCE)

    # Then a reader has the rows, and the result is their number
    assert read == [Row(0, "row 0"), Row(1, "row 1"), Row(2, "row 2")]
    assert result == 3


async def test_a_retried_generator_goes_on_where_the_store_is(stage: Stage) -> None:
    # Given a plain generator that fails half way, first of all, and an async one
    starts: list[int] = []

    @stage.task
    def plain(ctx: Ctx) -> Iterator[int]:
        starts.append(ctx.resume_from)
        for n in range(ctx.resume_from, 250):
            if ctx.attempt == 1 and n == 120:
                raise OSError
            yield n

    # When it is retried, with a reader there all the time
    async with stage.worker():
        id = await stage.submit(plain, retry=TWICE)
        read = [n async for n in plain.job(id).items()]
        job = await stage.ended(id)

    # Then it went on with the item that the store lacked, and each was read once
    assert starts == [0, 120]
    assert read == list(range(250))
    assert await offsets(stage, id) == list(range(250))
    assert job.result == b"250"


@pytest.mark.parametrize(("name", "quarantined"), [("counting", False), ("counting", True), ("counting_async", True)])
async def test_a_generator_runs_in_a_child_process(stage: Stage, tmp_path: Path, name: str, quarantined: bool) -> None:
    # Given a generator that fails half way in its first attempt, of a process or under quarantine
    path = tmp_path / "starts"
    task = handlers.app.tasks[name]
    job = stage.job(task, str(path), 500, retry=TWICE)
    await stage.backend.insert([job])
    if quarantined:
        taken = await stage.take(lane=job.lane)
        to = Transition(
            target=State.WAITING, attempts=0, delay_ms=0, memo=msgspec.msgpack.encode(Memo(quarantined=True))
        )
        await stage.backend.exchange([Settle(id=job.id, epoch=taken.epoch, to=to)], None, Lease(worker="x", ms=1000))

    # When it ends
    async with stage.worker():
        ended = await stage.ended(job.id)

    # Then all items are there once, in two runs
    assert (ended.state, ended.result) == (State.COMPLETED, b"500")
    assert await offsets(stage, job.id) == list(range(500))
    assert handlers.lines(path) == ["0", "250"]


class Counting(FailingBackend):
    """Holds appends back until it is told, and notes how many entries each has."""

    def __init__(self, inner: Backend) -> None:
        super().__init__(inner)
        self.go = asyncio.Event()
        self.sizes: list[int] = []

    async def append(self, updates: Any) -> list[Verdict]:
        await self.go.wait()
        self.sizes.append(len(updates))
        return await super().append(updates)


@pytest.mark.parametrize("pool", ["async", "thread"])
async def test_a_generator_is_never_far_ahead_of_the_store(pool: str) -> None:
    # Given a store that does not answer yet, and an endless generator
    backend = Counting(MemoryBackend())
    stage = Stage(backend)
    made: list[int] = []
    full = asyncio.Event()
    loop = asyncio.get_running_loop()

    def one(n: int) -> int:
        made.append(n)
        if n == MOST_AHEAD:
            loop.call_soon_threadsafe(full.set)
        return n

    @stage.task
    async def coroutine() -> AsyncIterator[int]:
        for n in range(1000):
            yield one(n)

    @stage.task
    def thread() -> Iterator[int]:
        for n in range(1000):
            yield one(n)

    # When it runs
    async with stage.worker():
        id = await stage.submit(coroutine if pool == "async" else thread)
        await soon(full)
        ahead = len(made)
        backend.go.set()
        await stage.ended(id)

    # Then it stopped at the bound, and the items travelled many at a time
    assert ahead == MOST_AHEAD + 1
    assert await offsets(stage, id) == list(range(1000))
    assert len(backend.sizes) <= 200


async def test_readers_begin_anywhere_and_come_back(stage: Stage) -> None:
    # Given a long stream with log lines and steps between its items
    @stage.task
    async def mixed(ctx: Ctx) -> AsyncIterator[int]:
        for n in range(700):
            if n % 3 == 0:
                ctx.log.info("line", n=n)
            if n % 50 == 0:
                await ctx.step(("step", n), int, n)
            yield n

    async with stage.worker():
        job = await mixed.enqueue()
        assert await job.result(timeout=PATIENCE) == 700

    # When readers begin at any offset
    for after in (0, 1, 99, 100, 101, 350, 699):
        read = [n async for n in job.items(after)]
        # Then each has the rest
        assert read == list(range(after, 700))
    assert [n async for n in job.items(700)] == []


async def test_a_reader_that_leaves_goes_on_later(stage: Stage) -> None:
    # Given a generator that waits after each ten items
    gates = [asyncio.Event() for _ in range(3)]

    @stage.task
    async def slow() -> AsyncIterator[int]:
        for n in range(30):
            if n % 10 == 0:
                await gates[n // 10].wait()
            yield n

    async with stage.worker():
        job = await slow.enqueue()
        seen: list[int] = []

        # When a reader comes for ten items at a time
        for gate in gates:
            gate.set()
            async for n in job.items(after=len(seen)):
                seen.append(n)
                if len(seen) % 10 == 0 and len(seen) < 30:
                    break

    # Then it has each item once
    assert seen == list(range(30))


async def test_an_ordinary_handler_emits_items(stage: Stage) -> None:
    # Given handlers in both pools that emit, fail, and emit what is missing
    @stage.task
    async def coroutine(ctx: Ctx) -> str:
        for n in range(await ctx.recall(), 5):
            if ctx.attempt == 1 and n == 2:
                raise OSError
            assert await ctx.emit({"n": n}) == n
        return "done"

    @stage.task
    def thread(ctx: Ctx) -> str:
        for n in range(ctx.recall_sync(), 5):
            if ctx.attempt == 1 and n == 2:
                raise OSError
            assert ctx.emit_sync({"n": n}) == n
        return "done"

    async with stage.worker():
        for task in (coroutine, thread):
            # When they run
            job = stage.app.job(await stage.submit(task, retry=TWICE))
            read = [item async for item in job.items()]
            # Then the items are there, and the result is the handler's own
            assert read == [{"n": n} for n in range(5)]
            assert await job.result(timeout=PATIENCE) == "done"


async def test_a_reader_hears_how_the_job_ended_after_its_last_item(stage: Stage) -> None:
    # Given a generator that fails, and one that is cancelled
    begun = asyncio.Event()

    @stage.task
    async def failing() -> AsyncIterator[int]:
        yield 1
        raise ValueError("enough")

    @stage.task
    async def endless() -> AsyncIterator[int]:
        yield 1
        begun.set()
        await asyncio.Event().wait()

    async with stage.worker(lease=3.0, beat=0.05):
        for task, error in ((failing, JobFailed), (endless, JobCancelled)):
            job = task.job(await stage.submit(task, retry=ONCE))
            seen: list[int] = []

            async def read(job: StreamHandle[int] = job, seen: list[int] = seen, stops: bool = task is endless) -> None:
                async for n in job.items():
                    seen.append(n)
                    if stops:
                        await soon(begun)
                        await job.cancel()

            # When they are read
            with pytest.raises(error):
                await read()
            # Then the item came first
            assert seen == [1]


async def test_an_item_that_cannot_be_stored_fails_the_job_at_once(stage: Stage) -> None:
    # Given generators that yield what is too large, and what is of another type
    @stage.app.task(max_payload=100)
    async def large() -> AsyncIterator[str]:
        yield "small"
        yield "x" * 200

    @stage.task
    async def wrong() -> AsyncIterator[int]:
        yield 1
        yield "two"  # type: ignore[misc]

    # When they run
    async with stage.worker():
        jobs = await stage.all_ended([await stage.submit(task, retry=TWICE) for task in (large, wrong)])

    # Then the jobs failed in their first run, with what came before in the store
    assert [job.error.type for job in jobs if job.error] == ["abaca.errors.PayloadTooLarge", "abaca.errors.ResultError"]
    assert [job.attempts for job in jobs] == [1, 1]
    assert [await offsets(stage, job.id) for job in jobs] == [[0], [0]]


async def test_a_lost_run_adds_nothing_to_the_stream(stage: Stage) -> None:
    # Given a generator whose job another worker has taken in the middle, and which yields on
    gate, closed = threading.Event(), threading.Event()

    @stage.task
    def stream(ctx: Ctx) -> Iterator[int]:
        try:
            yield from range(10)
            begun.set()
            gate.wait(PATIENCE)
            yield from range(10, 1000)
        finally:
            closed.set()

    begun = threading.Event()
    async with stage.worker() as worker:
        id = await stage.submit(stream)
        await asyncio.to_thread(begun.wait, PATIENCE)

        async def ten() -> bool:
            return len(await offsets(stage, id)) == 10

        await until(ten, "ten items are stored")
        job = await taken_over(stage, id)
        more = NewUpdate(id=id, epoch=job.epoch, seq=1, kind=Kind.ITEM, data=b'{"offset":10,"item":10}')
        await stage.backend.append([more])

        # When it goes on
        gate.set()
        await until(lambda: worker.stats().running == 0, "the lost run is over")

        # Then its generator was closed, and the stream is the newer run's
        assert closed.is_set()
        assert await offsets(stage, id) == list(range(11))


async def taken_over(stage: Stage, id: str) -> Job:
    """The job, claimed by another worker while this one believes that it has it."""
    before = await stage.get(id)
    back = Transition(target=State.WAITING, attempts=0, delay_ms=0)
    want = await stage.backend.exchange(
        [Settle(id=id, epoch=before.epoch, to=back)], None, Lease(worker="other", ms=60_000)
    )
    assert want.verdicts == [Verdict.APPLIED]
    return await stage.take(lane="thread")


async def test_replies_that_are_lost_double_no_item() -> None:
    # Given a store that loses answers before and after it has written
    backend = FailingBackend(MemoryBackend())
    stage = Stage(backend)
    backend.lose("reply", "append", times=2)
    backend.lose("request", "append", times=2)

    @stage.task
    def stream() -> Iterator[int]:
        yield from range(300)

    # When a stream is stored
    async with stage.worker():
        id = await stage.submit(stream)
        await stage.ended(id, 60)

    # Then each item is there once
    assert await offsets(stage, id) == list(range(300))


async def test_a_store_that_refuses_an_item_fails_the_run_and_leaves_no_hole() -> None:
    # Given a store that refuses the third append for what is in it
    class Refusing(FailingBackend):
        async def append(self, updates: Any) -> list[Verdict]:
            if any(update.data.endswith(b'"bad"}') for update in updates):
                raise ValueError("no")
            return await super().append(updates)

    stage = Stage(Refusing(MemoryBackend()))

    @stage.task
    async def stream() -> AsyncIterator[str]:
        for word in ("good", "bad", "more"):
            yield word
            await asyncio.sleep(0.05)  # sleeps: each item travels alone

    # When the stream ends
    async with stage.worker():
        job = await stage.ended(await stage.submit(stream, retry=ONCE))

    # Then the job did not complete, and what is stored is its beginning
    assert job.state is State.FAILED
    assert await offsets(stage, job.id) == [0]


async def test_a_stream_is_read_in_a_program_without_a_loop(stage: Stage) -> None:
    # Given a stream that has ended
    @stage.task
    def numbers() -> Iterator[int]:
        yield from range(250)

    async with stage.worker():
        job = await numbers.enqueue()
        await job.result(timeout=PATIENCE)

    # When a thread reads it
    read = await asyncio.to_thread(lambda: list(job.items_sync(after=5)))

    # Then it has the items
    assert read == list(range(5, 250))


def test_a_generator_stays_a_generator_for_its_callers(stage: Stage) -> None:
    @stage.task
    def numbers(n: int) -> Iterator[int]:
        yield from range(n)

    assert list(numbers(3)) == [0, 1, 2]
    assert numbers.opts(priority=3).job("0" * 32).id == "0" * 32


def test_a_generator_must_say_what_it_yields(stage: Stage) -> None:
    def untyped(n: int):  # type: ignore[no-untyped-def]
        yield n

    with pytest.raises(TaskDeclarationError, match=r"-> Iterator\[Item\]"):
        stage.app.task(untyped)
