"""arq: uvloop, 50 jobs at once, the queue read 250 at a time and polled without a pause worth the name."""

# mypy: ignore-errors
# pyright: basic, reportMissingImports=false

from __future__ import annotations

import asyncio
import logging

import arq
import uvloop
from arq.connections import RedisSettings

from benchmarks.contenders import protocol
from benchmarks.contenders.protocol import Options

CONCURRENCY = 50


async def noop(ctx) -> int:
    return 1


async def payload(ctx, data: str) -> int:
    return 1


def settings(options: Options) -> RedisSettings:
    return RedisSettings.from_dsn(options.url)


async def enqueue(options: Options) -> None:
    pool = await arq.create_pool(settings(options))
    await protocol.repeat_async(options, lambda: pool.enqueue_job(options.task, *options.arguments))
    await pool.aclose()


async def wait(options: Options) -> None:
    pool = await arq.create_pool(settings(options))
    interval = 0.001 if options.inflight == 1 else 0.02

    async def call() -> None:
        job = await pool.enqueue_job("noop")
        await job.result(poll_delay=interval)

    await protocol.repeat_async(options, call)
    await pool.aclose()


def work(options: Options) -> None:
    asyncio.set_event_loop(asyncio.new_event_loop())
    arq.run_worker(
        Settings,
        redis_settings=settings(options),
        poll_delay=0.002 if options.purpose == "wait" else 0.01,
    )


class Settings:
    functions = (noop, payload)
    max_jobs = CONCURRENCY
    queue_read_limit = 5 * CONCURRENCY
    log_results = False


def main() -> None:
    logging.basicConfig(level=logging.WARNING)
    uvloop.install()
    options = protocol.parse()
    if options.verb == "worker":
        protocol.run_workers(options, lambda: work(options))
    else:
        asyncio.run(enqueue(options) if options.verb == "enqueue" else wait(options))


if __name__ == "__main__":
    main()
