"""The command line that every contender speaks, and the timing that all of them share.

A contender is one script, run as a process of its own, so that a peer needs nothing of this project's environment and
this file needs nothing but the standard library:

    python -m benchmarks.contenders.NAME enqueue --url URL --jobs N --mode one|flight|bulk [--inflight K] [--warm N] \\
            [--task noop|own|payload|block|limited|keyed|tenants10|tenants1000]
    ... wait --url URL --jobs N --inflight K [--warm N]
    ... worker --url URL --processes P --threads T --purpose drain|wait|threads

``enqueue`` and ``wait`` print the line ``{"event": "begin"}`` when the warm calls are done and one ``end`` line with
the figures. ``worker`` runs until SIGTERM.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

TASKS = ("noop", "own", "payload", "block", "limited", "keyed", "tenants10", "tenants1000")
PAYLOAD = "x" * 100
BLOCK_SECONDS = 0.01
BULK = 1000
"""How many jobs one bulk call carries, for every contender that has such a call."""


@dataclass(frozen=True)
class Options:
    verb: str
    url: str
    jobs: int
    warm: int
    mode: str
    inflight: int
    task: str
    processes: int
    threads: int
    purpose: str
    variant: str

    @property
    def arguments(self) -> tuple[str, ...]:
        """What a job of this task is called with."""
        return (PAYLOAD,) if self.task == "payload" else ()


def parse() -> Options:
    parser = argparse.ArgumentParser()
    parser.add_argument("verb", choices=["enqueue", "wait", "worker"])
    parser.add_argument("--url", required=True)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--warm", type=int, default=0)
    parser.add_argument("--mode", choices=["one", "flight", "bulk"], default="one")
    parser.add_argument("--inflight", type=int, default=1)
    parser.add_argument(
        "--task",
        choices=TASKS,
        default="noop",
    )
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--threads", type=int, default=50)
    parser.add_argument("--purpose", choices=["drain", "wait", "threads"], default="drain")
    parser.add_argument("--variant", default="")
    return Options(**vars(parser.parse_args()))


class Stopwatch:
    """Tells the harness when the timed part begins and how it ended. CPU is that of this process, all threads."""

    def __init__(self) -> None:
        self.latencies: list[float] = []
        print(json.dumps({"event": "begin"}), flush=True)
        self._cpu = time.process_time()
        self._wall = time.perf_counter()

    def end(self, jobs: int) -> None:
        seconds = time.perf_counter() - self._wall
        cpu = time.process_time() - self._cpu
        figures = {"event": "end", "jobs": jobs, "seconds": seconds, "cpu": cpu, "latencies": self.latencies}
        print(json.dumps(figures), flush=True)


def repeat(options: Options, call: Callable[[], object]) -> None:
    """Times ``call`` one by one, or in as many threads as jobs are to be in flight."""
    for _ in range(options.warm):
        call()
    if options.inflight > 1:
        _repeat_in_threads(options, call)
        return
    watch = Stopwatch()
    for _ in range(options.jobs):
        start = time.perf_counter()
        call()
        watch.latencies.append(time.perf_counter() - start)
    watch.end(options.jobs)


def _repeat_in_threads(options: Options, call: Callable[[], object]) -> None:
    share = options.jobs // options.inflight
    ready = threading.Barrier(options.inflight + 1)
    failures: list[BaseException] = []

    def work() -> None:
        try:
            call()  # opens this thread's connection outside the timed part
            ready.wait()
            for _ in range(share):
                call()
        except BaseException as error:
            failures.append(error)
            ready.abort()
            raise

    threads = [threading.Thread(target=work, daemon=True) for _ in range(options.inflight)]
    for thread in threads:
        thread.start()
    ready.wait()
    watch = Stopwatch()
    for thread in threads:
        thread.join()
    if failures:
        sys.exit(f"a call failed: {failures[0]!r}")
    watch.end(share * options.inflight)


async def repeat_async(options: Options, call: Callable[[], Awaitable[object]]) -> None:
    """Times ``call`` one by one, or by as many coroutines as jobs are to be in flight."""
    for _ in range(options.warm):
        await call()
    if options.inflight > 1:
        await asyncio.gather(*(call() for _ in range(options.inflight)))
    left = iter(range(options.jobs))
    watch = Stopwatch()

    async def work() -> None:
        for _ in left:
            start = time.perf_counter()
            await call()
            watch.latencies.append(time.perf_counter() - start)

    await asyncio.gather(*(work() for _ in range(options.inflight)))
    watch.end(options.jobs)


def batches(options: Options) -> list[int]:
    """The sizes of the bulk calls that make ``options.jobs`` jobs."""
    full, rest = divmod(options.jobs, BULK)
    return [BULK] * full + ([rest] if rest else [])


def in_bulk(options: Options, call: Callable[[int], object]) -> None:
    """Times ``call(count)`` over the batches."""
    if options.warm:
        call(options.warm)
    watch = Stopwatch()
    for count in batches(options):
        call(count)
    watch.end(options.jobs)


async def in_bulk_async(options: Options, call: Callable[[int], Awaitable[object]]) -> None:
    """Times ``await call(count)`` over the batches."""
    if options.warm:
        await call(options.warm)
    watch = Stopwatch()
    for count in batches(options):
        await call(count)
    watch.end(options.jobs)


def run_workers(options: Options, run: Callable[[], object]) -> None:
    """Runs ``run`` in this process, or in as many children as asked for; SIGTERM ends them."""
    if options.processes == 1:
        run()
        return
    context = multiprocessing.get_context("fork")
    children = [context.Process(target=run) for _ in range(options.processes)]
    for child in children:
        child.start()

    def stop(signum: int, frame: object) -> None:
        for child in children:
            if child.pid is not None:
                os.kill(child.pid, signum)

    signal.signal(signal.SIGTERM, stop)
    for child in children:
        child.join()
