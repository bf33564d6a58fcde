"""SAQ: uvloop, orjson in place of json, 30 jobs at once, up to 100 operations in flight."""

# mypy: ignore-errors
# pyright: basic, reportMissingImports=false

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor

import orjson
import redis.asyncio
import uvloop
from saq import Worker
from saq.queue.redis import RedisQueue

from benchmarks.contenders import protocol
from benchmarks.contenders.protocol import Options

CONCURRENCY = 30
OPERATIONS = 100


async def noop(ctx) -> int:
    return 1


async def payload(ctx, *, data: str) -> int:
    return 1


def block(ctx) -> int:
    time.sleep(protocol.BLOCK_SECONDS)
    return 1


def open_queue(options: Options) -> RedisQueue:
    return RedisQueue(
        redis.asyncio.from_url(options.url),
        name="bench",
        dump=orjson.dumps,
        load=orjson.loads,
        max_concurrent_ops=OPERATIONS,
    )


async def enqueue(options: Options) -> None:
    queue = open_queue(options)
    arguments = {"data": options.arguments[0]} if options.arguments else {}
    await protocol.repeat_async(options, lambda: queue.enqueue(options.task, **arguments))
    await queue.disconnect()


async def wait(options: Options) -> None:
    queue = open_queue(options)
    interval = 0.001 if options.inflight == 1 else 0.02
    await protocol.repeat_async(options, lambda: queue.apply("noop", poll_interval=interval))
    await queue.disconnect()


async def work(options: Options) -> None:
    queue = open_queue(options)
    threads = options.purpose == "threads"
    worker = Worker(queue, [noop, payload, block], concurrency=options.threads if threads else CONCURRENCY)
    worker.pool = ThreadPoolExecutor(options.threads)
    await queue.connect()
    await worker.start()


def main() -> None:
    logging.basicConfig(level=logging.WARNING)
    options = protocol.parse()
    if options.verb == "worker":
        protocol.run_workers(options, lambda: uvloop.run(work(options)))
    else:
        uvloop.run(enqueue(options) if options.verb == "enqueue" else wait(options))


if __name__ == "__main__":
    main()
