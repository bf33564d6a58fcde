"""Subscriptions and retention as workers hear of them: whoever ends a job, and also while the store comes and goes."""

from __future__ import annotations

import asyncio

import msgspec

from abaca.backends.memory import MemoryBackend
from abaca.errors import BackendUnavailable
from abaca.model import RETENTION, SUBSCRIPTION, Kept, Lease, Query, Record, Retention, State, Subscription
from abaca.policies import PolicyReader, read_policies
from abaca.policy.builtin import WEBHOOK
from abaca.policy.outcome import Crashed
from abaca.testing.failing import FailingBackend
from abaca.worker.aftermath import settle_dead
from abaca.worker.reaper import Reaper
from tests.worker.harness import ONCE, PATIENCE, QUICK, Stage, soon

SUBSCRIBED = Subscription(id="s1", url="http://127.0.0.1:1/", secret="s" * 16, queue="later")
LEASE = Lease(worker="w", ms=15_000)


async def put(stage: Stage, kind: str, id: str, value: object) -> None:
    await stage.backend.put([Record(kind=kind, id=id, data=msgspec.json.encode(value))])


async def deliveries(stage: Stage) -> list[str]:
    """Of which jobs ends are to be told. They wait in a queue that nobody serves."""
    found = (await stage.backend.find(Query(task=WEBHOOK))).jobs
    return [msgspec.json.decode(job.spec.args)["end"]["job_id"] for job in found]


async def test_a_worker_knows_the_subscriptions_before_its_first_job(stage: Stage) -> None:
    # Given a job and a subscription from before the worker's start, and a store that fails to tell of it at first
    @stage.task
    async def work() -> None: ...

    await put(stage, SUBSCRIPTION, "s1", SUBSCRIBED)
    id = await stage.submit(work)
    failing = stage.backend = FailingBackend(stage.backend)
    failing.lose("request", "scan", times=2)
    # When it ends the job
    async with stage.worker(**QUICK):
        await stage.ended(id)
    # Then the subscriber is told in the same write
    assert failing.calls["scan"] >= 3
    assert await deliveries(stage) == [id]


async def test_a_worker_is_told_to_drain_while_it_does_not_know_the_subscriptions_yet(stage: Stage) -> None:
    # Given a store that tells of no subscriptions
    failing = stage.backend = FailingBackend(stage.backend)
    failing.lose("request", "scan", times=500)
    worker = stage.worker(**QUICK)
    await worker.start()
    # When the worker is to stop, then it does
    assert await asyncio.wait_for(worker.stop(), PATIENCE)


async def test_who_ends_a_lost_run_tells_too(stage: Stage) -> None:
    # Given a run whose worker died, another one that nobody renewed, and a subscription
    await put(stage, SUBSCRIPTION, "s1", SUBSCRIBED)
    died = await stage.submit("t", retry=ONCE)
    crashed = await stage.take()
    await settle_dead(stage.backend, LEASE, {(died, crashed.epoch): Crashed(signal=9, alone=True)})
    assert await deliveries(stage) == [died]
    # When a reaper takes over one that is past all its losses
    lost = await stage.submit("t", retry=ONCE)
    reaper = Reaper(stage.backend, LEASE)
    while (await stage.get(lost)).state is not State.FAILED:
        await stage.take(ms=0)
        await reaper.reap_once()
    # Then its end is told as well
    assert sorted(await deliveries(stage)) == sorted([died, lost])


async def test_stored_retention_holds_for_what_ends_from_then_on(stage: Stage) -> None:
    @stage.task
    async def work() -> int:
        return 7

    await put(stage, RETENTION, RETENTION, Retention(tasks={"work": Kept(completed_ms=1)}))
    id = await stage.submit(work)
    seen = asyncio.Event()

    async with stage.worker(**QUICK):
        await stage.ended(id)
        while (await stage.get(id)).result is not None:
            await stage.backend.purge(10)
            await asyncio.sleep(0.01)  # sleeps: the time of one millisecond passes by itself
        seen.set()
    await soon(seen)


async def test_a_reader_believes_what_it_read_and_goes_on_with_it_while_the_store_is_away() -> None:
    # Given a reader by a clock that moves by hand
    now = 0.0
    store = FailingBackend(MemoryBackend())
    reader = PolicyReader(store, believed_for=5.0, now=lambda: now)
    await store.open()
    # When nothing was ever read and the store is away, then nothing is decided
    store.away = True
    try:
        await reader.fresh()
        raise AssertionError("it answered")
    except BackendUnavailable:
        pass
    store.away = False
    # When it is there, then it is asked once in a beat
    assert (await reader.fresh()).subscriptions == ()
    await store.put([Record(kind=SUBSCRIPTION, id="s1", data=msgspec.json.encode(SUBSCRIBED))])
    now = 4.9
    assert (await reader.fresh()).subscriptions == ()
    now = 5.0
    assert (await reader.fresh()).subscriptions == (SUBSCRIBED,)
    # And what is known holds when it goes away again
    now, store.away = 60.0, True
    assert (await reader.fresh()).subscriptions == (SUBSCRIBED,)


async def test_what_cannot_be_read_stops_nobody(stage: Stage) -> None:
    await stage.backend.put(
        [Record(kind=SUBSCRIPTION, id="s0", data=b"{"), Record(kind=RETENTION, id=RETENTION, data=b"?")]
    )
    await put(stage, SUBSCRIPTION, "s1", SUBSCRIBED)
    assert (await read_policies(stage.backend)).subscriptions == (SUBSCRIBED,)
