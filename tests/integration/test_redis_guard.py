"""What the Redis store asks of a server before it trusts it with jobs, and what it does when memory is full."""

from __future__ import annotations

import pytest
import redis

from abaca.backends.redis import from_url
from abaca.codec.ids import new_id
from abaca.errors import BackendUnavailable, ConfigError
from abaca.model import Beat, Cancelled, Inserted, Lease, NewJob, Settle, State, Transition, Verdict, Want
from tests.conftest import MakeRedis
from tests.servers import Option

LEASE = Lease(worker="w", ms=15_000)
WANT = Want(queues=("default",), slots={"": 1})
DONE = Transition(target=State.COMPLETED, attempts=1, result=b"1", keep_ms=60_000)


@pytest.mark.parametrize("policy", ["allkeys-lru", "allkeys-random"])
async def test_a_policy_that_drops_any_key_is_refused(make_redis: MakeRedis, policy: str) -> None:
    # Given a server that would evict jobs, when a store opens it, then it is refused with the command that mends it
    store = from_url(make_redis(maxmemory_policy=policy).url, None)
    with pytest.raises(ConfigError, match=f"{policy}.*CONFIG SET maxmemory-policy noeviction"):
        await store.open()
    await store.close()


async def test_a_policy_that_drops_expiring_keys_is_allowed_because_no_job_expires(make_redis: MakeRedis) -> None:
    # Given a server that evicts expiring keys, with a job that waits, one that runs and one that ended
    server = make_redis(maxmemory_policy="volatile-lru")
    store = from_url(server.url, None)
    await store.open()
    await store.insert([NewJob(id=new_id(), task="t", key=f"k{number}") for number in range(3)])
    ended, _ = (await store.exchange([], Want(queues=("default",), slots={"": 2}), LEASE)).jobs
    await store.exchange([Settle(id=ended.id, epoch=1, to=DONE)], None, LEASE)
    # Then no key has a time to live
    with redis.Redis(host="127.0.0.1", port=server.port) as client:
        assert {client.ttl(key) for key in client.scan_iter()} == {-1}
    await store.close()


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"appendonly": True, "appendfsync": "always"}, "loss of power (AOF"),
        ({"appendonly": True, "appendfsync": "everysec"}, "one second"),
        ({"save": "60 1"}, "last snapshot"),
        ({}, "nothing survives"),
    ],
)
async def test_durability_is_told_as_the_server_is_set(
    make_redis: MakeRedis, options: dict[str, Option], word: str
) -> None:
    store = from_url(make_redis(**options).url, None)
    await store.open()
    assert word in store.durability
    await store.close()


async def test_a_user_who_may_not_read_the_configuration_can_work(make_redis: MakeRedis) -> None:
    # Given a user with rights on the store's keys and channels, and none on the server
    server = make_redis()
    rules = ["~abaca:*", "&abaca:*", "+@all", "-@dangerous", "-@admin"]
    server.command("ACL", "SETUSER", "worker", "on", ">pw", *rules)
    store = from_url(server.url.replace("redis://", "redis://worker:pw@"), None)
    # When a store is opened with it
    await store.open()
    # Then it works, and the durability is said to be unknown
    assert "unknown" in store.durability
    assert (await store.insert([NewJob(id=new_id(), task="t")]))[0].outcome is Inserted.INSERTED
    watch = await store.watch(["queue:default"])
    await watch.close()
    await store.close()


async def test_a_wrong_password_is_a_setting_to_mend(make_redis: MakeRedis) -> None:
    server = make_redis(requirepass="right")
    store = from_url(server.url.replace("redis://", "redis://:wrong@"), None)
    with pytest.raises(ConfigError, match=r"does not let this client in.*check the store URL"):
        await store.open()
    await store.close()


async def test_a_full_store_takes_no_jobs_but_lets_running_ones_end(make_redis: MakeRedis) -> None:
    # Given two waiting jobs, one of them running, and a server whose memory is used up
    server = make_redis()
    store = from_url(server.url, None)
    await store.open()
    jobs = [NewJob(id=new_id(), task="t") for _ in range(2)]
    await store.insert(jobs)
    await store.exchange([], WANT, LEASE)
    server.command("CONFIG", "SET", "maxmemory", "1mb")
    # When a job is inserted, then it is refused and nothing of it is there
    refused = NewJob(id=new_id(), task="t", key="k")
    with pytest.raises(BackendUnavailable, match="the store is full"):
        await store.insert([refused])
    assert await store.get([refused.id]) == [None]
    assert server.command("EXISTS", "abaca:{00}:u:k") == 0
    # And beats, settles, claims, cancels and reclaims go on
    assert (await store.beat(None, [Beat(id=jobs[0].id, epoch=1)], LEASE))[0].alive
    answer = await store.exchange([Settle(id=jobs[0].id, epoch=1, to=DONE)], WANT, LEASE)
    assert answer.verdicts == [Verdict.APPLIED]
    assert [job.id for job in answer.jobs] == [jobs[1].id]
    assert await store.cancel([jobs[1].id]) == [Cancelled.FLAGGED]
    assert await store.reclaim(1, LEASE) == []
    assert await store.purge(10) == 0
    await store.close()


async def test_a_replica_is_reported_as_unavailable_not_as_a_bug(make_redis: MakeRedis) -> None:
    # Given a server that became a replica after the store was opened
    server = make_redis()
    store = from_url(server.url, None)
    await store.open()
    server.command("REPLICAOF", "127.0.0.1", "1")
    # When a job is inserted, then the caller is told to try again
    with pytest.raises(BackendUnavailable, match="replica"):
        await store.insert([NewJob(id=new_id(), task="t")])
    await store.close()
