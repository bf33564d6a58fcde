"""What a worker claims, when, and in which order."""

from __future__ import annotations

import asyncio
import time

from abaca.model import Exchanged, Lease, Settle, State, Want
from tests.worker.harness import Stage, soon, until


async def test_it_claims_no_more_than_it_has_slots(stage: Stage) -> None:
    # Given: five jobs that run until they are let go, and a worker with two slots
    started, go = asyncio.Event(), asyncio.Event()
    running: list[int] = []

    @stage.task
    async def hold(n: int) -> None:
        running.append(n)
        if len(running) == 2:
            started.set()
        await go.wait()

    ids = [await stage.submit(hold, n) for n in range(5)]

    # When: both slots are filled
    async with stage.worker(concurrency=2) as worker:
        await soon(started)
        states = [(await stage.get(id)).state for id in ids]
        stats = worker.stats()
        go.set()
        await stage.all_ended(ids)

    # Then: exactly two were claimed, the rest were left for others
    assert states.count(State.RUNNING) == 2
    assert states.count(State.WAITING) == 3
    assert stats.running == 2


async def test_a_freed_slot_is_filled_at_once_though_other_lanes_stand_idle(stage: Stage) -> None:
    # Given: a backlog far longer than the slots of its lane, while the thread and process lanes are empty
    @stage.task
    async def nap(n: int) -> int:
        await asyncio.sleep(0)
        return n

    ids = [await stage.submit(nap, n) for n in range(30)]

    # When: a worker with two slots works it off
    began = time.monotonic()
    async with stage.worker(concurrency=2):
        await stage.all_ended(ids)

    # Then: 15 rounds took nothing like the five seconds that an idle claim is held open
    assert time.monotonic() - began < 15


async def test_a_full_lane_does_not_hold_up_another(stage: Stage) -> None:
    # Given: the only thread is taken
    busy, go = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    @stage.task(pool="thread")
    def block() -> None:
        loop.call_soon_threadsafe(busy.set)
        asyncio.run_coroutine_threadsafe(go.wait(), loop).result()

    @stage.task
    async def quick() -> int:
        return 1

    blocked = [await stage.submit(block) for _ in range(3)]
    async with stage.worker(concurrency=1):
        await soon(busy)

        # When: a job of another lane comes, behind two that wait for the thread
        job = await stage.ended(await stage.submit(quick))
        go.set()
        await stage.all_ended(blocked)

    # Then: it ran
    assert job.state is State.COMPLETED


async def test_higher_priority_runs_first_and_zero_last(stage: Stage) -> None:
    # Given: jobs of mixed priority, inserted before the worker starts
    order: list[int] = []

    @stage.task
    async def note(priority: int) -> None:
        order.append(priority)

    ids = [await stage.submit(note, p, priority=p) for p in (0, 50, 100, 25, 75, 50)]

    # When: one slot runs them all
    async with stage.worker(concurrency=1):
        await stage.all_ended(ids)

    # Then: by priority, and the lowest still ran
    assert order == [100, 75, 50, 50, 25, 0]


async def test_a_late_urgent_job_overtakes_the_backlog(stage: Stage) -> None:
    # Given: a backlog of normal jobs, of which the first runs
    order: list[str] = []
    first, go = asyncio.Event(), asyncio.Event()

    @stage.task
    async def note(name: str) -> None:
        order.append(name)
        first.set()
        await go.wait()

    ids = [await stage.submit(note, f"normal {n}") for n in range(4)]
    async with stage.worker(concurrency=1):
        await soon(first)

        # When: an urgent one is inserted now
        ids.append(await stage.submit(note, "urgent", priority=90))
        go.set()
        await stage.all_ended(ids)

    # Then: it is the very next, because nothing was fetched ahead
    assert order[:2] == ["normal 0", "urgent"]


async def test_queues_in_strict_order(stage: Stage) -> None:
    # Given: work in three queues, one of which the worker does not serve
    order: list[str] = []

    @stage.task
    async def note(queue: str) -> None:
        order.append(queue)

    ids = [await stage.submit(note, q, queue=q) for q in ("low", "high", "low", "high")]
    other = await stage.submit(note, "other", queue="other")

    # When: it serves "high" before "low"
    async with stage.worker(concurrency=1, queues=("high", "low")):
        await stage.all_ended(ids)

    # Then: in that order, and the third queue is untouched
    assert order == ["high", "high", "low", "low"]
    assert (await stage.get(other)).state is State.WAITING


