"""Instructions that the Redis server executes for each job: figures that hold on a machine with other work on it.

    python -m benchmarks.instructions

Runs ``redis-server`` under valgrind's cachegrind, twice for each workload with different numbers of jobs, and divides
the difference. ``floor`` is the ping-pong of two lists, ``single`` one job at a time for a claim that waits, ``insert``
and ``drain`` are batches of 400. It needs ``valgrind`` and takes some minutes.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import redis

from abaca.backends.redis import RedisBackend, from_url
from abaca.codec import new_id
from abaca.model import Hint, Lease, NewJob, Settle, State, Transition, Want
from benchmarks.server import free_port

BATCH = 400
LEASE = Lease(worker="a-machine-12345-0123456789ab", ms=15_000)
ONE = Want(queues=("default",), slots={"async": 800, "thread": 50}, hold_ms=5_000)
MANY = Want(queues=("default",), slots={"async": BATCH})
DONE = Transition(target=State.COMPLETED, attempts=1, result=b"1", keep_ms=3_600_000)
START_SECONDS = 30.0


def new_jobs(count: int) -> list[NewJob]:
    return [NewJob(id=new_id(), task="benchmarks.noop", args=b"{}", lane="async") for _ in range(count)]


async def floor(url: str, jobs: int) -> None:
    client = redis.Redis.from_url(url)
    for number in range(jobs):
        client.lpush("calls", f"reply-{number:026d}")
        (_, reply) = client.blpop(["calls"])
        client.lpush(reply, 1)
        client.blpop([reply])
    client.close()


async def single(url: str, jobs: int) -> None:
    """As a worker and a client on an idle system: an insert with its subscription, then the end with the next hold."""
    worker, client = from_url(url, None), from_url(url, None)
    await worker.open()
    await client.watch(["any"])
    held = asyncio.ensure_future(worker.exchange([], ONE, LEASE))
    await asyncio.sleep(0.5)
    for job in new_jobs(jobs):
        ended: asyncio.Queue[Hint] = asyncio.Queue()
        attendance = client.attend(job, ended.put_nowait)
        assert attendance is not None
        await attendance.insert()
        assert len((await held).jobs) == 1
        settled = asyncio.ensure_future(worker.exchange([Settle(id=job.id, epoch=1, to=DONE)], None, LEASE))
        held = asyncio.ensure_future(worker.exchange([], ONE, LEASE))
        await ended.get()
        attendance.close()
        await settled
    held.cancel()
    await worker.close()
    await client.close()


async def _filled(url: str, jobs: int) -> RedisBackend:
    store = from_url(url, None)
    await store.open()
    for _ in range(jobs // BATCH):
        await store.insert(new_jobs(BATCH))
    return store


async def insert(url: str, jobs: int) -> None:
    await (await _filled(url, jobs)).close()


async def drain(url: str, jobs: int) -> None:
    """Includes the inserts."""
    store = await _filled(url, jobs)
    done: list[Settle] = []
    for _ in range(jobs // BATCH + 1):
        claimed = (await store.exchange(done, MANY, LEASE)).jobs
        done = [Settle(id=job.id, epoch=1, to=DONE) for job in claimed]
    await store.close()


def instructions(work: Callable[[str, int], Awaitable[None]], jobs: int) -> int:
    folder = Path(tempfile.mkdtemp(prefix="abaca-instructions-"))
    port, counts = free_port(), folder / "counts"
    command = ["valgrind", "--tool=cachegrind", "--cache-sim=no", f"--cachegrind-out-file={counts}", "redis-server"]
    command += ["--port", str(port), "--save", "", "--appendonly", "no", "--dir", str(folder)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        control = redis.Redis(port=port)
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                control.ping()
                break
            except redis.ConnectionError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
        asyncio.run(_run(work, f"redis://127.0.0.1:{port}/0?timeout=60", jobs))
        control.shutdown(nosave=True)
        server.wait()
        (summary,) = [line for line in counts.read_text().splitlines() if line.startswith("summary:")]
        return int(summary.split()[1])
    finally:
        server.kill()
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)


async def _run(work: Callable[[str, int], Awaitable[None]], url: str, jobs: int) -> None:
    await work(url.split("?")[0] if work is floor else url, jobs)


def main() -> None:
    for work, few, many in ((floor, 50, 550), (single, 50, 550), (insert, 4_000, 16_000), (drain, 4_000, 16_000)):
        each = (instructions(work, many) - instructions(work, few)) // (many - few)
        print(f"{work.__name__:7} {each:>10,} instructions of the server for each job", flush=True)


if __name__ == "__main__":
    main()
