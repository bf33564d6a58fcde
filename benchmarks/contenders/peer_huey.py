"""Huey on Redis: two consumer threads per process for no-op jobs, 50 for blocking ones; results pushed when waited for.

Blocking pops have no acknowledgement: a job whose process dies is gone.
"""

# mypy: ignore-errors
# pyright: basic, reportMissingImports=false

from __future__ import annotations

import logging
import time

from huey import RedisHuey

from benchmarks.contenders import protocol
from benchmarks.contenders.protocol import Options


def open_huey(options: Options) -> RedisHuey:
    return RedisHuey("bench", url=options.url, notify_result=options.verb == "wait" or options.purpose == "wait")


def register(huey) -> dict:
    @huey.task()
    def noop() -> int:
        return 1

    @huey.task()
    def payload(data: str) -> int:
        return 1

    @huey.task()
    def block() -> int:
        time.sleep(protocol.BLOCK_SECONDS)
        return 1

    return {"noop": noop, "payload": payload, "block": block}


def work(options: Options) -> None:
    huey = open_huey(options)
    register(huey)
    logging.getLogger("huey").setLevel(logging.WARNING)
    workers = options.threads if options.purpose == "threads" else 2
    huey.create_consumer(workers=workers, worker_type="thread", periodic=False, check_worker_health=False).run()


def main() -> None:
    options = protocol.parse()
    if options.verb == "worker":
        protocol.run_workers(options, lambda: work(options))
        return
    task = register(open_huey(options))[options.task]
    if options.verb == "enqueue":
        protocol.repeat(options, lambda: task(*options.arguments))
    else:
        protocol.repeat(options, lambda: task().get(blocking=True, timeout=30))


if __name__ == "__main__":
    main()
