"""dramatiq: results in Redis, a deep prefetch; where jobs are waited for, the idle consumer looks every 2 ms."""

# mypy: ignore-errors
# pyright: basic, reportMissingImports=false

from __future__ import annotations

import logging
import signal
import threading
import time

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend

from benchmarks.contenders import protocol
from benchmarks.contenders.protocol import Options

NOOP_THREADS = 2
IDLE_MS = 2
PREFETCH = 500


def open_broker(options: Options) -> RedisBroker:
    broker = RedisBroker(url=options.url)
    broker.add_middleware(Results(backend=RedisBackend(url=options.url), store_results=True))
    dramatiq.set_broker(broker)
    return broker


def register(broker) -> dict:
    def noop() -> int:
        return 1

    def payload(data: str) -> int:
        return 1

    def block() -> int:
        time.sleep(protocol.BLOCK_SECONDS)
        return 1

    return {fn.__name__: dramatiq.actor(fn, broker=broker, queue_name="bench") for fn in (noop, payload, block)}


def work(options: Options) -> None:
    broker = open_broker(options)
    register(broker)
    threads = options.threads if options.purpose == "threads" else NOOP_THREADS
    idle = IDLE_MS if options.purpose == "wait" else 1000
    worker = dramatiq.Worker(broker, worker_threads=threads, worker_timeout=idle)
    worker.queue_prefetch = PREFETCH  # what $dramatiq_queue_prefetch sets
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda signum, frame: ended.set())
    worker.start()
    ended.wait()
    worker.stop(timeout=2000)


def main() -> None:
    logging.basicConfig(level=logging.WARNING)
    options = protocol.parse()
    if options.verb == "worker":
        protocol.run_workers(options, lambda: work(options))
        return
    actor = register(open_broker(options))[options.task]
    if options.verb == "enqueue":
        protocol.repeat(options, lambda: actor.send(*options.arguments))
    else:
        protocol.repeat(options, lambda: actor.send().get_result(block=True, timeout=30_000))


if __name__ == "__main__":
    main()
