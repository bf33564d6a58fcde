"""Leases that are kept in groups, one group for the jobs of a claim."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import redis

from abaca.backends.redis import RedisBackend, from_url
from abaca.clock import ManualClock
from abaca.codec.ids import new_id
from abaca.model import Beat, Job, Lease, NewJob, Query, Settle, State, Status, Transition, Verdict, Want
from tests.servers import RedisServer

LEASE = Lease(worker="w", ms=5_000)
WANT = Want(queues=("default",), slots={"": 10})


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def store(redis_url: str, clock: ManualClock) -> AsyncIterator[RedisBackend]:
    backend = from_url(redis_url, clock)
    await backend.open()
    yield backend
    await backend.close()


def ended(result: bytes | None = b"1") -> Transition:
    return Transition(target=State.COMPLETED, attempts=1, result=result, keep_ms=60_000)


async def claim(store: RedisBackend, count: int) -> list[Job]:
    await store.insert([NewJob(id=new_id(), task="t") for _ in range(count)])
    return (await store.exchange([], WANT, LEASE)).jobs


def key_of(job: Job) -> bytes:
    return b"abaca:{00}:j:" + bytes.fromhex(job.id)


async def test_a_group_is_reclaimed_in_parts_and_every_run_once(store: RedisBackend, clock: ManualClock) -> None:
    # Given five runs of one claim whose lease ended, two of them settled in time
    jobs = await claim(store, 5)
    await store.exchange([Settle(id=job.id, epoch=1, to=ended()) for job in jobs[1:3]], None, LEASE)
    clock.advance(6)
    # When they are reclaimed two at a time
    parts = [[job.id for job in await store.reclaim(2, LEASE)] for _ in range(3)]
    # Then each that runs comes once, and all are counted
    left = [jobs[0].id, jobs[3].id, jobs[4].id]
    assert parts == [left[:2], left[2:], []]
    assert (await store.stats()).running == 3


async def test_a_beat_takes_one_run_out_of_its_group(store: RedisBackend, clock: ManualClock) -> None:
    # Given three runs of one claim, of which one was beaten for
    jobs = await claim(store, 3)
    clock.advance(3)
    await store.beat(None, [Beat(id=jobs[1].id, epoch=1)], LEASE)
    clock.advance(3)
    # When the first lease has ended, then the other two are reclaimed
    assert [job.id for job in await store.reclaim(10, LEASE)] == [jobs[0].id, jobs[2].id]
    # And the third once its own has
    clock.advance(3)
    assert [job.id for job in await store.reclaim(10, LEASE)] == [jobs[1].id]
    assert (await store.stats()).running == 3


@pytest.mark.damages
async def test_an_ended_job_that_is_damaged_is_not_taken_for_a_run_of_its_group(
    store: RedisBackend, clock: ManualClock, redis_server: RedisServer
) -> None:
    # Given two runs of one claim: one ended and its record was damaged then, the other's was damaged while it ran
    over, running = await claim(store, 2)
    await store.exchange([Settle(id=over.id, epoch=1, to=ended())], None, LEASE)
    with redis.Redis(host="127.0.0.1", port=redis_server.port) as client:
        client.set(key_of(running), b"garbage")
    clock.advance(6)
    # When the lease has ended, then the one that ran comes back
    assert [job.id for job in await store.reclaim(10, LEASE)] == [running.id]
    # And given another pair of which both ended, one damaged, and one that runs
    over, other, third = await claim(store, 3)
    await store.exchange([Settle(id=job.id, epoch=1, to=ended()) for job in (over, other)], None, LEASE)
    with redis.Redis(host="127.0.0.1", port=redis_server.port) as client:
        client.set(key_of(over), b"garbage")
    clock.advance(6)
    # Then only the one that runs comes back
    assert [job.id for job in await store.reclaim(10, LEASE) if job.id != running.id] == [third.id]


async def test_running_jobs_are_found_page_by_page_across_groups(store: RedisBackend, clock: ManualClock) -> None:
    # Given seven runs of two claims, one of which ended
    jobs = await claim(store, 4)
    clock.advance(1)
    jobs += await claim(store, 3)
    await store.exchange([Settle(id=jobs[1].id, epoch=1, to=ended())], None, LEASE)
    # When they are searched in pages of two
    found: list[str] = []
    cursor: str | None = None
    while True:
        page = await store.find(Query(status=(Status.RUNNING,), limit=2, cursor=cursor))
        found += [job.id for job in page.jobs]
        cursor = page.cursor
        if cursor is None:
            break
    # Then each is there once, in order of its lease
    assert found == [job.id for job in jobs if job is not jobs[1]]


async def test_results_that_differ_travel_together_and_a_repeat_is_known(store: RedisBackend) -> None:
    # Given runs that end with results of their own, some alike, one without, one cancelled
    jobs = await claim(store, 8)
    results = [b"1", b"22", b"", b'"x"', b"1", b"1", None, b"7" * 5000]
    done = [Settle(id=job.id, epoch=1, to=ended(result)) for job, result in zip(jobs, results, strict=True)]
    # When they are settled at once, and once more, and once more with other results
    first = await store.exchange(done, None, LEASE)
    again = await store.exchange(done[::-1], None, LEASE)
    others = [Settle(id=settle.id, epoch=1, to=ended(b"other")) for settle in done]
    late = await store.exchange(others, None, LEASE)
    # Then each has its own, the repeat is known as one, and nothing else applies
    assert [job and job.result for job in await store.get([job.id for job in jobs])] == results
    assert first.verdicts == again.verdicts == [Verdict.APPLIED] * 8
    assert late.verdicts == [Verdict.STALE] * 8
    assert (await store.stats()).totals["completed"] == 8
