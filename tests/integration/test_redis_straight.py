"""The short ways of calls on an idle system leave what the whole ones leave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from abaca import App
from abaca.backends.redis import RedisBackend, from_url
from abaca.codec.ids import new_id
from abaca.errors import BackendUnavailable
from abaca.model import (
    QUEUE,
    Hint,
    Inserted,
    Job,
    Lease,
    NewJob,
    Record,
    Settle,
    State,
    Transition,
    Verdict,
    Want,
    job_topic,
)
from tests.integration import shop
from tests.integration.test_redis_economy import commands
from tests.integration.test_redis_handover import WAITERS, registered
from tests.servers import RedisServer

pytestmark = pytest.mark.redis
LEASE = Lease(worker="w", ms=15_000)
HELD = Want(queues=("default", "other"), slots={"": 2}, hold_ms=20_000)
DONE = Transition(target=State.COMPLETED, attempts=1, result=b"1", keep_ms=60_000)
FAR = 4_000_000_000_000_000


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[RedisBackend]:
    backend = from_url(redis_url, None)
    await backend.open()
    yield backend
    await backend.close()


def new_job(**options: Any) -> NewJob:
    return NewJob(id=new_id(), task="t", **options)


def without_times(job: Job | None) -> dict[str, object]:
    assert job is not None
    fields = {name: getattr(job, name) for name in job.__struct_fields__}
    return {name: value for name, value in fields.items() if not name.endswith(("_at", "_until")) and name != "spec"}


async def through(store: RedisBackend, server: RedisServer, *, short: bool) -> tuple[dict[str, object], ...]:
    """A job's record when it runs and when it has ended."""
    held = asyncio.create_task(store.exchange([], HELD, LEASE))
    await registered(store, server, 1)
    job, more = new_job(), [] if short else [new_job(queue="unserved")]  # two at once go the whole way
    await store.insert([job, *more])
    claimed = (await held).jobs
    assert [found.id for found in claimed] == [job.id]
    running = (await store.get([job.id]))[0]
    assert without_times(running) == without_times(claimed[0])
    assert running is not None
    assert claimed[0].lease_until == running.lease_until
    done = [Settle(id=job.id, epoch=1, to=DONE)] * (1 if short else 2)
    answer = await store.exchange(done, None, LEASE)
    assert set(answer.verdicts) == {Verdict.APPLIED}
    return without_times(running), without_times((await store.get([job.id]))[0])


async def test_the_short_ways_leave_the_same_records(store: RedisBackend, redis_server: RedisServer) -> None:
    # Given a job that goes the whole way, When another goes the short one, Then they cannot be told apart
    assert await through(store, redis_server, short=True) == await through(store, redis_server, short=False)
    # And everything beside the records agrees with them
    assert await store.audit() == []


async def test_a_repeated_insert_of_a_job_that_went_straight_changes_nothing(
    store: RedisBackend, redis_server: RedisServer
) -> None:
    # Given a job that was handed over by its insert, and another held claim
    held = asyncio.create_task(store.exchange([], HELD, LEASE))
    await registered(store, redis_server, 1)
    job = new_job()
    await store.insert([job])
    assert len((await held).jobs) == 1
    again = asyncio.create_task(store.exchange([], HELD, LEASE))
    await registered(store, redis_server, 1)
    # When the insert is repeated
    receipt = (await store.insert([job]))[0]
    # Then the job is known, and nobody gets it a second time
    assert receipt.outcome is Inserted.KNOWN
    store.unhold()
    assert (await again).jobs == []


@pytest.mark.parametrize(
    ("before", "options", "handed"),
    [
        ((), {"key": "k"}, True),
        ((), {"tenant": "x"}, True),
        ((), {"start_within_ms": 5_000}, True),
        ((), {"lease_ms": 60_000}, True),
        ((), {"queue": "other", "priority": 7}, True),
        ((), {"delay_ms": 60_000}, False),
        ((), {"run_at": FAR}, False),
        ((), {"lane": "elsewhere"}, False),
        ((), {"queue": "unserved"}, False),
        (({"lane": "elsewhere"},), {}, True),
        (({"delay_ms": 60_000},), {}, True),
    ],
)
async def test_what_is_not_the_usual_case_ends_up_as_ever(
    store: RedisBackend,
    redis_server: RedisServer,
    before: tuple[dict[str, Any], ...],
    options: dict[str, Any],
    handed: bool,
) -> None:
    # Given a held claim, and jobs that it does not want or not yet
    await store.insert([new_job(**one) for one in before])
    held = asyncio.create_task(store.exchange([], HELD, LEASE))
    await registered(store, redis_server, 1)
    # When a job comes
    job = new_job(**options)
    await store.insert([job])
    # Then it is handed over or waits, and all that is kept beside the records agrees with them
    found = (await store.get([job.id]))[0]
    assert found is not None
    assert found.state is (State.RUNNING if handed else State.WAITING)
    assert await store.audit() == []
    store.unhold()
    assert [one.id for one in (await held).jobs] == ([job.id] if handed else [])


