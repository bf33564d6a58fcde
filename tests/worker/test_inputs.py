"""Results of parents become arguments, in every pool; what cannot run is ended without its handler being called."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from abaca.backends.memory import MemoryBackend
from abaca.clock import ManualClock
from abaca.codec import new_id
from abaca.model import After, Change, Job, NewJob, State, When
from abaca.policy.builtin import JOIN
from abaca.policy.decide import PARENTS_UNMET
from abaca.testing import FailingBackend
from abaca.worker import inputs
from tests.worker import handlers
from tests.worker.harness import ONCE, Stage, soon, until
from tests.worker.test_processes import quarantine


async def completed(stage: Stage, result: bytes = b"7", **fields: Any) -> str:
    """The id of a job that has completed with this result."""
    id = await stage.submit("parent", **fields)
    await stage.complete(await stage.take(), result)
    return id


def behind(*ids: str, into: str | None = "a", when: When = When.COMPLETED, many: bool = False) -> tuple[After, ...]:
    return (After(ids=ids, into=into, when=when, many=many),)


def numbers(stage: Stage, pool: Any = None) -> Any:
    """A task that adds up what it gets."""
    if pool == "async":

        @stage.task
        async def add_up(a: int, b: int) -> int:
            return a + b

        return add_up
    if pool == "thread":

        @stage.task(name="add_up")
        def add_up_in_a_thread(a: int, b: int) -> int:
            return a + b

        return add_up_in_a_thread
    return handlers.add


def call(stage: Stage, task: Any, args: bytes, **fields: Any) -> NewJob:
    return NewJob(id=new_id(), task=task.name, lane=task.pool, args=args, retry=ONCE, **fields)


@pytest.mark.parametrize("pool", ["async", "thread", "process"])
async def test_a_result_becomes_an_argument_in_every_pool(stage: Stage, pool: str) -> None:
    # Given a job that takes its parent's result
    job = call(stage, numbers(stage, pool), b'{"b":1}', after=behind(await completed(stage)))
    await stage.backend.insert([job])
    # When a worker runs it
    async with stage.worker():
        ended = await stage.ended(job.id)
    # Then it got both arguments, and its record keeps those it was enqueued with
    assert (ended.state, ended.result) == (State.COMPLETED, b"8")
    assert ended.spec.args == b'{"b":1}'


async def test_a_result_becomes_an_argument_in_quarantine(stage: Stage) -> None:
    # Given a suspect that takes its parent's result
    parent = await completed(stage)
    job = call(stage, handlers.add_in_a_thread, b'{"b":1}', after=behind(parent))
    await stage.backend.insert([job])
    await quarantine(stage, await stage.take(lane="thread"))
    # When a worker runs it in a process of its own
    async with stage.worker():
        ended = await stage.ended(job.id)
    # Then it got both arguments
    assert (ended.state, ended.result) == (State.COMPLETED, b"8")


async def test_a_list_has_all_results_in_order_with_null_for_what_did_not_complete(stage: Stage) -> None:
    # Given a failed parent among completed ones, more than one read takes, and a job that tolerates that
    ids = [await completed(stage, b'"%d"' % n) for n in range(40)]
    failed = await stage.submit("parent")
    await stage.fail(await stage.take())
    seen: list[Any] = []

    @stage.task
    async def collect(a: list[str | None]) -> None:
        seen.extend(a)

    job = call(stage, collect, b"{}", after=behind(*ids, failed, many=True, when=When.ENDED))
    await stage.backend.insert([job])
    # When a worker runs it
    async with stage.worker():
        await stage.ended(job.id)
    # Then it got the list
    assert seen == [*map(str, range(40)), None]


async def test_a_job_whose_parents_ended_wrongly_is_not_run_and_its_children_hear_of_it(stage: Stage) -> None:
    # Given a chain of two behind a parent that failed, and one that makes good
    ran: list[str] = []

    @stage.task
    async def note(a: str = "") -> None:
        ran.append(a)

    parent = await stage.submit("parent")
    child = call(stage, note, b'{"a":"child"}', after=behind(parent, into=None))
    grandchild = call(stage, note, b'{"a":"grandchild"}', after=behind(child.id, into=None))
    mend = call(stage, note, b'{"a":"mend"}', after=behind(parent, into=None, when=When.FAILED))
    await stage.backend.insert([child, grandchild, mend])
    await stage.fail(await stage.take())
    # When a worker comes to them
    async with stage.worker():
        first, second, third = await stage.all_ended([child.id, grandchild.id, mend.id])
    # Then the chain ends as cancelled without being called, with the reason, and the compensation ran
    assert [job.state for job in (first, second, third)] == [State.CANCELLED, State.CANCELLED, State.COMPLETED]
    assert [job.attempts for job in (first, second)] == [0, 0]
    assert {job.error.type for job in (first, second) if job.error} == {PARENTS_UNMET}
    assert ran == ["mend"]


async def test_a_job_that_expired_before_its_first_claim_is_not_run() -> None:
    # Given two jobs that expire, of which one has begun in time and came back
    clock = ManualClock()
    stage = Stage(MemoryBackend(clock))
    ran: list[int] = []

    @stage.task
    async def note(n: int) -> None:
        ran.append(n)

    begun = await stage.submit(note, 1, expires_ms=60_000)
    await stage.release(await stage.take())
    late = await stage.submit(note, 2, expires_ms=60_000)
    clock.advance(61)
    # When a worker comes to them
    async with stage.worker():
        first, second = await stage.all_ended([begun, late])
    # Then only the one that had begun ran
    assert (first.state, second.state, ran) == (State.COMPLETED, State.CANCELLED, [1])
    assert second.error is not None
    assert second.error.type == "abaca.JobExpired"


async def forget(stage: Stage, id: str) -> None:
    await stage.backend.amend([Change(id=id, drop_result=True)])


async def delete(stage: Stage, id: str) -> None:
    await stage.backend.amend([Change(id=id, delete=True)])


@pytest.mark.parametrize(("lose", "words"), [(forget, "no longer kept"), (delete, "was deleted")])
async def test_a_parent_whose_result_is_gone_fails_the_job_at_once(stage: Stage, lose: Any, words: str) -> None:
    # Given a job whose parent has lost its result since
    parent = await completed(stage)
    job = call(stage, numbers(stage, "async"), b'{"b":1}', after=behind(parent))
    await stage.backend.insert([job])
    await lose(stage, parent)
    # When a worker comes to it
    async with stage.worker():
        ended = await stage.ended(job.id)
    # Then it has failed, without retry, and says which
    assert ended.state is State.FAILED
    assert ended.error is not None
    assert ended.error.type == "abaca.ParentResultGone"
    assert parent in ended.error.message
    assert words in ended.error.message


async def test_results_that_are_too_large_together_fail_the_job(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "MOST_BYTES", 100)
    ids = [await completed(stage, b'"%s"' % (b"x" * 60)) for _ in range(2)]

    @stage.task
    async def collect(a: list[str]) -> None: ...

    job = call(stage, collect, b"{}", after=behind(*ids, many=True))
    await stage.backend.insert([job])
    async with stage.worker():
        ended = await stage.ended(job.id)
    assert ended.state is State.FAILED
    assert ended.error is not None
    assert ended.error.type == "abaca.PayloadTooLarge"


async def test_a_result_of_another_type_fails_the_job_at_once(stage: Stage) -> None:
    job = call(stage, numbers(stage, "async"), b'{"b":1}', after=behind(await completed(stage, b'"seven"')))
    await stage.backend.insert([job])
    async with stage.worker():
        ended = await stage.ended(job.id)
    assert ended.state is State.FAILED
    assert ended.error is not None
    assert "argument 'a'" in ended.error.message


async def test_a_store_that_is_away_while_results_are_read_loses_no_job() -> None:
    # Given a store that refuses the first reads
    store = FailingBackend(MemoryBackend())
    stage = Stage(store)
    job = call(stage, numbers(stage, "async"), b'{"b":1}', after=behind(await completed(stage)))
    await stage.backend.insert([job])
    store.lose("request", "get", times=2)
    # When a worker runs it
    async with stage.worker():
        await until(lambda: not store.pending, "the reads were lost")
        ended = await stage.ended(job.id)
    # Then it ran once, uncharged for that
    assert (ended.state, ended.result, ended.attempts, ended.losses) == (State.COMPLETED, b"8", 1, 0)


class Stuck(MemoryBackend):
    """Does not answer reads of results while ``stuck`` is set; ``asked`` tells that one came."""

    def __init__(self) -> None:
        super().__init__()
        self.stuck = False
        self.asked = asyncio.Event()
        self.go = asyncio.Event()

    async def get(self, ids: Sequence[str]) -> list[Job | None]:
        if self.stuck and len(ids) == 1 and ids[0] in self.parents:
            self.asked.set()
            await self.go.wait()
        return await super().get(ids)

    parents: Sequence[str] = ()


async def stuck(options: Any = None) -> tuple[Stage, Stuck, NewJob]:
    store = Stuck()
    stage = Stage(store)
    parent = await completed(stage)
    job = call(stage, numbers(stage, "async"), b'{"b":1}', after=behind(parent), **(options or {}))
    await stage.backend.insert([job])
    store.parents, store.stuck = [parent], True
    return stage, store, job


async def test_a_job_is_cancelled_while_its_results_are_read() -> None:
    # Given a run whose results do not come
    stage, store, job = await stuck()
    async with stage.worker(lease=3.0, beat=0.05):
        await soon(store.asked)
        # When it is cancelled
        await stage.backend.cancel([job.id])
        ended = await stage.ended(job.id)
    # Then it has ended
    assert ended.state is State.CANCELLED


async def test_the_lease_is_kept_while_results_are_read() -> None:
    # Given a run whose results come later than its lease would end
    stage, store, job = await stuck({"lease_ms": 2000})
    async with stage.worker(lease=3.0, beat=0.05):
        await soon(store.asked)
        before = await stage.get(job.id)
        await until(lambda: _renewed(stage, before), "the lease was renewed beyond its first end")
        # When they come
        store.go.set()
        ended = await stage.ended(job.id)
    # Then it was one run
    assert (ended.state, ended.epoch) == (State.COMPLETED, 1)


async def _renewed(stage: Stage, before: Job) -> bool:
    now = await stage.get(before.id)
    return now.seen_at > (before.lease_until or 0) and now.state is State.RUNNING


async def test_a_worker_that_stops_gives_a_job_back_whose_results_do_not_come() -> None:
    # Given a run whose results do not come
    stage, store, job = await stuck()
    worker = stage.worker()
    await worker.start()
    await soon(store.asked)
    # When the worker stops
    over = await worker.stop(0)
    # Then the job waits, uncharged
    waiting = await stage.get(job.id)
    assert over
    assert (waiting.state, waiting.attempts, waiting.losses) == (State.WAITING, 0, 0)


async def test_time_for_reading_results_is_not_the_handlers(stage: Stage) -> None:
    # Given a run with a short timeout whose results come late
    stage, store, job = await stuck({"timeout_ms": 1000})
    async with stage.worker():
        await soon(store.asked)
        await until(lambda: _later(stage, job.id, 1_200_000), "more than the timeout has passed")
        # When they come
        store.go.set()
        ended = await stage.ended(job.id)
    # Then it completes in its first run
    assert (ended.state, ended.epoch) == (State.COMPLETED, 1)


async def _later(stage: Stage, id: str, micros: int) -> bool:
    job = await stage.get(id)
    return job.seen_at > (job.claimed_at or job.seen_at) + micros


async def test_a_parent_that_was_requeued_meanwhile_is_waited_for_again() -> None:
    # Given a run whose parent is requeued before its result is read
    stage, store, job = await stuck()
    async with stage.worker():
        await soon(store.asked)
        await stage.backend.requeue([(store.parents[0], 1)])
        store.stuck = False
        store.go.set()
        # When it is read, then the job is put off, uncharged
        put_off = await stage.until(job.id, lambda job: job.state is State.WAITING)
    assert put_off.attempts == 0


async def test_a_join_waits_for_a_member_that_was_requeued_meanwhile() -> None:
    # Given a join whose member is requeued before it is looked at
    store = Stuck()
    stage = Stage(store)
    member = await completed(stage)
    join = NewJob(id=new_id(), task=JOIN, lane="async", after=behind(member, into=None, when=When.ENDED))
    await stage.backend.insert([join])
    store.parents, store.stuck = [member], True
    async with stage.worker():
        await soon(store.asked)
        await stage.backend.requeue([(member, 1)])
        store.stuck = False
        store.go.set()
        # When it is looked at, then it is put off, uncharged
        put_off = await stage.until(join.id, lambda job: job.state is State.WAITING)
    assert put_off.attempts == 0


async def test_a_join_is_known_to_every_worker_and_asks_no_handler(stage: Stage) -> None:
    # Given joins behind a completed and a failed job, and behind nothing
    good = await completed(stage)
    bad = await stage.submit("parent")
    await stage.fail(await stage.take())
    joins = [
        NewJob(id=new_id(), task=JOIN, lane="async", after=behind(*ids, into=None, when=When.ENDED) if ids else ())
        for ids in ([good], [good, bad], [])
    ]
    await stage.backend.insert(joins)
    # When a worker of any application runs them
    async with stage.worker():
        all_good, one_bad, none = await stage.all_ended([job.id for job in joins])
    # Then each says how its members ended
    assert [job.state for job in (all_good, one_bad, none)] == [State.COMPLETED, State.FAILED, State.COMPLETED]
    assert (all_good.result, one_bad.attempts) == (b"null", 1)
    assert one_bad.error is not None
    assert bad in one_bad.error.message


async def test_a_read_that_fails_by_a_bug_puts_the_job_off(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    job = call(stage, numbers(stage, "async"), b'{"b":1}', after=behind(await completed(stage)))
    await stage.backend.insert([job])
    whole = MemoryBackend.get

    async def broken(self: MemoryBackend, ids: Sequence[str]) -> list[Job | None]:
        if ids[0] != job.id:
            raise RuntimeError("a bug in the store")
        return await whole(self, ids)

    monkeypatch.setattr(MemoryBackend, "get", broken)
    async with stage.worker():
        put_off = await stage.until(job.id, lambda job: job.epoch > 0 and job.state is State.WAITING)
    assert put_off.attempts == 0
