"""How the Redis store keeps edges: what they cost those who have none, and what many of them cost."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from abaca.backend import MAX_BATCH, MAX_PARENTS
from abaca.backends.redis import RedisBackend, from_url
from abaca.codec.ids import new_id
from abaca.model import After, Callback, Inserted, Job, Lease, NewJob, Settle, State, Transition, Want, When
from tests.servers import RedisServer

LEASE = Lease(worker="w", ms=60_000)
DONE = Transition(target=State.COMPLETED, attempts=1, result=b"1", keep_ms=60_000)
ID_BYTES = 16


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[RedisBackend]:
    backend = from_url(redis_url, None)
    await backend.open()
    yield backend
    await backend.close()


def new_job(*parents: str) -> NewJob:
    return NewJob(id=new_id(), task="t", after=(After(ids=parents),) if parents else ())


async def claim(store: RedisBackend, slots: int) -> list[Job]:
    return (await store.exchange([], Want(queues=("default",), slots={"": slots}), LEASE)).jobs


async def settle(store: RedisBackend, jobs: list[Job]) -> None:
    await store.exchange([Settle(id=job.id, epoch=job.epoch, to=DONE) for job in jobs], None, LEASE)


def inner_commands(server: RedisServer) -> dict[str, int]:
    """How often each command ran, those of scripts included."""
    stats = server.command("INFO", "commandstats")
    return {name.removeprefix("cmdstat_"): values["calls"] for name, values in stats.items()}


async def test_jobs_without_edges_cost_no_command_more(store: RedisBackend, redis_server: RedisServer) -> None:
    # Given plain jobs of which some run, beside a parent and its child
    plain = [new_job() for _ in range(20)]
    await store.insert(plain)
    running = await claim(store, 10)
    parent = NewJob(id=new_id(), task="t", queue="other")
    await store.insert([parent, NewJob(id=new_id(), task="t", queue="other", after=(After(ids=(parent.id,)),))])
    redis_server.command("CONFIG", "RESETSTAT")
    # When plain jobs end, come and are claimed
    await settle(store, running)
    await store.insert([new_job()])
    await claim(store, 20)
    # Then no command came that only edges need
    assert inner_commands(redis_server).keys() & {"hgetall", "hmget", "hset", "exists"} == set()


async def test_what_a_child_names_comes_back_unchanged(store: RedisBackend) -> None:
    # Given a job with edges of several kinds and callbacks, and one whose follow-up names what is no id
    parents = [new_job() for _ in range(3)]
    await store.insert(parents)
    first, second, third = (job.id for job in parents)
    edges = (
        After(ids=(first,), into="one"),
        After(ids=(second, third), when=When.ENDED, into="all", many=True),
        After(ids=()),
    )
    callback = Callback(when=When.FAILED, job=NewJob(id="", task="told", args=b"\xff\x00"))
    job = NewJob(id=new_id(), task="t", queue="q", after=edges, callbacks=(callback,), expires_ms=7)
    odd = NewJob(id=new_id(), task="t", queue="q", after=(After(ids=("no id", "ü" * 32)),))
    # When they are stored, the one blocked, the other in its line, and then both claimed
    await store.insert([job])
    running = await claim(store, 3)
    then = Transition(target=State.COMPLETED, attempts=1, keep_ms=60_000, then=(odd,))
    await store.exchange([Settle(id=first, epoch=1, to=then)], None, LEASE)
    read = await store.get([job.id, odd.id])
    await settle(store, running[1:])
    claimed = (await store.exchange([], Want(queues=("q",), slots={"": 3}), LEASE)).jobs
    # Then they are what they were
    assert [stored.spec for stored in read if stored is not None] == [job, odd]
    assert {one.id: (one.spec, one.unmet) for one in claimed} == {job.id: (job, 0), odd.id: (odd, 2)}


async def test_the_most_parents_of_one_job(store: RedisBackend, redis_server: RedisServer) -> None:
    # Given as many jobs as one may wait for
    parents = [new_job() for _ in range(MAX_PARENTS)]
    for first in range(0, MAX_PARENTS, MAX_BATCH):
        await store.insert(parents[first : first + MAX_BATCH])
    # When a job waits for all of them
    child = new_job(*(job.id for job in parents))
    await store.insert([child])
    # Then its record holds their ids packed, and all their ends let it go
    size = redis_server.command("STRLEN", b"abaca:{00}:j:" + bytes.fromhex(child.id))
    assert size < ID_BYTES * MAX_PARENTS + 200
    for _ in range(0, MAX_PARENTS, MAX_BATCH):
        await settle(store, await claim(store, MAX_BATCH))
    (claimed,) = await claim(store, MAX_BATCH)
    assert (claimed.spec, claimed.open_parents, claimed.unmet) == (child, 0, 0)


async def test_ten_thousand_children_of_one_job(store: RedisBackend) -> None:
    # Given a running job, and ten thousand that wait for it
    await store.insert([parent := new_job()])
    running = await claim(store, 1)
    for _ in range(10):
        await store.insert([new_job(parent.id) for _ in range(MAX_BATCH)])
    # When it ends
    before = (await store.stats()).queues[0]
    await settle(store, running)
    # Then all are due
    after = (await store.stats()).queues[0]
    assert (before.blocked, before.due, after.blocked, after.due) == (10_000, 0, 0, 10_000)


async def test_a_batch_with_very_many_edges_is_sent_in_pieces(store: RedisBackend, redis_server: RedisServer) -> None:
    # Given a thousand jobs, and forty that are to wait for all of them
    parents = [new_job() for _ in range(MAX_BATCH)]
    await store.insert(parents)
    children = [new_job(*(job.id for job in parents)) for _ in range(40)]
    last = new_job(children[-1].id)
    redis_server.command("CONFIG", "RESETSTAT")
    # When they are inserted in one batch, with one that waits for the last of them
    receipts = await store.insert([*children, last])
    # Then no call made more edges than one job may have, and the order was kept
    assert [(receipt.id, receipt.outcome) for receipt in receipts] == [
        (job.id, Inserted.INSERTED) for job in [*children, last]
    ]
    assert inner_commands(redis_server)["fcall"] >= 40 * MAX_BATCH // MAX_PARENTS
