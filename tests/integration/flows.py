"""The tasks of the workflow tests, for every pool. The store is ``$ABACA_URL``."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from abaca import Abort, App, Retry

app = App(name="flows")
ONCE = Retry(max_attempts=1)
AGAIN = Retry(max_attempts=4, backoff="none")


@app.task
async def fetch(n: int) -> int:
    return n


@app.task
def double(n: int) -> int:
    """In a thread."""
    return 2 * n


@app.task(pool="process")
def square(n: int) -> int:
    """In a process."""
    return n * n


@app.task(pool="process")
def total(ns: list[int]) -> int:
    """In a process, with all results."""
    return sum(ns)


@app.task
async def present(ns: list[int | None]) -> int:
    return sum(n is not None for n in ns)


@app.task(retry=ONCE)
def gate(n: int, path: str = "") -> int:
    """Fails until there is a file."""
    if not os.path.exists(path):
        raise Abort(f"{path} is not there")
    return n


@app.task
def note(n: int, path: str = "") -> int:
    with Path(path).open("a") as file:
        file.write(f"{n}\n")
    return n


@app.task(retry=AGAIN)
def die_twice(n: int, path: str = "") -> int:
    """Kills its process in its first two runs."""
    note.fn(n, path)
    if len(Path(path).read_text().split()) <= 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return n + 1
