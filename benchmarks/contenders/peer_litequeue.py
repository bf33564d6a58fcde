"""litequeue as it comes (WAL, NORMAL): a loop of pop and done. It stores no results and runs no functions."""

# mypy: ignore-errors
# pyright: basic, reportMissingImports=false

from __future__ import annotations

import time

from litequeue import LiteQueue

from benchmarks.contenders import protocol
from benchmarks.contenders.protocol import Options

IDLE_SECONDS = 0.001


def open_queue(options: Options) -> LiteQueue:
    return LiteQueue(options.url.removeprefix("sqlite:///"), queue_name="bench")


def enqueue(options: Options) -> None:
    queue = open_queue(options)
    data = options.arguments[0] if options.arguments else options.task
    if options.mode == "one":
        protocol.repeat(options, lambda: queue.put(data))
        return

    def add(count: int) -> None:
        with queue.transaction():
            for _ in range(count):
                queue.put(data)

    protocol.in_bulk(options, add)


def work(options: Options) -> None:
    queue = open_queue(options)
    while True:
        message = queue.pop()
        if message is None:
            time.sleep(IDLE_SECONDS)
        else:
            queue.done(message.message_id)


def main() -> None:
    options = protocol.parse()
    if options.verb == "worker":
        protocol.run_workers(options, lambda: work(options))
    else:
        enqueue(options)


if __name__ == "__main__":
    main()
