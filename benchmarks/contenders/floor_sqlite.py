"""The raw floor on SQLite: WAL and NORMAL, one transaction takes 200 jobs, runs them and stores their 200 results.

A process that dies in between loses nothing and repeats the batch; nobody else can work meanwhile.
"""

from __future__ import annotations

import sqlite3
import time
import uuid

from benchmarks.contenders import protocol
from benchmarks.contenders.protocol import Options

COUNT = 200
IDLE_SECONDS = 0.001
SCHEMA = """
CREATE TABLE IF NOT EXISTS job (id TEXT NOT NULL, task TEXT NOT NULL, data TEXT);
CREATE TABLE IF NOT EXISTS result (id TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
"""


def noop() -> int:
    return 1


def connect(options: Options) -> sqlite3.Connection:
    connection = sqlite3.connect(options.url.removeprefix("sqlite:///"), timeout=30, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.executescript(SCHEMA)
    return connection


def rows(options: Options, count: int) -> list[tuple[str, str, str | None]]:
    data = options.arguments[0] if options.arguments else None
    return [(uuid.uuid4().hex, options.task, data) for _ in range(count)]


def enqueue(options: Options) -> None:
    connection = connect(options)
    insert = "INSERT INTO job VALUES (?, ?, ?)"
    if options.mode == "one":
        protocol.repeat(options, lambda: connection.execute(insert, rows(options, 1)[0]))
        return

    def add(count: int) -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(insert, rows(options, count))
        connection.execute("COMMIT")

    protocol.in_bulk(options, add)


def work(options: Options) -> None:
    connection = connect(options)
    take = "DELETE FROM job WHERE rowid IN (SELECT rowid FROM job ORDER BY rowid LIMIT ?) RETURNING id"
    while True:
        connection.execute("BEGIN IMMEDIATE")
        batch = connection.execute(take, (COUNT,)).fetchall()
        connection.executemany("INSERT INTO result VALUES (?, ?)", [(job, noop()) for (job,) in batch])
        connection.execute("COMMIT")
        if not batch:
            time.sleep(IDLE_SECONDS)


def main() -> None:
    options = protocol.parse()
    if options.verb == "worker":
        protocol.run_workers(options, lambda: work(options))
    else:
        enqueue(options)


if __name__ == "__main__":
    main()
