"""Edges of the Redis store broken by hand: an audit finds it, repairs it, and the child goes when its parent ends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass

import pytest
import redis

from abaca.backends.redis import RedisBackend, from_url
from abaca.model import After, FaultKind, NewJob
from abaca.testing import ManualClock
from abaca.testing.conformance.making import claim, complete, insert, job_id, make, settle, start
from tests.servers import RedisServer

pytestmark = pytest.mark.damages

BASE = b"abaca:{00}:"
LINE = b"50||default"
PARENT, CHILD, OTHER, FREE = (bytes.fromhex(job_id(number)) for number in (1, 2, 3, 99))
MANY = 150
"""More children than are judged together with their parent."""

Break = Callable[[redis.Redis], object]


def counts(open_parents: int, unmet: int) -> bytes:
    return open_parents.to_bytes(4, "little") + unmet.to_bytes(4, "little") + bytes(8)


def child(number: int) -> NewJob:
    return make(number, after=(After(ids=(job_id(1),)),))


def forget_children(server: redis.Redis) -> None:
    """The parent's record no longer says that it has any."""
    name = BASE + b"j:" + PARENT
    value = server.get(name)
    assert isinstance(value, bytes)
    server.set(name, value[1:])


@dataclass(frozen=True)
class Torn:
    """One way to damage the edge from the running job 1 to its child 2, and what an audit finds."""

    damage: Break
    kind: FaultKind
    id: str


TORN = {
    "an edge is lost": Torn(lambda server: server.delete(BASE + b"c:" + PARENT), FaultKind.PARENTS, job_id(2)),
    "open parents too many": Torn(
        lambda server: server.hset(BASE + b"open", CHILD, counts(2, 0)), FaultKind.PARENTS, job_id(2)
    ),
    "unmet parents that are met": Torn(
        lambda server: server.hset(BASE + b"open", CHILD, counts(1, 1)), FaultKind.PARENTS, job_id(2)
    ),
    "counts that cannot be read": Torn(
        lambda server: server.hset(BASE + b"open", CHILD, b"x"), FaultKind.PARENTS, job_id(2)
    ),
    "counts are lost": Torn(lambda server: server.hdel(BASE + b"open", CHILD), FaultKind.PARENTS, job_id(2)),
    "counts of a job that waits for nobody": Torn(
        lambda server: server.hset(BASE + b"open", OTHER, counts(1, 0)), FaultKind.COUNT, job_id(3)
    ),
    "an edge to a job that waits for nobody": Torn(
        lambda server: server.hset(BASE + b"c:" + PARENT, OTHER, b"2"), FaultKind.EDGE_WITHOUT_JOB, job_id(3)
    ),
    "an edge from an unknown job": Torn(
        lambda server: server.hset(BASE + b"c:" + FREE, CHILD, b"0"), FaultKind.EDGE_WITHOUT_JOB, job_id(2)
    ),
    "a parent that does not know that it is one": Torn(forget_children, FaultKind.INDEX, job_id(1)),
    "a blocked job in a line": Torn(
        lambda server: server.zadd(BASE + b"w:" + LINE, {CHILD: 0}), FaultKind.LINE_WITHOUT_JOB, job_id(2)
    ),
    "a blocked job that is not counted": Torn(
        lambda server: server.zrem(BASE + b"p:0::" + LINE, CHILD), FaultKind.WAITING_NOT_IN_LINE, job_id(2)
    ),
    "a job that is not blocked among those that are": Torn(
        lambda server: server.zadd(BASE + b"p:0::" + LINE, {OTHER: 0}), FaultKind.LINE_WITHOUT_JOB, job_id(3)
    ),
    "blocked jobs that nobody counts": Torn(
        lambda server: server.srem(BASE + b"parks", b"0::" + LINE), FaultKind.INDEX, f"p:0::{LINE.decode()}"
    ),
}


@pytest.fixture
def server(redis_server: RedisServer) -> Iterator[redis.Redis]:
    with redis.Redis(host="127.0.0.1", port=redis_server.port) as client:
        yield client


@pytest.fixture
async def store(redis_url: str, clock: ManualClock) -> AsyncIterator[RedisBackend]:
    backend = from_url(redis_url, clock)
    await backend.open()
    yield backend
    await backend.close()


@pytest.mark.parametrize("how", TORN)
async def test_a_torn_edge_is_mended_and_the_child_goes_when_its_parent_ends(
    store: RedisBackend, server: redis.Redis, how: str
) -> None:
    # Given a running job, its child, and a waiting job; and their edges damaged
    parent = await start(store, make(1))
    await insert(store, child(2), make(3, delay_ms=60_000))
    torn = TORN[how]
    torn.damage(server)
    # When the store is mended
    faults = await store.audit(repair=True)
    # Then the fault is told, and the child waits for its parent as before
    assert [(fault.kind, fault.id, fault.repaired) for fault in faults] == [(torn.kind, torn.id, True)]
    assert (await store.audit(), await claim(store)) == ([], [])
    await settle(store, complete(parent))
    assert [(job.id, job.unmet) for job in await claim(store)] == [(job_id(2), 0)]


async def test_an_edge_among_many_is_judged_too(store: RedisBackend, server: redis.Redis) -> None:
    # Given a job with many children, and one edge to a job that waits for nobody
    await start(store, make(1))
    await insert(store, *map(child, range(10, 10 + MANY)), make(3, delay_ms=60_000))
    server.hset(BASE + b"c:" + PARENT, OTHER, b"2")
    # When the store is mended
    faults = await store.audit(repair=True)
    # Then that one is found
    assert [(fault.kind, fault.id, fault.repaired) for fault in faults] == [
        (FaultKind.EDGE_WITHOUT_JOB, job_id(3), True)
    ]
    assert server.hlen(BASE + b"c:" + PARENT) == MANY


async def test_a_blocked_job_whose_record_cannot_be_read_reaches_a_worker(
    store: RedisBackend, server: redis.Redis
) -> None:
    # Given a blocked job whose record is damaged
    parent = await start(store, make(1))
    await insert(store, child(2))
    server.setrange(BASE + b"j:" + CHILD, 1, b"\xff" * 40)
    # When its parent ends
    await settle(store, complete(parent))
    # Then it is claimed like any other damaged job, and nothing is left of it among the blocked
    (job,) = await claim(store)
    assert (job.id, job.damage is not None) == (job_id(2), True)
    assert [queue.blocked for queue in (await store.stats()).queues] == []
