"""Keys as callers use them: unique, throttled, debounced."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from abaca import App, ConfigError, DuplicateJob
from abaca.backends.memory import MemoryBackend
from abaca.clock import ManualClock
from abaca.model import Job, Lease, Want


class Shop:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.store = MemoryBackend(self.clock)
        self.app = App(backend=self.store)
        self.index = self.app.task(index)

    async def claim(self) -> list[Job]:
        want = Want(queues=("default",), slots={"async": 100})
        return (await self.store.exchange([], want, Lease(worker="w", ms=15_000))).jobs


async def index(doc: str, depth: int = 1) -> None: ...


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    it = Shop()
    async with it.app:
        yield it


async def test_unique_without_a_key_goes_by_task_and_arguments(shop: Shop) -> None:
    # Given a unique call
    task = shop.index.opts(unique="until_finished")
    first = await task.enqueue("a")
    # When the same and another are made
    same, other = await task.enqueue(doc="a"), await task.enqueue("b")
    # Then only the other is a job of its own
    assert (same.id, other.id == first.id) == (first.id, False)


async def test_unique_while_waiting_lets_the_next_in_once_it_runs(shop: Shop) -> None:
    task = shop.index.opts(unique="while_waiting")
    first = await task.enqueue("a")
    await shop.claim()
    assert (await task.enqueue("a")).id != first.id


async def test_unique_for_a_time_outlives_the_job(shop: Shop) -> None:
    task = shop.index.opts(unique="10m")
    first = await task.enqueue("a")
    await first.cancel()
    again = await task.enqueue("a")
    shop.clock.advance(600)
    assert (again.id, (await task.enqueue("a")).id == first.id) == (first.id, False)


async def test_reject_tells_the_caller_which_job_has_the_key(shop: Shop) -> None:
    # Given a job with a key
    task = shop.index.opts(key="k", on_duplicate="reject")
    first = await task.enqueue("a")
    # When another asks for it, alone, waiting, or among many
    with pytest.raises(DuplicateJob, match=first.id) as caught:
        await task.enqueue("b")
    with pytest.raises(DuplicateJob):
        await task.opts(wait=1).run("b")
    with pytest.raises(DuplicateJob):
        await shop.app.enqueue_many([task.call("b")])
    # Then the error names the holder
    assert caught.value.job_id == first.id


async def test_the_same_call_again_is_no_duplicate_of_itself(shop: Shop) -> None:
    call = shop.index.opts(key="k", on_duplicate="reject").call("a")
    (first,) = await shop.app.enqueue_many([call])
    (again,) = await shop.app.enqueue_many([call])
    assert first.id == again.id


async def test_throttle_makes_one_job_in_its_time(shop: Shop) -> None:
    task = shop.index.opts(throttle="1m")
    first = await task.enqueue("a")
    second = await task.enqueue("b")
    shop.clock.advance(60)
    third = await task.enqueue("c")
    assert (second.id, third.id == first.id) == (first.id, False)


async def test_debounce_makes_one_job_after_the_last_call_with_its_arguments(shop: Shop) -> None:
    # Given a debounced task that is called again and again
    task = shop.index.opts(debounce="5s", key="doc-7")
    handles = []
    for depth in (1, 2, 3):
        handles.append(await task.enqueue("a", depth))
        shop.clock.advance(4)
    before = await shop.claim()
    # When the calls have stopped for its time
    shop.clock.advance(1)
    # Then one job runs, with the latest arguments, and every handle is its
    (job,) = await shop.claim()
    assert (before, job.spec.args) == ([], b'{"doc":"a","depth":3}')
    assert {handle.id for handle in handles} == {job.id}


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"unique": "10m", "throttle": "1m"}, "throttle"),
        ({"throttle": "1m", "debounce": "1m"}, "debounce"),
        ({"debounce": "1m", "delay": 5}, "delay"),
        ({"debounce": "1m", "on_duplicate": "reject"}, "debounc"),
        ({"on_duplicate": "explode"}, "explode"),
        ({"unique": "for ever"}, "unique"),
        ({"throttle": -1}, "throttle"),
    ],
)
def test_options_that_cannot_be_are_refused_by_name(shop: Shop, options: dict[str, object], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        shop.index.opts(**options)  # type: ignore[arg-type]
