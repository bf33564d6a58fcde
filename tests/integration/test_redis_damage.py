"""Records that cannot be read."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import redis

from abaca.backends.redis import RedisBackend, from_url
from abaca.codec.ids import new_id
from abaca.model import (
    Amended,
    Cancelled,
    Change,
    ErrorInfo,
    Lease,
    NewJob,
    Query,
    Settle,
    State,
    Transition,
    Verdict,
    Want,
)
from tests.servers import RedisServer

pytestmark = pytest.mark.damages

LEASE = Lease(worker="w", ms=1)
WANT = Want(queues=("default",), slots={"": 10})
FAILED = Transition(target=State.FAILED, attempts=0, error=ErrorInfo(type="E"), keep_ms=60_000)


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[RedisBackend]:
    backend = from_url(redis_url, None)
    await backend.open()
    yield backend
    await backend.close()


def overwrite(server: RedisServer, job: NewJob, at: int, data: bytes, *, whole: bool = False) -> None:
    key = b"abaca:{00}:j:" + bytes.fromhex(job.id)
    with redis.Redis(host="127.0.0.1", port=server.port) as client:
        if whole:
            client.set(key, data)
        else:
            client.setrange(key, at, data)


DAMAGE = [
    pytest.param(0, b"not a record at all", True, id="garbage"),
    pytest.param(0, b"", True, id="empty"),
    pytest.param(0, b"\xab" + b"\xff" * 12, True, id="cut short"),
    pytest.param(12, b"\xff\xff\xff\xff", False, id="line that is no text"),
]


@pytest.mark.parametrize(("at", "data", "whole"), DAMAGE)
async def test_a_damaged_job_is_claimed_with_its_damage_and_can_be_failed(
    store: RedisBackend, redis_server: RedisServer, at: int, data: bytes, whole: bool
) -> None:
    # Given a damaged job between two whole ones
    jobs = [NewJob(id=new_id(), task="t") for _ in range(3)]
    await store.insert(jobs)
    overwrite(redis_server, jobs[1], at, data, whole=whole)
    # When they are claimed
    claimed = (await store.exchange([], WANT, LEASE)).jobs
    # Then all come in order, and the one says that it cannot be read
    assert [job.id for job in claimed] == [job.id for job in jobs]
    assert [bool(job.damage) for job in claimed] == [False, True, False]
    # And it can be failed like any other, and is told apart for ever
    answer = await store.exchange([Settle(id=jobs[1].id, epoch=claimed[1].epoch, to=FAILED)], None, LEASE)
    assert answer.verdicts == [Verdict.APPLIED]
    found = (await store.get([jobs[1].id]))[0]
    assert found is not None
    assert found.state is State.FAILED
    assert found.damage


@pytest.mark.parametrize(("at", "data", "whole"), DAMAGE)
async def test_people_can_look_at_a_store_with_a_damaged_job(
    store: RedisBackend, redis_server: RedisServer, at: int, data: bytes, whole: bool
) -> None:
    # Given a damaged job beside a whole one
    damaged, good = NewJob(id=new_id(), task="t"), NewJob(id=new_id(), task="t")
    await store.insert([damaged, good])
    overwrite(redis_server, damaged, at, data, whole=whole)
    # When they are read and searched, then both are there
    found = await store.get([damaged.id, good.id])
    assert [bool(job and job.damage) for job in found] == [True, False]
    assert {job.id for job in (await store.find(Query())).jobs} == {damaged.id, good.id}
    assert (await store.updates(damaged.id, 0, 10)).job is not None


async def test_a_job_that_is_damaged_while_it_runs_is_reclaimed_above_every_earlier_epoch(
    store: RedisBackend, redis_server: RedisServer
) -> None:
    # Given a running job whose record is damaged, and whose lease ended
    job = NewJob(id=new_id(), task="t")
    await store.insert([job])
    await store.exchange([], WANT, Lease(worker="w", ms=0))
    overwrite(redis_server, job, 0, b"garbage", whole=True)
    # When it is reclaimed
    (found,) = await store.reclaim(10, LEASE)
    # Then the fence holds: its epoch is new, and the old holder is refused
    assert found.damage
    assert found.epoch > 1
    stale = await store.exchange([Settle(id=job.id, epoch=1, to=FAILED)], None, LEASE)
    assert stale.verdicts == [Verdict.STALE]


async def test_the_other_verbs_leave_an_unreadable_job_alone(store: RedisBackend, redis_server: RedisServer) -> None:
    job = NewJob(id=new_id(), task="t")
    await store.insert([job])
    overwrite(redis_server, job, 0, b"garbage", whole=True)
    assert await store.cancel([job.id]) == [Cancelled.UNKNOWN]
    assert await store.amend([Change(id=job.id, priority=3)]) == [Amended.UNKNOWN]
    assert (await store.exchange([Settle(id=job.id, epoch=0, to=FAILED)], None, LEASE)).verdicts == [Verdict.STALE]


async def test_an_id_in_a_line_without_a_record_is_dropped(store: RedisBackend, redis_server: RedisServer) -> None:
    # Given a line with an id whose record is gone, as after a damaged append-only file was cut
    gone, good = NewJob(id=new_id(), task="t"), NewJob(id=new_id(), task="t")
    await store.insert([gone, good])
    with redis.Redis(host="127.0.0.1", port=redis_server.port) as client:
        client.delete(b"abaca:{00}:j:" + bytes.fromhex(gone.id))
    # When jobs are claimed, then the whole one comes, and nothing of the other is left
    assert [job.id for job in (await store.exchange([], WANT, LEASE)).jobs] == [good.id]
    assert redis_server.command("EXISTS", "abaca:{00}:w:50||default") == 0
