"""Celery on Redis: the solo pool for no-op jobs (least overhead), threads for blocking ones, chatter switched off."""

# mypy: ignore-errors
# pyright: basic, reportMissingImports=false

from __future__ import annotations

import os
import sys
import time

from celery import Celery

from benchmarks.contenders import protocol
from benchmarks.contenders.protocol import Options

URL = os.environ.get("CELERY_BENCH_URL", "redis://127.0.0.1:1/0")

app = Celery("bench", broker=URL, backend=URL)
app.conf.update(
    task_default_queue="bench",
    task_ignore_result=False,
    worker_prefetch_multiplier=200,
    worker_hijack_root_logger=False,
    broker_pool_limit=100,
    broker_connection_retry_on_startup=True,
    redis_max_connections=400,
    result_expires=3600,
)


@app.task(name="noop")
def noop() -> int:
    return 1


@app.task(name="payload")
def payload(data: str) -> int:
    return 1


@app.task(name="block")
def block() -> int:
    time.sleep(protocol.BLOCK_SECONDS)
    return 1


def work(options: Options) -> None:
    pool, concurrency = ("threads", options.threads) if options.purpose == "threads" else ("solo", 1)
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "ERROR"]
    name = f"bench{os.getpid()}@localhost"
    app.worker_main(["worker", "--pool", pool, "--concurrency", str(concurrency), "--hostname", name, *quiet])


def main() -> None:
    options = protocol.parse()
    if os.environ.get("CELERY_BENCH_URL") != options.url:
        os.environ["CELERY_BENCH_URL"] = options.url
        os.execv(sys.executable, [sys.executable, "-m", "benchmarks.contenders.peer_celery", *sys.argv[1:]])
    if options.verb == "worker":
        protocol.run_workers(options, lambda: work(options))
        return
    task = app.tasks[options.task]
    if options.verb == "enqueue":
        protocol.repeat(options, lambda: task.apply_async(options.arguments))
    else:
        protocol.repeat(options, lambda: task.delay().get(timeout=30))


if __name__ == "__main__":
    main()
