"""Abaca on Redis, through its public face and the worker of its command line, per-job logs off as for everybody.

The tasks are imported late: their App opens the store that the command line names.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from itertools import count, cycle
from pathlib import Path

import uvloop

from benchmarks.contenders import protocol
from benchmarks.contenders.protocol import Options

SLOTS = 800
"""Jobs at once in one runner process, where they are coroutines."""
TASKS = "benchmarks.contenders.abaca_tasks"


Calls = tuple[Callable[[], Awaitable[object]], Callable[[int], Awaitable[object]]]
"""How one job is enqueued, and how many are."""


def calls(options: Options) -> Calls:
    from benchmarks.contenders.abaca_tasks import app, block, limited, noop, own, payload

    if options.task == "payload":
        data = protocol.PAYLOAD
        return partial(payload.enqueue, data), lambda n: app.enqueue_many(payload.call(data) for _ in range(n))
    if options.task == "block":
        return block.enqueue, lambda n: app.enqueue_many(block.call() for _ in range(n))
    if options.task == "own":
        return own.enqueue, lambda n: app.enqueue_many(own.call() for _ in range(n))
    if options.task == "limited":
        return limited.enqueue, lambda n: app.enqueue_many(limited.call() for _ in range(n))
    if options.task == "keyed":
        keyed = (noop.opts(key=f"{os.getpid()}-{number}") for number in count())
        return lambda: next(keyed).enqueue(), lambda n: app.enqueue_many(next(keyed).call() for _ in range(n))
    if options.task.startswith("tenants"):
        turns = cycle(noop.opts(tenant=f"tenant {number}") for number in range(int(options.task[7:])))
        return lambda: next(turns).enqueue(), lambda n: app.enqueue_many(next(turns).call() for _ in range(n))
    return noop.enqueue, lambda n: app.enqueue_many(noop.call() for _ in range(n))


async def enqueue(options: Options) -> None:
    from benchmarks.contenders.abaca_tasks import app

    async with app:
        one, many = calls(options)
        if options.mode == "bulk":
            await protocol.in_bulk_async(options, many)
        else:
            await protocol.repeat_async(options, one)


async def wait(options: Options) -> None:
    from benchmarks.contenders.abaca_tasks import app, noop

    async with app:
        await protocol.repeat_async(options, noop.run)


def work(options: Options) -> None:
    """Becomes the worker, so that the first process of the tree is its supervisor."""
    slots = options.threads if options.purpose == "threads" else SLOTS
    command = [str(Path(sys.executable).parent / "abaca"), "worker", f"{TASKS}:app", "--queues", "default"]
    command += ["--concurrency", str(slots), "--processes", str(options.processes)]
    os.execv(command[0], command)


def main(url: str, options: Options) -> None:
    os.environ["ABACA_URL"] = url
    os.environ["ABACA_LOG_LEVEL"] = "warning"
    if options.verb == "worker":
        work(options)
    else:
        uvloop.run(enqueue(options) if options.verb == "enqueue" else wait(options))


if __name__ == "__main__":
    parsed = protocol.parse()
    main(parsed.url, parsed)