async def test_a_paused_queue_hands_nothing_over(store: RedisBackend, redis_server: RedisServer) -> None:
    # Given a held claim on a queue that is paused
    await store.put([Record(kind=QUEUE, id="default", data=b'{"paused":true}', version=0)])
    held = asyncio.create_task(store.exchange([], HELD, LEASE))
    await registered(store, redis_server, 1)
    # When a job comes, Then it waits
    job = new_job()
    await store.insert([job])
    found = (await store.get([job.id]))[0]
    assert found is not None
    assert found.state is State.WAITING
    store.unhold()
    assert (await held).jobs == []


async def test_an_end_and_the_next_held_claim_are_one_command(store: RedisBackend, redis_server: RedisServer) -> None:
    # Given a running job
    await store.insert([new_job()])
    job = (await store.exchange([], Want(queues=("default",), slots={"": 1}), LEASE)).jobs[0]
    warm = asyncio.create_task(store.exchange([], HELD, LEASE))
    await registered(store, redis_server, 1)
    store.unhold()
    await warm
    redis_server.command("CONFIG", "RESETSTAT")
    # When it is settled and a claim held in one turn of the loop
    settled = asyncio.create_task(store.exchange([Settle(id=job.id, epoch=1, to=DONE)], None, LEASE))
    held = asyncio.create_task(store.exchange([], HELD, LEASE))
    # Then the end is judged while the claim stays open, and both were one command
    assert (await settled).verdicts == [Verdict.APPLIED]
    assert redis_server.command("ZCARD", WAITERS) == 1
    assert commands(redis_server) == {"fcall": 1}
    assert not held.done()
    store.unhold()
    assert (await held).verdicts == []


async def test_an_end_that_travels_with_a_claim_that_is_given_up_is_unknown(
    store: RedisBackend, redis_server: RedisServer
) -> None:
    # Given a running job whose end waits for the answer together with a held claim
    await store.insert([new_job()])
    job = (await store.exchange([], Want(queues=("default",), slots={"": 1}), LEASE)).jobs[0]
    warm = asyncio.create_task(store.exchange([], HELD, LEASE))
    await registered(store, redis_server, 1)
    store.unhold()
    await warm
    settle = Settle(id=job.id, epoch=1, to=DONE)
    settled = asyncio.create_task(store.exchange([settle], None, LEASE))
    held = asyncio.create_task(store.exchange([], HELD, LEASE))
    await asyncio.sleep(0)  # sleeps: one turn, in which both are sent
    # When the claim is cancelled
    held.cancel()
    with pytest.raises(asyncio.CancelledError):
        await held
    # Then whoever settles hears that it is not known, and the same call again says that it is done
    with pytest.raises(BackendUnavailable, match="unknown"):
        await settled
    assert (await store.exchange([settle], None, LEASE)).verdicts == [Verdict.APPLIED]


async def test_an_insert_with_its_subscription_is_one_command_more_than_the_insert(
    store: RedisBackend, redis_server: RedisServer
) -> None:
    # Given a store whose subscribed connection stands
    watch = await store.watch(["another"])
    redis_server.command("CONFIG", "RESETSTAT")
    # When a job is attended and inserted, and ends
    told: asyncio.Queue[Hint] = asyncio.Queue()
    job = new_job()
    attendance = store.attend(job, told.put_nowait)
    assert attendance is not None
    assert (await attendance.insert()).outcome is Inserted.INSERTED
    assert commands(redis_server) == {"subscribe": 1, "fcall": 1}
    await store.exchange([], Want(queues=("default",), slots={"": 1}), LEASE)
    await store.exchange([Settle(id=job.id, epoch=1, to=DONE)], None, LEASE)
    # Then it is told of the claim and of the end, with the job
    hints = [await told.get(), await told.get()]
    attendance.close()
    assert [hint.topic for hint in hints] == [job_topic(job.id)] * 2
    assert hints[1].job is not None
    assert hints[1].job.result == b"1"
    await watch.close()


async def test_runs_one_after_the_other_take_two_calls_each(redis_url: str, redis_server: RedisServer) -> None:
    async with App(redis_url, poll_interval=60) as app:
        square = app.task(shop.square)
        async with app.worker():
            for n in range(5):
                assert await square.run(n) == n * n
            redis_server.command("CONFIG", "RESETSTAT")
            # When twenty runs follow each other
            for n in range(20):
                assert await square.run(n) == n * n
            # Then each took the server its insert, and one exchange that ends it and holds the next claim, as a rule
            assert commands(redis_server)["fcall"] < 20 * 3 + 20


async def test_a_run_whose_connection_is_lost_has_its_result_all_the_same(
    redis_url: str, redis_server: RedisServer
) -> None:
    async with App(redis_url, poll_interval=60) as app:
        square = app.task(shop.square)
        async with app.worker():
            assert await square.run(1) == 1
            # When the subscribed connections are cut while runs go on
            for n in range(10):
                running = asyncio.create_task(square.run(n))
                redis_server.command("CLIENT", "KILL", "TYPE", "pubsub")
                # Then each ends, once
                async with asyncio.timeout(30):
                    assert await running == n * n
