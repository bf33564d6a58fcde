"""Huey on SQLite: WAL, one consumer thread that looks every millisecond when idle.

Variant ``default`` leaves fsync as Huey sets it (SQLite's own FULL); ``nofsync`` switches it off.
"""

# mypy: ignore-errors
# pyright: basic, reportMissingImports=false

from __future__ import annotations

import logging

from huey import SqliteHuey

from benchmarks.contenders import protocol
from benchmarks.contenders.peer_huey import register
from benchmarks.contenders.protocol import Options


def open_huey(options: Options) -> SqliteHuey:
    settings = {"fsync": False} if options.variant == "nofsync" else {}
    return SqliteHuey("bench", filename=options.url.removeprefix("sqlite:///"), cache_mb=64, **settings)


def work(options: Options) -> None:
    huey = open_huey(options)
    register(huey)
    logging.getLogger("huey").setLevel(logging.WARNING)
    consumer = huey.create_consumer(
        workers=1, worker_type="thread", periodic=False, check_worker_health=False, initial_delay=0.001, max_delay=0.001
    )
    consumer.run()


def main() -> None:
    options = protocol.parse()
    if options.verb == "worker":
        protocol.run_workers(options, lambda: work(options))
        return
    task = register(open_huey(options))[options.task]
    protocol.repeat(options, lambda: task(*options.arguments))


if __name__ == "__main__":
    main()
