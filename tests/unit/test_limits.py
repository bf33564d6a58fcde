"""Limits and queue settings as people write them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from abaca import App, ArgumentError, ConfigError, Limit, QueueFull, Status
from abaca.backends.memory import MemoryBackend
from abaca.clock import ManualClock
from abaca.model import Job, Lease, Settle, State, Transition, Want

LEASE = Lease(worker="w", ms=15_000)


class Shop:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.store = MemoryBackend(self.clock)
        self.app = App(backend=self.store)

    async def claim(self) -> list[Job]:
        want = Want(queues=("default",), slots={"async": 100})
        return (await self.store.exchange([], want, LEASE)).jobs

    async def complete(self, job: Job) -> None:
        to = Transition(target=State.COMPLETED, attempts=1, keep_ms=1000)
        await self.store.exchange([Settle(id=job.id, epoch=job.epoch, to=to)], None, LEASE)


async def call(customer: str, tier: int = 1) -> None: ...


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    it = Shop()
    async with it.app:
        yield it


async def test_a_task_s_limit_holds_for_all_of_its_jobs(shop: Shop) -> None:
    # Given a task that runs twice at once, and three jobs of it
    task = shop.app.task(limits=[Limit(concurrency=2)])(call)
    handles = [await task.enqueue(name) for name in ("a", "b", "c")]
    # When a worker claims
    jobs = await shop.claim()
    # Then two run, and the third says that it is held back
    assert len(jobs) == 2
    assert await handles[2].status() is Status.BLOCKED


async def test_a_limit_per_argument_counts_each_value_apart(shop: Shop) -> None:
    # Given a task that runs once at a time for each customer
    task = shop.app.task(limits=[Limit(concurrency=1, per="customer")])(call)
    await shop.app.enqueue_many(task.call(name) for name in ("a", "a", "b", "c"))
    # When a worker claims
    jobs = await shop.claim()
    # Then each customer has one
    assert [job.spec.args for job in jobs] == [b'{"customer":"%s"}' % name for name in (b"a", b"b", b"c")]


async def test_an_argument_that_is_left_out_counts_as_its_default(shop: Shop) -> None:
    task = shop.app.task(limits=[Limit(concurrency=1, per="tier")])(call)
    first, second = task.call("a"), task.call("b", tier=1)
    assert first.job.limits == second.job.limits
    assert task.call("c", 2).job.limits != first.job.limits


async def test_tasks_share_a_limit_by_its_name(shop: Shop) -> None:
    # Given two tasks that use one service
    shared = Limit(concurrency=1, name="service")
    one = shop.app.task(name="one", limits=[shared])(call)
    two = shop.app.task(name="two", limits=[shared])(call)
    await one.enqueue("a")
    await two.enqueue("b")
    # When a worker claims, and again after the first has ended
    (first,) = await shop.claim()
    before = await shop.claim()
    await shop.complete(first)
    (second,) = await shop.claim()
    # Then they run one after the other
    assert (first.spec.task, before, second.spec.task) == ("one", [], "two")


async def test_a_rate_spreads_starts(shop: Shop) -> None:
    task = shop.app.task(limits=[Limit(rate=60, period="1m", burst=2)])(call)
    for name in "abcd":
        await task.enqueue(name)
    counts = []
    for _ in range(3):
        counts.append(len(await shop.claim()))
        shop.clock.advance(1)
    assert counts == [2, 1, 1]


async def test_a_job_enqueued_by_name_carries_the_task_s_limits(shop: Shop) -> None:
    # Given a task with a limit, announced by a worker, and a process without its code
    shop.app.task(limits=[Limit(concurrency=1, per="customer")])(call)
    async with shop.app.connect():
        pass
    other = App(backend=shop.store)
    # When jobs come from there
    for _ in range(2):
        await other.enqueue_by_name("call", {"customer": "a"})
    # Then the limit holds
    assert len(await shop.claim()) == 1


async def test_a_limit_goes_by_plain_values_only(shop: Shop) -> None:
    async def each(ids: list[int]) -> None: ...

    task = shop.app.task(limits=[Limit(concurrency=1, per="ids")])(each)
    with pytest.raises(ArgumentError, match="'ids'"):
        task.call([1, 2])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"concurrency": -1},
        {"concurrency": True},
        {"rate": 0},
        {"rate": 1, "period": 0},
        {"rate": 1, "period": "soon"},
        {"rate": 1, "burst": 0},
        {"concurrency": 1, "burst": 5},
        {"rate": 1_000_000, "period": "1ms"},
    ],
)
def test_limits_that_cannot_be_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="Limit"):
        Limit(**options)  # type: ignore[arg-type]


def test_limits_that_do_not_fit_the_task_are_refused_by_name(shop: Shop) -> None:
    with pytest.raises(ConfigError, match="'nobody'"):
        shop.app.task(limits=[Limit(concurrency=1, per="nobody")])(call)
    with pytest.raises(ConfigError, match="limits"):
        shop.app.task(limits=Limit(concurrency=1))(call)  # type: ignore[call-overload]
    with pytest.raises(ConfigError, match="4 are possible"):
        shop.app.task(limits=[Limit(concurrency=1)] * 5)(call)


async def test_a_queue_is_paused_resumed_and_limited(shop: Shop) -> None:
    # Given two jobs
    task = shop.app.task(call)
    await task.enqueue("a")
    await task.enqueue("b")
    # When their queue is paused, then resumed for one at a time
    await shop.app.queues.pause("default")
    paused = await shop.claim()
    await shop.app.queues.limit("default", 1)
    settings = await shop.app.queues.resume("default")
    # Then nothing ran meanwhile, and one runs now
    assert (paused, len(await shop.claim())) == ([], 1)
    assert (settings.paused, settings.concurrency) == (False, 1)
    assert await shop.app.queues.get("default") == settings


async def test_purging_a_queue_deletes_what_waits_and_nothing_else(shop: Shop) -> None:
    # Given a job that runs, two that wait and one of another queue
    task = shop.app.task(call)
    running = await task.enqueue("a")
    await shop.claim()
    await task.enqueue("b")
    await task.opts(delay=60).enqueue("c")
    other = await task.opts(queue="other").enqueue("d")
    # When the queue is purged
    deleted = await shop.app.queues.purge("default")
    # Then the two are gone
    assert deleted == 2
    assert (await running.status(), await other.status()) == (Status.RUNNING, Status.QUEUED)
    assert await shop.app.queues.wait_empty("default", timeout=1)
    assert not await shop.app.queues.wait_empty("other", timeout=0.01)


async def test_a_full_queue_tells_the_producer_at_once(shop: Shop) -> None:
    # Given a queue for one waiting job, which is there
    task = shop.app.task(call)
    await shop.app.queues.limit_length("default", 1)
    await task.enqueue("a")
    # When more are enqueued, alone and together
    with pytest.raises(QueueFull, match="'default'"):
        await task.enqueue("b")
    with pytest.raises(QueueFull):
        await shop.app.enqueue_many(task.call(name) for name in "cd")
    # Then nothing came of them, until there is room
    await shop.claim()
    await task.enqueue("e")
