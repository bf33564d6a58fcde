"""``python -m benchmarks.service.streams``: what open streams cost one process, and who pays for a slow one.

For each store, ``--streams`` streams of jobs (``/jobs/{id}/events``, each of another job), then as many of the whole
(``/events``), read by a client in a process of its own: memory of the service before and after (its resident pages),
its CPU while nothing happens, and how long a change takes to be seen. Then as many readers who read nothing while
another stream of each of their jobs is read: what the ones who read wait, and what the ones who do not cost.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import msgspec

from abaca import App
from abaca.model import Job, Kind, Lease, NewUpdate, Settle, State, Transition, Want
from benchmarks.meter import cpu_seconds
from benchmarks.server import running_redis
from benchmarks.service.places import Place, served
from benchmarks.service.watchers import Seen, Watch

LEASE = Lease(worker="w-benchmark", ms=600_000)
DONE = Transition(target=State.COMPLETED, attempts=1, result=b"null", keep_ms=600_000)
IDLE_SECONDS = 8.0
PATIENCE = 60.0
CHANGED = 50
"""How many jobs are cancelled, one by one, to see how soon their streams tell it."""
SLOW = 20
LINES, LINE_BYTES = 800, 10_000
"""More than a connection's buffers in the kernel hold."""


class Reader:
    """The client's process."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._in: IO[bytes] = process.stdin
        self._out: IO[bytes] = process.stdout

    def open(self, watch: Watch) -> Seen:
        return self._say(msgspec.json.encode(watch))

    def seen(self) -> Seen:
        return self._say(b"")

    def _say(self, line: bytes) -> Seen:
        self._in.write(line + b"\n")
        self._in.flush()
        return msgspec.json.decode(self._out.readline(), type=Seen)


@contextmanager
def watching(watch: Watch) -> Iterator[Reader]:
    command = [sys.executable, "-m", "benchmarks.service.watchers"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        reader = Reader(process)
        reader.open(watch)
        yield reader
    finally:
        process.terminate()
        process.communicate()


def resident(pid: int) -> int:
    """Bytes of memory that the process holds."""
    (line,) = [one for one in Path(f"/proc/{pid}/status").read_text().splitlines() if one.startswith("VmRSS")]
    return int(line.split()[1]) * 1024


def idle_cpu(pid: int) -> float:
    """CPU seconds a second, while nothing happens."""
    before = cpu_seconds(pid)
    time.sleep(IDLE_SECONDS)
    return (cpu_seconds(pid) - before) / IDLE_SECONDS


def of_jobs(place: Place, ids: list[str], slow: int = 0) -> Watch:
    return Watch(place.port, [place.request("GET", f"/api/v1/jobs/{id}/events").decode() for id in ids], slow)


def measure_jobs(app: App, place: Place, streams: int) -> Iterator[str]:
    ids = asyncio.run(_enqueue(app, streams))
    with watching(of_jobs(place, ids[:50])):
        pass
    before = resident(place.pid)
    began = time.perf_counter()
    with watching(of_jobs(place, ids)) as reader:
        took = time.perf_counter() - began
        yield _memory(f"{streams:,} streams of jobs", resident(place.pid) - before, streams, before)
        yield f"opened in {took:.1f} s; idle: {idle_cpu(place.pid):.3f} CPU s a second"
        waits = asyncio.run(_cancelled(app, reader, ids))
        yield f"a change is seen after {_figures(waits)}"


def measure_whole(app: App, place: Place, streams: int) -> Iterator[str]:
    watch = Watch(place.port, [place.request("GET", "/api/v1/events").decode()] * streams)
    before = resident(place.pid)
    with watching(watch) as reader:
        yield _memory(f"{streams:,} streams of the whole", resident(place.pid) - before, streams, before)
        yield f"idle: {idle_cpu(place.pid):.3f} CPU s a second"
        had = reader.seen().events
        changed = time.monotonic()
        asyncio.run(_enqueue(app, 1))
        seen = _until(reader, lambda seen: all(now > then for now, then in zip(seen.events, had, strict=True)))
        yield f"a change is seen after {_figures([at - changed for at in seen.latest])}"


def measure_slow(app: App, place: Place, _: int) -> Iterator[str]:
    jobs = asyncio.run(_running(app, SLOW))
    with watching(of_jobs(place, [job.id for job in jobs])) as reader:
        alone = asyncio.run(_written(app, jobs, reader, slow=0))
    jobs = asyncio.run(_running(app, SLOW))
    ids = [job.id for job in jobs]
    with watching(of_jobs(place, ids + ids, slow=SLOW)) as reader:
        opened = resident(place.pid)
        beside = asyncio.run(_written(app, jobs, reader, slow=SLOW))
        grown = resident(place.pid) - opened
    size = LINES * LINE_BYTES / 1e6
    yield f"{size:.0f} MB written to each of {SLOW} jobs, each read: the end is seen after {_figures(alone)}"
    yield (
        f"each with another reader, who reads nothing: after {_figures(beside)}, and memory grew by "
        f"{grown / SLOW / 1e6:.2f} MB for each of those"
    )


def _memory(what: str, grown: int, streams: int, before: int) -> str:
    return f"{what}: {grown / streams / 1024:.1f} KiB each ({before / 1e6:.0f} MB before, {grown / 1e6:.0f} MB more)"


def _figures(seconds: list[float]) -> str:
    return f"{statistics.median(seconds) * 1000:.0f} ms (p50), {max(seconds) * 1000:.0f} ms at most"


def _until(reader: Reader, true: Callable[[Seen], bool]) -> Seen:
    limit = time.monotonic() + PATIENCE
    while not true(seen := reader.seen()):
        if time.monotonic() > limit:
            raise RuntimeError("the streams did not tell what changed")
        time.sleep(0.1)
    return seen


async def _enqueue(app: App, count: int) -> list[str]:
    async with app:
        call = [await app.enqueue_by_name("resize", {"path": f"{number}.png"}) for number in range(count)]
        return [handle.id for handle in call]


async def _cancelled(app: App, reader: Reader, ids: list[str]) -> list[float]:
    step = len(ids) // CHANGED
    chosen = range(0, step * CHANGED, step)
    at: list[float] = []
    async with app:
        for number in chosen:
            at.append(time.monotonic())
            await app.job(ids[number]).cancel()
            await asyncio.sleep(0.02)
    seen = _until(reader, lambda seen: seen.ended >= CHANGED)
    return [seen.latest[number] - then for number, then in zip(chosen, at, strict=True)]


async def _running(app: App, count: int) -> list[Job]:
    async with app:
        for number in range(count):
            await app.enqueue_by_name("resize", {"path": f"{number}.png"}, queue="slow")
        backend = await app.backend()
        return list((await backend.exchange([], Want(queues=("slow",), slots={"async": count}), LEASE)).jobs)


async def _written(app: App, jobs: list[Job], reader: Reader, slow: int) -> list[float]:
    """Write lines into the jobs' logs and end them; for each stream that is read, the seconds until it told the end."""
    line = msgspec.json.encode("x" * LINE_BYTES)
    async with app:
        backend = await app.backend()
        for seq in range(1, LINES + 1):
            updates = [NewUpdate(id=job.id, epoch=job.epoch, seq=seq, kind=Kind.LOG, data=line) for job in jobs]
            await backend.append(updates)
        ended = time.monotonic()
        await backend.exchange([Settle(id=job.id, epoch=job.epoch, to=DONE) for job in jobs], None, LEASE)
    seen = _until(reader, lambda seen: seen.ended >= len(jobs))
    return [at - ended for at in seen.latest[slow:]]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.service.streams")
    parser.add_argument("--streams", type=int, default=2_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with running_redis(folder, "aof") as redis:
            for url in (redis.url, f"sqlite:///{folder / 'jobs.db'}"):
                print(f"\n{url.partition(':')[0]}\n")
                for measure in (measure_jobs, measure_whole, measure_slow):
                    with served(url, folder) as place:  # a fresh one: memory that was freed is used again
                        for line in measure(App(url), place, asked.streams):
                            print(f"- {line}", flush=True)


if __name__ == "__main__":
    main()
