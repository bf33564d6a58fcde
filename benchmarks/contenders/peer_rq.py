"""RQ with SimpleWorker, which runs jobs in the worker's own process: the default forks for every job."""

# mypy: ignore-errors
# pyright: basic, reportMissingImports=false

from __future__ import annotations

import logging

import redis
from rq import Queue, SimpleWorker

from benchmarks.contenders import protocol
from benchmarks.contenders.protocol import Options


def noop() -> int:
    return 1


def payload(data: str) -> int:
    return 1


def path(task: str) -> str:
    return f"benchmarks.contenders.peer_rq.{task}"


def open_queue(options: Options) -> Queue:
    return Queue("bench", connection=redis.Redis.from_url(options.url))


def enqueue(options: Options) -> None:
    queue = open_queue(options)
    task = path(options.task)
    if options.mode != "bulk":
        protocol.repeat(options, lambda: queue.enqueue(task, *options.arguments))
        return

    def add(count: int) -> None:
        queue.enqueue_many([Queue.prepare_data(task, options.arguments) for _ in range(count)])

    protocol.in_bulk(options, add)


def wait(options: Options) -> None:
    queue = open_queue(options)

    def call() -> None:
        result = queue.enqueue(path("noop")).latest_result(timeout=30)
        if result is None or result.return_value != 1:
            raise RuntimeError(f"no result: {result}")

    protocol.repeat(options, call)


def work(options: Options) -> None:
    queue = open_queue(options)
    SimpleWorker([queue], connection=queue.connection).work(logging_level="WARNING", with_scheduler=False)


def main() -> None:
    logging.basicConfig(level=logging.WARNING)
    options = protocol.parse()
    if options.verb == "worker":
        protocol.run_workers(options, lambda: work(options))
    elif options.verb == "enqueue":
        enqueue(options)
    else:
        wait(options)


if __name__ == "__main__":
    main()
