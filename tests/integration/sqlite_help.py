"""Small parts for the tests of the SQLite store."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import apsw

from abaca.backends.sqlite import SqliteBackend, from_url
from abaca.clock import Clock
from abaca.model import Job, Lease, NewJob, Settle, State, Transition, Want

LEASE = Lease(worker="worker-1", ms=15_000)


def job_id(number: int) -> str:
    return f"{number:030x}00"


def make(number: int, task: str = "work", queue: str = "default", key: str | None = None) -> NewJob:
    return NewJob(id=job_id(number), task=task, queue=queue, key=key)


def want(slots: int = 100, hold_ms: int = 0) -> Want:
    return Want(queues=("default",), slots={"": slots}, hold_ms=hold_ms)


def complete(job: Job) -> Settle:
    to = Transition(target=State.COMPLETED, attempts=job.attempts + 1, result=b'"done"', keep_ms=3_600_000)
    return Settle(id=job.id, epoch=job.epoch, to=to)


@asynccontextmanager
async def opened(url: str, clock: Clock | None = None) -> AsyncIterator[SqliteBackend]:
    store = from_url(url, clock)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


async def claim(store: SqliteBackend, slots: int = 100) -> list[Job]:
    return (await store.exchange([], want(slots), LEASE)).jobs


def by_hand(path: Path, statement: str) -> list[tuple[object, ...]]:
    """Run a statement beside the store, on a connection of our own to the same SQLite library."""
    connection = apsw.Connection(str(path))
    try:
        connection.set_busy_timeout(5000)
        return list(connection.execute(statement).fetchall())
    finally:
        connection.close()


_PRELUDE = """
import asyncio, os, sys
from tests.integration.sqlite_help import *
url = sys.argv[1]
def say(*words): print(*words, flush=True)
"""


@contextmanager
def process(script: str, url: str) -> Iterator[subprocess.Popen[str]]:
    """Another process on the same file; it talks over its standard input and output, and is killed if it still runs."""
    child = subprocess.Popen(
        [sys.executable, "-c", _PRELUDE + script, url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    try:
        yield child
    finally:
        child.kill()
        child.communicate(timeout=20)


def hear(child: subprocess.Popen[str]) -> str:
    """The next line that the process says, or nothing when it has ended."""
    assert child.stdout is not None
    return child.stdout.readline().strip()


def tell(child: subprocess.Popen[str], word: str = "go") -> None:
    assert child.stdin is not None
    child.stdin.write(word + "\n")
    child.stdin.flush()
