"""Ends the jobs of one store from a process of its own, each a random moment after it is told to.

It claims every job first and says ``ready``. Then each line that it reads is a job's id; the job is completed with the
value 7 between 0 and 10 ms later, and the line that answers holds the id and the monotonic clock after the store had
acknowledged it.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from abaca.backend import Backend
from abaca.backends import open_backend
from abaca.errors import BackendUnavailable
from abaca.model import Job, Lease, Settle, Want
from abaca.policy.decide import decide
from abaca.policy.outcome import Returned

LEASE = Lease(worker="lander", ms=600_000)
LATEST = 0.010

T = TypeVar("T")


class Lander:
    """Lands results through one backend; those that are due in the same turn of the loop travel together."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._jobs: dict[str, Job] = {}
        self._held = 0
        self._due: list[str] = []
        self._sending: set[asyncio.Task[None]] = set()
        self.landed: dict[str, float] = {}
        self.done = asyncio.Event()
        """Set once every job that was claimed has ended."""

    async def claim(self, count: int) -> None:
        """Hold ``count`` jobs."""
        want = Want(queues=("default",), slots=dict.fromkeys(("async", "thread", "process"), 1000))
        while len(self._jobs) < count:
            answer = await _insist(lambda: self._backend.exchange([], want, LEASE))
            self._jobs |= {job.id: job for job in answer.jobs}
        self._held = len(self._jobs)

    def land_soon(self, id: str) -> None:
        asyncio.get_running_loop().call_later(random.uniform(0, LATEST), self._land, id)

    async def land(self, count: int) -> None:
        """End so many of the jobs that are held, now."""
        ids = list(self._jobs)[:count]
        for start in range(0, len(ids), 1000):
            await self._send(ids[start : start + 1000])

    def _land(self, id: str) -> None:
        if not self._due:
            asyncio.get_running_loop().call_soon(self._flush)
        self._due.append(id)

    def _flush(self) -> None:
        task = asyncio.create_task(self._send(self._due))
        self._due = []
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _send(self, ids: list[str]) -> None:
        jobs = [self._jobs.pop(id) for id in ids]
        settles = [
            Settle(id=job.id, epoch=job.epoch, to=decide(job, Returned(result=b"7"), lambda: 0.5)) for job in jobs
        ]
        await _insist(lambda: self._backend.exchange(settles, None, LEASE))
        now = time.monotonic()
        self.landed.update(dict.fromkeys(ids, now))
        self._held -= len(ids)
        if not self._held:
            self.done.set()


async def _insist(call: Callable[[], Awaitable[T]]) -> T:
    """Repeat a call while the store is away; each failed one backs off by itself."""
    while True:
        try:
            return await call()
        except BackendUnavailable:
            await asyncio.sleep(0)


async def main(url: str, count: int) -> None:
    backend = open_backend(url)
    await backend.open()
    lander = Lander(backend)
    await lander.claim(count)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    for _ in range(count):
        lander.land_soon((await orders.readline()).decode().strip())
    await lander.done.wait()
    sys.stdout.writelines(f"{id} {at}\n" for id, at in lander.landed.items())
    await backend.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
