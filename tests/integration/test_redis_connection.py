"""The Redis store when the server forgets, drops, stops or comes back."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

import pytest

from abaca.backends.redis import RedisBackend, from_url
from abaca.codec.ids import new_id
from abaca.errors import BackendUnavailable
from abaca.model import Inserted, Lease, NewJob, Settle, State, Transition, Verdict, Want, job_topic
from tests.conftest import MakeRedis
from tests.servers import RedisServer

LEASE = Lease(worker="w", ms=15_000)
WANT = Want(queues=("default",), slots={"": 10})
DONE = Transition(target=State.COMPLETED, attempts=1, result=b"1", keep_ms=60_000)


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[RedisBackend]:
    backend = from_url(redis_url, None)
    await backend.open()
    yield backend
    await backend.close()


def new_job() -> NewJob:
    return NewJob(id=new_id(), task="t")


async def until_reached(store: RedisBackend) -> None:
    """Call until the store answers again; each failed call backs off by itself."""
    async with asyncio.timeout(20):
        while True:
            try:
                await store.get([])
                return
            except BackendUnavailable:
                continue


async def test_scripts_are_sent_again_when_the_server_forgot_them(
    store: RedisBackend, redis_server: RedisServer
) -> None:
    # Given a store whose scripts the server knew
    await store.insert([new_job()])
    # When it forgets them
    redis_server.command("FUNCTION", "FLUSH")
    # Then every verb goes on
    assert (await store.insert([new_job()]))[0].outcome is Inserted.INSERTED
    assert len((await store.exchange([], WANT, LEASE)).jobs) == 2


async def test_a_dropped_connection_is_made_anew(store: RedisBackend, redis_server: RedisServer) -> None:
    # Given a running job
    job = new_job()
    await store.insert([job])
    await store.exchange([], WANT, LEASE)
    # When the server drops the connection
    redis_server.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    await until_reached(store)
    # Then the job can be settled over a new one
    settled = await store.exchange([Settle(id=job.id, epoch=1, to=DONE)], None, LEASE)
    assert settled.verdicts == [Verdict.APPLIED]


async def test_watches_stand_again_after_the_connection_was_killed(
    store: RedisBackend, redis_server: RedisServer
) -> None:
    # Given a watch
    job = new_job()
    await store.insert([job])
    watch = await store.watch([job_topic(job.id)])
    # When its connection is killed
    redis_server.command("CLIENT", "KILL", "TYPE", "pubsub")
    # Then it gets a hint once it is subscribed again, and hears what happens later
    assert (hint := await watch.next(10)) is not None
    assert hint.job is None
    await until_reached(store)
    await store.cancel([job.id])
    assert (hint := await watch.next(10)) is not None
    assert hint.job is not None
    assert hint.job.state is State.CANCELLED
    await watch.close()


async def test_a_restart_with_aof_loses_nothing_and_everybody_carries_on(make_redis: MakeRedis) -> None:
    # Given a job that waits and one that runs, on a server with AOF
    server = make_redis(appendonly=True, appendfsync="always")
    store = from_url(server.url, None)
    await store.open()
    running, waiting = new_job(), new_job()
    await store.insert([running])
    await store.exchange([], WANT, LEASE)
    watch = await store.watch([job_topic(running.id)])
    # When the server is restarted
    server.restart()
    await until_reached(store)
    # Then both are there, and a claim, a settle and the watch go on
    await store.insert([waiting])
    answer = await store.exchange([Settle(id=running.id, epoch=1, to=DONE)], WANT, LEASE)
    assert answer.verdicts == [Verdict.APPLIED]
    assert [job.id for job in answer.jobs] == [waiting.id]
    assert await watch.next(10) is not None
    await watch.close()
    await store.close()


async def test_a_held_claim_goes_on_after_its_connection_was_killed(
    store: RedisBackend, redis_server: RedisServer
) -> None:
    # Given a held claim that is registered
    held = asyncio.create_task(store.exchange([], Want(queues=("default",), slots={"": 1}, hold_ms=20_000), LEASE))
    while not redis_server.command("ZCARD", "abaca:{00}:h:default"):
        await store.get([])
    # When the connection that it listens on is killed, and a job comes
    redis_server.command("CLIENT", "KILL", "TYPE", "pubsub")
    job = new_job()
    await store.insert([job])
    # Then it gets the job all the same
    async with asyncio.timeout(10):
        assert [found.id for found in (await held).jobs] == [job.id]


async def test_a_server_that_does_not_answer_is_given_up_after_the_timeout(make_redis: MakeRedis) -> None:
    # Given a store with a short timeout, and a server that hangs
    server = make_redis()
    store = from_url(f"{server.url}?timeout=1", None)
    await store.open()
    server.freeze()
    # When a verb is called
    with pytest.raises(BackendUnavailable, match=r"no answer within 1 s"):
        await store.get([new_id()])
    # Then it works again once the server does
    server.thaw()
    await until_reached(store)
    await store.close()


async def test_a_server_that_is_away_is_named_and_no_password_is_shown() -> None:
    store = from_url("redis://user:secret@127.0.0.1:1/3", None)
    with pytest.raises(BackendUnavailable, match=r"127\.0\.0\.1:1/3 cannot be reached") as caught:
        await store.open()
    assert "secret" not in str(caught.value)
    await store.close()


def test_a_closed_event_loop_is_left_for_a_new_one(redis_url: str) -> None:
    # Given a store used in a loop that is over
    store = from_url(redis_url, None)
    job = new_job()
    asyncio.run(use_and_close_links(store, job))

    # When it is used in another loop, then it connects there
    async def again() -> State:
        found = (await store.get([job.id]))[0]
        await store.close()
        assert found is not None
        return found.state

    assert asyncio.run(again()) is State.WAITING


async def use_and_close_links(store: RedisBackend, job: NewJob) -> None:
    await store.insert([job])
    await store.close()


async def test_several_loops_use_one_backend_at_once(store: RedisBackend) -> None:
    # Given a store in use here, with a watch
    job = new_job()
    watch = await store.watch([job_topic(job.id)])

    # When another thread's loop uses the same object
    async def elsewhere() -> Inserted:
        own = await store.watch([job_topic(job.id)])
        (receipt,) = await store.insert([job])
        await own.close()
        return receipt.outcome

    # Then both go on
    assert await asyncio.to_thread(lambda: asyncio.run(elsewhere())) is Inserted.INSERTED
    await store.cancel([job.id])
    assert (hint := await watch.next(20)) is not None
    assert hint.job is not None
    await watch.close()


async def test_a_forked_child_makes_connections_of_its_own(store: RedisBackend, redis_server: RedisServer) -> None:
    # Given a parent with both connections open
    job = new_job()
    watch = await store.watch([job_topic(job.id)])
    await store.insert([job])

    # When a forked child uses the same object
    async def in_child() -> bool:
        own = await store.watch([job_topic(job.id)])
        cancelled = await store.cancel([job.id])
        heard = await own.next(20)
        return bool(cancelled) and heard is not None

    pid = os.fork()
    if pid == 0:
        asyncio.events._set_running_loop(None)
        try:
            os._exit(0 if asyncio.run(in_child()) else 1)
        finally:
            os._exit(2)
    _, status = await asyncio.to_thread(os.waitpid, pid, 0)
    # Then the child succeeds, and the parent's connections are whole
    assert os.waitstatus_to_exitcode(status) == 0
    assert (hint := await watch.next(20)) is not None
    assert hint.job is not None
    assert (await store.get([job.id]))[0] is not None
    await watch.close()
