"""Every key is one of the declared ones, and none is left without its owner."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, Protocol

import pytest
import redis

from abaca.backends.redis import RedisBackend, from_url
from abaca.backends.redis.keys import PATTERNS
from abaca.clock import ManualClock
from abaca.codec.ids import new_id
from abaca.model import (
    Change,
    ErrorInfo,
    Keep,
    Kind,
    Lease,
    NewJob,
    NewUpdate,
    Record,
    Settle,
    State,
    Transition,
    Want,
)
from tests.servers import RedisServer

BASE = b"abaca:{00}:"
LEASE = Lease(worker="w", ms=5_000)


class Ask(Protocol):
    """One command, answered in bytes."""

    def __call__(self, *words: str | bytes | int) -> Any: ...


@pytest.fixture
def ask(redis_server: RedisServer) -> Iterator[Ask]:
    with redis.Redis(host="127.0.0.1", port=redis_server.port) as client:
        yield client.execute_command


def all_keys(ask: Ask) -> list[bytes]:
    return sorted(ask("KEYS", "*"))


def some_job(rand: random.Random, id: str) -> NewJob:
    return NewJob(
        id=id,
        task="t",
        queue=rand.choice(["default", "a:b", "x|y"]),
        lane=rand.choice(["", "async"]),
        priority=rand.choice([0, 50, 100]),
        delay_ms=rand.choice([0, 0, 3_000]),
        key=rand.choice([None, None, "k:1", "k2"]),
        keep=rand.choice([None, Keep(completed_ms=1_000, cancelled_ms=1_000, failed_ms=1_000)]),
    )


def some_end(rand: random.Random, id: str, epoch: int) -> Settle:
    target = rand.choice([State.WAITING, State.COMPLETED, State.FAILED, State.CANCELLED])
    error = rand.choice([None, ErrorInfo(type="E")])
    then = tuple(some_job(rand, new_id()) for _ in range(rand.choice([0, 0, 1])))
    to = Transition(target=target, attempts=1, keep_ms=1_000, error=error, then=then)
    return Settle(id=id, epoch=epoch, to=to)


async def step(rand: random.Random, store: RedisBackend, clock: ManualClock, ids: list[str]) -> None:
    clock.advance(rand.choice([0.0, 0.5, 2.0]))
    jobs = [some_job(rand, new_id()) for _ in range(rand.randint(0, 5))]
    await store.insert(jobs)
    ids += [job.id for job in jobs]
    want = Want(queues=("default", "a:b", "x|y"), slots={"": 3, "async": 3})
    running = (await store.exchange([], want, LEASE)).jobs + await store.reclaim(2, LEASE)
    updates = [NewUpdate(id=job.id, epoch=job.epoch, seq=1, kind=rand.choice(list(Kind))) for job in running]
    await store.append(updates)
    await store.exchange([some_end(rand, job.id, job.epoch) for job in running if rand.random() < 0.8], None, LEASE)
    chosen = rand.sample(ids, min(3, len(ids)))
    await store.cancel(chosen[:1])
    await store.requeue([(id, 1) for id in chosen[1:2]])
    await store.amend([Change(id=id, priority=7, delete=rand.random() < 0.5) for id in chosen[2:]])
    await store.put([Record(kind="kind", id=rand.choice(["a", "b:c"]), data=b"x", expires_ms=1_000)])
    if rand.random() < 0.3:
        await store.purge(100)


async def running_in(store: RedisBackend, ask: Ask, name: bytes) -> set[bytes]:
    """The jobs of a group of leases that have not left it."""
    listed = ask("GET", BASE + name)
    ids = {listed[at : at + 16] for at in range(0, len(listed), 16)}
    jobs = await store.get([id.hex() for id in ids])
    return {
        id
        for id, job in zip(ids, jobs, strict=True)
        if job is not None and job.state is State.RUNNING and job.lease_until == int(name[2:])
    }


async def test_keys_are_declared_and_owned_after_a_random_run(redis_url: str, ask: Ask) -> None:
    # Given a random run
    rand, clock, ids = random.Random(7), ManualClock(), list[str]()
    store = from_url(redis_url, clock)
    await store.open()
    for _ in range(150):
        await step(rand, store, clock, ids)
    # Then every key is a declared one
    assert [key for key in all_keys(ask) if not key.startswith(BASE)] == []
    names = [key[len(BASE) :] for key in all_keys(ask)]
    assert [name for name in names if not any(pattern.fullmatch(name) for pattern in PATTERNS)] == []
    # And lines, leases, ends, logs and keys point to jobs that are there, each job in exactly one place
    jobs = {name[2:] for name in names if name.startswith(b"j:")}
    placed = [id for name in names if name.startswith(b"w:") for id in ask("ZRANGE", BASE + name, 0, -1)]
    placed += ask("ZRANGE", BASE + b"ended", 0, -1)
    groups = {name[2:]: await running_in(store, ask, name) for name in names if name.startswith(b"l:")}
    placed += [id for group in groups.values() for id in group]
    assert sorted(placed) == sorted(jobs)
    # And running jobs are counted where they stand
    assert sorted(groups) == sorted(ask("ZRANGE", BASE + b"leases", 0, -1))
    counted = {instant: int(count) for instant, count in ask("HGETALL", BASE + b"running").items()}
    assert counted == {instant: len(group) for instant, group in groups.items()}
    assert {name[2:] for name in names if name[:2] in (b"g:", b"t:")} <= jobs
    held = [ask("GET", BASE + name) for name in names if name.startswith(b"u:")]
    live = {job.id for job in await store.get([id.hex() for id in jobs]) if job and not job.state.ended}
    assert {id.hex() for id in held if id} <= live
    await store.close()


async def test_nothing_but_counters_is_left_when_all_jobs_are_gone(redis_url: str, ask: Ask) -> None:
    # Given a random run, after which every job is ended
    rand, clock, ids = random.Random(11), ManualClock(), list[str]()
    store = from_url(redis_url, clock)
    await store.open()
    for _ in range(60):
        await step(rand, store, clock, ids)
    clock.advance(3600)
    while running := await store.reclaim(100, LEASE):
        to = Transition(target=State.CANCELLED, attempts=0, keep_ms=0)
        await store.exchange([Settle(id=job.id, epoch=job.epoch, to=to) for job in running], None, LEASE)
    want = Want(queues=("default", "a:b", "x|y"), slots={"": 1000, "async": 1000})
    for job in (await store.exchange([], want, LEASE)).jobs:
        to = Transition(target=State.COMPLETED, attempts=1, keep_ms=0)
        await store.exchange([Settle(id=job.id, epoch=job.epoch, to=to)], None, LEASE)
    # When everything is past its keep and its tombstone's
    for _ in range(3):
        clock.advance(30 * 86_400)
        while await store.purge(1000):
            pass
    await store.exchange([], want, LEASE)
    await store.scan("kind", "", 10)
    await store.purge(1)
    # Then only the totals and the clock are left
    assert {key[len(BASE) :] for key in all_keys(ask)} == {b"totals", b"clock"}
    await store.close()


async def test_a_prefix_keeps_stores_apart(redis_url: str, ask: Ask) -> None:
    # Given two stores in one database, each with its prefix
    one, other = from_url(redis_url, None), from_url(f"{redis_url}?prefix=other", None)
    job = NewJob(id=new_id(), task="t")
    await one.insert([job])
    # Then the second knows nothing of the first's job
    assert await other.get([job.id]) == [None]
    await other.insert([job])
    assert {key.split(b":", 1)[0] for key in all_keys(ask)} == {b"abaca", b"other"}
    await one.close()
    await other.close()


async def test_an_id_of_another_partition_is_refused_with_the_reason(redis_url: str) -> None:
    store = from_url(redis_url, None)
    good, foreign = NewJob(id=new_id(), task="t"), NewJob(id=new_id(1), task="t")
    receipts = await store.insert([foreign, good])
    assert [receipt.outcome.name for receipt in receipts] == ["REFUSED", "INSERTED"]
    assert "partition 01" in receipts[0].reason
    await store.close()


async def test_a_record_with_an_end_leaves_by_itself(redis_url: str, ask: Ask) -> None:
    # Given a record that ends in a minute by the server's own clock, then the key ends with it
    store = from_url(redis_url, None)
    await store.put([Record(kind="kind", id="a", data=b"x", expires_ms=60_000)])
    assert 0 < ask("PTTL", BASE + b"r:kind:a") <= 60_000
    await store.close()
