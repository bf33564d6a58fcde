"""``python -m tests.soak --minutes 60 [--store sqlite|redis]``: exit status 1 when something grew or stood still."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from abaca import App
from abaca.errors import AbacaError
from abaca.tasks import Call
from tests.integration.crew import WorkerProcess
from tests.servers import RedisServer, require_redis
from tests.soak.watch import Series, lasting, look, standstills

JOBS = "tests.soak.jobs"
WORKERS = 2
EVERY = 1.0
BATCH = 25
SLACK = 300.0
"""Seconds that start and end of a run may take."""
RATE = 60.0
"""Jobs in a second: enough that every path is walked again and again, few enough that a small machine keeps up."""
SHARES = {"quick": 60, "slow": 12, "threaded": 12, "apart": 6, "failing": 4, "large": 4, "late": 2}


class Soak:
    """Load on one store for some minutes, its workers watched."""

    def __init__(self, app: App, seconds: float) -> None:
        self._app = app
        self._ends = time.monotonic() + seconds
        self._seconds = seconds
        self._rng = random.Random(1)
        self._number = 0
        self._waited = 0
        self._series: dict[int, Series] = {}
        self._ended: list[tuple[float, int, int]] = []
        self._began = time.monotonic()

    async def run(self, workers: list[WorkerProcess]) -> bool:
        async with self._app:
            watching = asyncio.create_task(self._watch(workers))
            under_way: set[asyncio.Task[None]] = set()
            while time.monotonic() < self._ends:
                task = asyncio.create_task(self._batch())
                under_way.add(task)
                task.add_done_callback(under_way.discard)
                await asyncio.sleep(BATCH / RATE)  # sleeps: a steady load
            if under_way:
                await asyncio.wait(under_way, timeout=60)
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        return self._tell(workers)

    async def _batch(self) -> None:
        calls = [self._call() for _ in range(BATCH)]
        handles = await self._app.enqueue_many(calls)
        await self._app.job(handles[0].id).outcome(60)
        await self._app.job(self._rng.choice(handles).id).cancel()
        self._waited += 1

    def _call(self) -> Call[object]:
        self._number += 1
        name = self._rng.choices(list(SHARES), list(SHARES.values()))[0]
        return self._app.tasks[name].call(self._number)

    async def _watch(self, workers: list[WorkerProcess]) -> None:
        while True:
            at = time.monotonic() - self._began
            for number, worker in enumerate(workers, 1):
                for place, pid in enumerate(lasting(worker.pid)):
                    sample = look(pid, at)
                    name = f"worker {number} " + ("supervisor" if place == 0 else f"runner or keeper {place}")
                    if sample is not None:
                        self._series.setdefault(pid, Series(name)).samples.append(sample)
            try:
                stats = await self._app.stats()
            except AbacaError:
                continue
            due = sum(queue.due for queue in stats.queues)
            self._ended.append((at, sum(stats.totals.values()), due))
            await asyncio.sleep(EVERY)  # sleeps: the time between samples

    def _tell(self, workers: list[WorkerProcess]) -> bool:
        hours = self._seconds / 3600
        faults = standstills(self._ended)
        faults += [f"worker {number} ended" for number, worker in enumerate(workers, 1) if not worker.is_running]
        print(f"  {self._number:,} jobs asked for, {self._ended[-1][1]:,} ended, {self._waited:,} batches waited for")
        for series in self._series.values():
            print(series.line(hours))
            faults += series.faults()
        for fault in faults:
            print(f"  - {fault}")
        return not faults


@contextmanager
def store(kind: str, folder: Path) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite:///{folder}/soak.db"
        return
    server = RedisServer(require_redis(), folder / "redis", appendonly=True)
    server.start()
    try:
        yield server.url
    finally:
        server.stop()


def soak(kind: str, minutes: float) -> bool:
    with tempfile.TemporaryDirectory() as folder, store(kind, Path(folder)) as url:
        print(f"{kind}, {minutes:g} minutes, {WORKERS} workers, {RATE:g} jobs in a second", flush=True)
        flags = {"lease": "15s", "beat": "5s", "concurrency": "20", "log_level": "critical"}
        workers = [WorkerProcess(url, f"{JOBS}:app", **flags) for _ in range(WORKERS)]
        try:
            os.environ["ABACA_URL"] = url
            app: App = importlib.import_module(JOBS).app  # made without a URL: it takes that of the environment
            return asyncio.run(Soak(app, minutes * 60).run(workers))
        finally:
            for worker in workers:
                worker.kill()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--store", choices=("sqlite", "redis", "both"), default="both")
    given = parser.parse_args()
    if given.store == "both":  # each in a process of its own: an application has one store
        again = [sys.executable, "-m", "tests.soak", "--minutes", str(given.minutes), "--store"]
        most = given.minutes * 60 + SLACK
        return max(subprocess.call([*again, kind], timeout=most) for kind in ("sqlite", "redis"))
    held = soak(given.store, given.minutes)
    print("flat" if held else "NOT FLAT")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
