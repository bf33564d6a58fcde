"""The raw floor on Redis: what a hand-written loop does with a stream, and with no guarantee but the stream's own.

Draining: one pipeline acknowledges 200 entries, stores their 200 results and reads the next 200. Submit-and-wait is a
ping-pong of two lists. Enqueueing is XADD: one by one, by 100 coroutines, and in pipelines.
"""

from __future__ import annotations

import os
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import redis
import redis.asyncio
import uvloop

from benchmarks.contenders import protocol
from benchmarks.contenders.protocol import Options

STREAM, GROUP, CALLS = "jobs", "workers", "calls"
COUNT = 200
RESULT_SECONDS = 3600


def noop() -> int:
    return 1


def block() -> int:
    time.sleep(protocol.BLOCK_SECONDS)
    return 1


def fields(options: Options) -> dict[Any, Any]:
    job = {"id": uuid.uuid4().hex, "task": options.task}
    if options.arguments:
        job["data"] = options.arguments[0]
    return job


def enqueue(options: Options) -> None:
    if options.mode == "flight":
        uvloop.run(enqueue_in_flight(options))
        return
    client = redis.Redis.from_url(options.url)
    if options.mode == "one":
        protocol.repeat(options, lambda: client.xadd(STREAM, fields(options)))
        return

    def add(count: int) -> None:
        pipe = client.pipeline(transaction=False)
        for _ in range(count):
            pipe.xadd(STREAM, fields(options))
        pipe.execute()

    protocol.in_bulk(options, add)


async def enqueue_in_flight(options: Options) -> None:
    pool = redis.asyncio.BlockingConnectionPool.from_url(options.url, max_connections=options.inflight)
    client = redis.asyncio.Redis(connection_pool=pool)
    await protocol.repeat_async(options, lambda: client.xadd(STREAM, fields(options)))
    await client.aclose()
    await pool.disconnect()


def entries(answer: Any) -> list[tuple[bytes, dict[bytes, bytes]]]:
    """What an XREADGROUP of one stream brought."""
    return answer[0][1] if answer else []


def drain(options: Options) -> None:
    """Runs no-op jobs in this thread, blocking jobs in a pool of threads, a batch at a time."""
    client = redis.Redis.from_url(options.url)
    try:
        client.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
    except redis.ResponseError:
        pass  # another process made it
    consumer = str(os.getpid())
    pool = ThreadPoolExecutor(options.threads) if options.purpose == "threads" else None
    count = options.threads if pool else COUNT
    batch = entries(None)
    while True:
        if not batch:
            batch = entries(client.xreadgroup(GROUP, consumer, {STREAM: ">"}, count=count, block=1000))
            continue
        results = list(pool.map(lambda _: block(), batch)) if pool else [noop() for _ in batch]
        pipe = client.pipeline(transaction=False)
        pipe.xack(STREAM, GROUP, *(entry for entry, _ in batch))
        for (_, job), result in zip(batch, results, strict=True):
            pipe.set(b"result:" + job[b"id"], result, ex=RESULT_SECONDS)
        pipe.xreadgroup(GROUP, consumer, {STREAM: ">"}, count=count)
        batch = entries(pipe.execute()[-1])


def answer_calls(options: Options) -> None:
    client = redis.Redis.from_url(options.url)
    while True:
        found = client.blpop([CALLS], timeout=1)
        if found:
            client.lpush(found[1], noop())


def wait(options: Options) -> None:
    if options.inflight > 1:
        uvloop.run(wait_in_flight(options))
        return
    client = redis.Redis.from_url(options.url)

    def call() -> None:
        reply = uuid.uuid4().hex
        client.lpush(CALLS, reply)
        client.blpop([reply])

    protocol.repeat(options, call)


async def wait_in_flight(options: Options) -> None:
    pool = redis.asyncio.BlockingConnectionPool.from_url(options.url, max_connections=options.inflight)
    client = redis.asyncio.Redis(connection_pool=pool)

    async def call() -> None:
        reply = uuid.uuid4().hex
        await client.lpush(CALLS, reply)
        await client.blpop([reply])

    await protocol.repeat_async(options, call)
    await client.aclose()
    await pool.disconnect()


def main() -> None:
    options = protocol.parse()
    if options.verb == "enqueue":
        enqueue(options)
    elif options.verb == "wait":
        wait(options)
    else:
        protocol.run_workers(options, lambda: (answer_calls if options.purpose == "wait" else drain)(options))


if __name__ == "__main__":
    main()
