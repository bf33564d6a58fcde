"""The append-only file after loss of power and damage: cut at its end, and overwritten in its middle."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from abaca import App
from abaca.backend import Backend
from abaca.backends import open_backend
from abaca.cli.doctor import EXIT_CANNOT_JUDGE
from abaca.model import BUCKET, QUEUE, Settle, State, Transition, Want
from abaca.testing import ManualClock
from abaca.testing.conformance.making import LEASE
from abaca.testing.differential import perform
from tests.conftest import MakeRedis
from tests.hostile.prefixes import held, program, states
from tests.integration import shop
from tests.integration.crew import crew
from tests.servers import Option, RedisServer, ServerError, require_redis

CALLS = 250
CUTS = 6
ALWAYS: dict[str, Option] = {"appendonly": True, "appendfsync": "always", "auto_aof_rewrite_percentage": 0}


def log_of(server: RedisServer) -> Path:
    (found,) = (server.folder / "appendonlydir").glob("*.incr.aof")
    return found


@pytest.mark.parametrize("seed", [3, 8])
async def test_a_cut_append_only_file_loses_a_suffix_and_nothing_else(make_redis: MakeRedis, seed: int) -> None:
    # Given a server that was killed after some hundreds of random calls
    server = make_redis(**ALWAYS)
    calls, ids = await program(seed, CALLS)
    clock = ManualClock()
    store = open_backend(server.url, clock)
    await store.open()
    for call in calls:
        await perform(call, store, clock)
    await store.close()
    server.kill()
    known = await states(calls, ids)
    whole = log_of(server).stat().st_size
    rand = random.Random(seed)
    reached = set()
    for number, cut in enumerate([1, *(rand.randrange(2, whole) for _ in range(CUTS))]):
        # When a copy of its file is cut by some bytes, and a server starts on it
        again = RedisServer(require_redis(), server.folder.with_name(f"cut-{number}"), **ALWAYS)
        shutil.copytree(server.folder, again.folder)
        os.truncate(log_of(again), whole - cut)
        again.start()
        store = open_backend(again.url, clock)
        try:
            await store.open()
            # Then the store holds what it held after some earlier call, and agrees with its records
            found = await held(store, ids)
            assert found in known, f"cut by {cut} bytes"
            reached.add(known.index(found))
            assert await store.audit() == [], f"cut by {cut} bytes"
            # And the queue serves: all that is left comes to its end
            await drain(store, clock)
            left = [job for job in await store.get(ids) if job is not None]
            assert all(job.state.ended for job in left)
            assert await store.audit() == []
        finally:
            await store.close()
            again.kill()
    assert len(reached) > 2, "the cuts should reach several states"


async def drain(store: Backend, clock: ManualClock) -> None:
    """Lift pauses and limits, then reclaim and claim until all is over."""
    settings = [record for kind in (QUEUE, BUCKET) for record in await store.scan(kind, "", 100)]
    await store.put([msgspec.structs.replace(record, data=None) for record in settings])
    want = Want(queues=("a", "b"), slots={"": 1000, "x": 1000})
    for _ in range(5):
        clock.advance(100_000)
        jobs = [*await store.reclaim(1000, LEASE), *(await store.exchange([], want, LEASE)).jobs]
        to = Transition(target=State.CANCELLED, attempts=1, keep_ms=10**9)
        await store.exchange([Settle(id=job.id, epoch=job.epoch, to=to) for job in jobs], None, LEASE)


@pytest.mark.chaos
async def test_workers_wait_for_a_server_whose_file_is_damaged_and_carry_on_once_it_is_mended(
    make_redis: MakeRedis,
) -> None:
    server = make_redis(**ALWAYS)
    async with App(server.url) as app:
        square = app.task(shop.square)
        with crew(server.url, 1) as (worker,):
            # Given a worker, jobs that ended, and one that is still to come
            jobs = await app.enqueue_many(square.call(n) for n in range(200))
            assert await asyncio.gather(*(job.result(timeout=30) for job in jobs)) == [n * n for n in range(200)]
            waits = asyncio.create_task((await square.opts(delay=2).enqueue(30)).result(timeout=50))
            # When the server is killed, and its file damaged in the middle
            server.kill()
            file = log_of(server)
            sound = file.read_bytes()
            # Where a command begins: within a value the server would not notice.
            middle = sound.index(b"\r\n*", len(sound) // 2)
            file.write_bytes(sound[:middle] + b"\xff" * 40 + sound[middle + 40 :])
            with pytest.raises(ServerError, match="Bad file format"):
                server.start()
            # Then the worker lives on and tries again, and a doctor says that the store cannot be judged
            worker.wait_says("trying again")
            assert await asyncio.to_thread(doctor, server.url) == EXIT_CANNOT_JUDGE
            assert worker.is_running
            # And once the file is mended everything goes on by itself
            file.write_bytes(sound)
            server.start()
            assert await waits == 900
            assert worker.stop() == 0
        assert await (await app.backend()).audit() == []


def doctor(url: str) -> int:
    return subprocess.run(
        [sys.executable, "-m", "abaca", "doctor", url], stdin=subprocess.DEVNULL, timeout=50
    ).returncode