async def test_queues_by_weight_share_and_none_starves(stage: Stage) -> None:
    # Given: two long queues
    order: list[str] = []
    enough = asyncio.Event()

    @stage.task
    async def note(queue: str) -> None:
        order.append(queue)
        if len(order) == 300:
            enough.set()

    jobs = [stage.job(note, q, queue=q) for q in ("big", "small") for _ in range(400)]
    await stage.backend.insert(jobs)

    # When: they are served nine to one
    async with stage.worker(concurrency=1, queues=("big", "small"), weights={"big": 9, "small": 1}):
        await soon(enough)

    # Then: the small one got its share of the first 300, about thirty
    assert 5 <= order[:300].count("small") <= 75


async def test_an_idle_worker_takes_a_new_job_at_once(stage: Stage) -> None:
    # Given: a worker that has nothing to do and holds its claim open
    @stage.task
    async def quick() -> int:
        return 1

    async with stage.worker():
        await stage.ended(await stage.submit(quick))

        # When: a job comes
        began = time.monotonic()
        await stage.ended(await stage.submit(quick))

    # Then: it did not wait for the five seconds that an idle claim is held open
    assert time.monotonic() - began < 3


class OneClaimLate:
    """A store whose next answer with jobs is kept back until the test lets it go."""

    def __init__(self, inner: object) -> None:
        self._inner = inner
        self.claimed, self.answer = asyncio.Event(), asyncio.Event()

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    async def exchange(self, done: list[Settle], want: Want | None, lease: Lease) -> Exchanged:
        answer: Exchanged = await self._inner.exchange(done, want, lease)  # type: ignore[attr-defined]
        if answer.jobs and not self.claimed.is_set():
            self.claimed.set()
            await self.answer.wait()
        return answer


async def test_jobs_that_arrive_after_the_order_to_stop_are_given_back(stage: Stage) -> None:
    # Given: a claim whose answer is still under way when the worker is told to stop
    ran: list[int] = []

    @stage.task
    async def note(n: int) -> None:
        ran.append(n)

    id = await stage.submit(note, 1)
    before = await stage.get(id)
    late = OneClaimLate(stage.backend)
    stage.backend = late  # type: ignore[assignment]
    worker = stage.worker()
    await worker.start()
    await soon(late.claimed)

    # When: it stops, and only then the answer comes
    stopping = asyncio.create_task(worker.stop(5))
    await until(lambda: not worker.stats().is_running, "the worker claims no more")
    late.answer.set()
    await asyncio.wait_for(stopping, 10)

    # Then: the job is back in its place, uncharged, and nobody ran it
    job = await stage.get(id)
    assert (job.state, job.attempts, job.losses, job.due_at) == (State.WAITING, 0, 0, before.due_at)
    assert ran == []


class Listed:
    """A store that answers some turns of the loop later, and lists what it was asked for but for held claims."""

    def __init__(self, inner: object) -> None:
        self._inner = inner
        self.wants: list[Want] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    async def exchange(self, done: list[Settle], want: Want | None, lease: Lease) -> Exchanged:
        if want is not None and not want.hold_ms:
            self.wants.append(want)
            for _ in range(5):
                await asyncio.sleep(0)
        answer: Exchanged = await self._inner.exchange(done, want, lease)  # type: ignore[attr-defined]
        return answer


async def test_lanes_without_jobs_are_not_asked_for_again_and_again(stage: Stage) -> None:
    # Given: a long backlog in one lane and nothing in the others
    @stage.task
    async def nap() -> None:
        await asyncio.sleep(0)

    ids = [await stage.submit(nap) for _ in range(100)]
    listed = Listed(stage.backend)
    stage.backend = listed  # type: ignore[assignment]

    # When: a worker works it off, all slots of that lane taken most of the time
    async with stage.worker(concurrency=4):
        await stage.all_ended(ids)

    # Then: hardly any of its claims left that lane out
    assert len([want for want in listed.wants if "async" not in want.slots]) <= 4
    assert len(listed.wants) > 20
