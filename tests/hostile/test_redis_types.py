"""Keys of wrong types: a script that cannot do its work does none of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
import redis

from abaca.backends.redis import RedisBackend, from_url
from abaca.errors import BackendError
from abaca.model import (
    After,
    Beat,
    Card,
    Change,
    ErrorInfo,
    Kind,
    Lease,
    NewUpdate,
    Record,
    Settle,
    State,
    Transition,
)
from abaca.testing import ManualClock
from abaca.testing.conformance.making import insert, job_id, make, want
from tests.hostile.damage import ENDED, RUNNING, WAITING, fill
from tests.servers import RedisServer

pytestmark = pytest.mark.damages

BASE = b"abaca:{00}:"
LEASE = Lease(worker="w", ms=15_000)
ERROR = ErrorInfo(type="E")
SECOND, PARENT, CHILD = job_id(4), job_id(6), job_id(7)
AFTER = (After(ids=(PARENT,)),)

Act = Callable[[RedisBackend], Awaitable[object]]


def settle(id: str, target: State, **fields: Any) -> Act:
    to = Transition(target=target, attempts=1, **fields)
    return lambda store: store.exchange([Settle(id=id, epoch=1, to=to)], None, LEASE)


ACTS: dict[str, Act] = {
    "insert": lambda store: store.insert([make(20, key="new"), make(21, delay_ms=50)]),
    "claim": lambda store: store.exchange([], want(slots=5), LEASE),
    "complete": settle(RUNNING, State.COMPLETED, result=b"1", keep_ms=1000),
    "complete a plain one": settle(SECOND, State.COMPLETED, result=b"1", keep_ms=1000),
    "fail": settle(RUNNING, State.FAILED, error=ERROR, keep_ms=1000, then=(make(22, key="then"),)),
    "retry": settle(RUNNING, State.WAITING, error=ERROR, delay_ms=5),
    "reclaim": lambda store: store.reclaim(10, LEASE),
    "beat": lambda store: store.beat(Card(id="w2"), [Beat(id=RUNNING, epoch=1)], LEASE),
    "sign off": lambda store: store.sign_off("w1"),
    "cancel": lambda store: store.cancel([WAITING, RUNNING]),
    "requeue": lambda store: store.requeue([(ENDED, 1)]),
    "amend": lambda store: store.amend([Change(id=WAITING, priority=7)]),
    "delete": lambda store: store.amend([Change(id=ENDED, delete=True)]),
    "end a parent": lambda store: store.cancel([PARENT]),
    "insert a child": lambda store: store.insert([make(23, after=AFTER, key="child")]),
    "delete a child": lambda store: store.amend([Change(id=CHILD, delete=True)]),
    "append": lambda store: store.append([NewUpdate(id=RUNNING, epoch=1, seq=9, kind=kind) for kind in Kind]),
    "purge": lambda store: store.purge(10),
    "put": lambda store: store.put([Record(kind="kind", id="b", data=b"y")]),
}
READS: dict[str, Act] = {
    "get": lambda store: store.get([WAITING]),
    "stats": lambda store: store.stats(),
    "updates": lambda store: store.updates(RUNNING, 0, 10),
    "audit": lambda store: store.audit(),
}


@pytest.fixture
def server(redis_server: RedisServer) -> Iterator[redis.Redis]:
    with redis.Redis(host="127.0.0.1", port=redis_server.port) as client:
        yield client


@pytest.fixture
async def store(redis_url: str, clock: ManualClock) -> AsyncIterator[RedisBackend]:
    """Every kind of key: jobs in each state, edges, keys, logs of both kinds, a card, a record, a clock, totals."""
    backend = from_url(redis_url, clock)
    await backend.open()
    await fill(backend)
    await insert(backend, make(4, priority=90), make(5, queue="other", key="other"))
    await insert(backend, make(6, queue="other"), make(7, queue="other", after=AFTER))
    await backend.exchange([], want(slots=1), LEASE)
    updates = [NewUpdate(id=RUNNING, epoch=1, seq=n, kind=kind) for n, kind in enumerate((Kind.LOG, Kind.ITEM), 1)]
    await backend.append(updates)
    await backend.beat(Card(id="w1"), [], LEASE)
    await backend.put([Record(kind="kind", id="a", data=b"x")])
    clock.advance(3600)
    yield backend
    await backend.close()


def contents(server: redis.Redis) -> dict[bytes, bytes | None]:
    return {key: server.dump(key) for key in server.scan_iter(BASE + b"*")}


def restore(server: redis.Redis, whole: dict[bytes, bytes | None]) -> None:
    server.flushall()
    for key, value in whole.items():
        if value is not None:
            server.restore(key, 0, value)


def spoil(server: redis.Redis, key: bytes) -> None:
    """Another type of value under the key."""
    was = server.type(key)
    server.delete(key)
    if was == b"string":
        server.rpush(key, "x")
    else:
        server.set(key, "x")


@pytest.mark.parametrize("act", ACTS)
async def test_no_verb_does_half_of_its_work_on_a_key_of_a_wrong_type(
    store: RedisBackend, server: redis.Redis, act: str
) -> None:
    whole = contents(server)
    refused = 0
    for key in sorted(whole):
        # Given a store in which one key has a wrong type
        restore(server, whole)
        spoil(server, key)
        before = contents(server)
        # When a verb is called
        try:
            await ACTS[act](store)
        except BackendError:
            # Then it does without that key, or it is refused and nothing has changed
            refused += 1
            assert contents(server) == before, f"{act} did half of its work with {key!r} spoiled"
    # And some keys it does need
    assert refused or act in ("put", "sign off")


@pytest.mark.parametrize("act", READS)
async def test_reading_never_changes_a_damaged_store(store: RedisBackend, server: redis.Redis, act: str) -> None:
    whole = contents(server)
    for key in sorted(whole):
        # Given a store in which one key has a wrong type
        restore(server, whole)
        spoil(server, key)
        before = contents(server)
        # When it is read, then it may be refused, and nothing has changed
        try:
            await READS[act](store)
        except BackendError:
            assert act != "audit", "an audit tells of wrong types, it does not fail on them"
        assert contents(server) == before
