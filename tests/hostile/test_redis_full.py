"""A Redis without room: memory used up, a disk that is full, keys evicted against the rules."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from abaca.backend import Backend
from abaca.backends import open_backend
from abaca.codec.ids import new_id
from abaca.errors import BackendUnavailable
from abaca.model import Job, Lease, NewJob, Settle, State, Transition, Verdict, Want
from tests.conftest import MakeRedis
from tests.integration.crew import eventually
from tests.servers import Option, RedisServer, require_redis

LEASE = Lease(worker="w", ms=60_000)
WANT = Want(queues=("default",), slots={"": 20})
DONE = Transition(target=State.COMPLETED, attempts=1, result=b"1", keep_ms=3_600_000)
BATCH = 20
ROOM = b"x" * 500


def jobs() -> list[NewJob]:
    return [NewJob(id=new_id(), task="t", args=ROOM) for _ in range(BATCH)]


async def opened(server: RedisServer) -> Backend:
    store = open_backend(server.url)
    await store.open()
    return store


async def fill(store: Backend) -> tuple[list[str], list[str], str]:
    """Insert until the store refuses: the ids that it acknowledged, those that it refused, and why."""
    acknowledged: list[str] = []
    for _ in range(2000):
        batch = jobs()
        try:
            await store.insert(batch)
        except BackendUnavailable as refusal:
            return acknowledged, [job.id for job in batch], str(refusal)
        acknowledged += [job.id for job in batch]
    pytest.fail(f"the store took {len(acknowledged)} jobs and never refused one")


async def present(store: Backend, ids: list[str]) -> list[Job]:
    found = [await store.get(ids[first : first + 1000]) for first in range(0, len(ids), 1000)]
    return [job for page in found for job in page if job is not None]


async def finish_all(store: Backend, jobs: list[Job]) -> None:
    answer = await store.exchange([Settle(id=job.id, epoch=job.epoch, to=DONE) for job in jobs], None, LEASE)
    assert answer.verdicts == [Verdict.APPLIED] * len(jobs)


async def test_a_store_that_fills_up_refuses_whole_batches_and_stays_sound(make_redis: MakeRedis) -> None:
    # Given a server with room for some more jobs, and jobs that run
    server = make_redis()
    store = await opened(server)
    await store.insert(jobs())
    running = (await store.exchange([], WANT, LEASE)).jobs
    used = int(server.command("INFO", "memory")["used_memory"])
    server.command("CONFIG", "SET", "maxmemory", used + 1_500_000)
    # When jobs are inserted until it is full
    acknowledged, refused, why = await fill(store)
    # Then what was acknowledged is all there, the refused batch not at all, and an audit finds nothing
    assert "the store is full" in why
    assert len(await present(store, acknowledged)) == len(acknowledged)
    assert await present(store, refused) == []
    assert await store.audit() == []
    # And what runs can end, and more can be claimed and end
    await finish_all(store, running)
    await finish_all(store, (await store.exchange([], WANT, LEASE)).jobs)
    assert await store.audit() == []
    # And with more room new jobs are taken again
    server.command("CONFIG", "SET", "maxmemory", 0)
    await store.insert(jobs())
    assert await store.audit() == []
    await store.close()


async def test_what_a_wrong_eviction_policy_took_is_told_and_the_rest_is_mended(make_redis: MakeRedis) -> None:
    # Given a store with jobs in every state, whose server is set to drop any key after it was opened
    server = make_redis()
    store = await opened(server)
    for _ in range(40):
        await store.insert([NewJob(id=new_id(), task="t", args=ROOM, key=new_id()) for _ in range(BATCH)])
    await finish_all(store, (await store.exchange([], WANT, LEASE)).jobs)
    running = (await store.exchange([], WANT, LEASE)).jobs
    assert len(running) == BATCH
    # When memory is short
    used = int(server.command("INFO", "memory")["used_memory"])
    server.command("CONFIG", "SET", "maxmemory-samples", 20)
    server.command("CONFIG", "SET", "maxmemory-policy", "allkeys-random")
    server.command("CONFIG", "SET", "maxmemory", used - 300_000)
    server.command("SET", "elsewhere", "x")
    assert int(server.command("INFO", "stats")["evicted_keys"]) > 50
    server.command("CONFIG", "SET", "maxmemory", 0)
    # Then an audit finds what is missing, and mends what can be made anew
    faults = await store.audit(repair=True)
    assert faults
    assert await store.audit() == []
    # And every job whose record is left comes to its end
    assert await drain(store) == 0
    assert await store.audit() == []
    await store.close()


async def drain(store: Backend) -> int:
    """Reclaim and claim until nothing comes; answers how many jobs still live."""
    want = Want(queues=("default",), slots={"": 1000}, max_bytes=1 << 30)
    for _ in range(5):
        found = [*await store.reclaim(1000, LEASE), *(await store.exchange([], want, LEASE)).jobs]
        await finish_all(store, found)
    stats = await store.stats()
    return sum(queue.due + queue.later for queue in stats.queues)


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A filesystem of that size in memory; skips the test where it cannot be made."""
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True, timeout=20
    )
    if made.returncode:
        pytest.skip(f"a small filesystem cannot be mounted here: {made.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True, timeout=20)


def make_room(folder: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=50m", str(folder)], check=True, timeout=20)


@pytest.mark.redis
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small filesystem")
@pytest.mark.parametrize("fsync", ["always", "everysec"])
async def test_a_full_disk_acknowledges_nothing_that_it_cannot_keep(tmp_path: Path, fsync: str) -> None:
    with small_disk(tmp_path / "disk", "2m") as disk:
        # Given a server whose append-only file is on a small disk
        options: dict[str, Option] = {"appendonly": True, "appendfsync": fsync, "auto_aof_rewrite_percentage": 0}
        server = RedisServer(require_redis(), disk, **options)
        server.start()
        store = await opened(server)
        try:
            # When jobs are inserted until the disk is full
            acknowledged, _, why = await fill(store)
            if fsync == "everysec":
                assert "cannot write to its disk" in why
                # Then reads go on, and with room so do writes
                assert len(await present(store, acknowledged)) == len(acknowledged)
                make_room(disk)
                await eventually(lambda: taken(store))
            # And after a restart with room the store agrees with its records, and what `always` acknowledged is there
            await store.close()
            server.kill()
            make_room(disk)
            server.start()
            store = await opened(server)
            left = await present(store, acknowledged)
            assert fsync == "everysec" or len(left) == len(acknowledged)
            assert await store.audit() == []
            await store.insert(jobs())
        finally:
            await store.close()
            server.kill()


async def taken(store: Backend) -> bool | None:
    try:
        await store.insert(jobs())
    except BackendUnavailable:
        return None
    await asyncio.sleep(0)
    return True
