"""The application that worker processes of these tests run. The store is ``$ABACA_URL``."""

from __future__ import annotations

import asyncio
import ctypes
import os
import re
import threading
import time
from pathlib import Path

from abaca import App, Ctx, Retry

app = App(name="yard")
no_backoff = Retry(max_attempts=4, backoff="none")


def note(path: str, text: object) -> None:
    """Append a line, whole."""
    with Path(path).open("a") as file:
        file.write(f"{text}\n")


def is_there(path: str) -> bool:
    return os.path.exists(path)


async def file_is_there(path: str) -> None:
    while not is_there(path):  # noqa: ASYNC110
        await asyncio.sleep(0.01)  # sleeps: a file that another process makes gives no signal


@app.task(retry=no_backoff)
async def hold(marks: str, go_on: str) -> int:
    """Notes its process, then waits for a file."""
    note(marks, os.getpid())
    await file_is_there(go_on)
    return os.getpid()


@app.task(retry=Retry(max_attempts=50, backoff="none"))
async def nap(marks: str, n: int, ms: int) -> int:
    """Notes begin and end, so that starts and ends can be counted."""
    note(marks, f"begin:{n}:{time.monotonic()}:{os.getpid()}")
    await asyncio.sleep(ms / 1000)  # sleeps: a job that takes its time
    note(marks, f"end:{n}:{time.monotonic()}:{os.getpid()}")
    return n


@app.task(retry=Retry(max_attempts=1))
def hold_gil(marks: str, how: str) -> int:
    """Keeps the interpreter's lock, so that nothing else in its process moves."""
    note(marks, os.getpid())
    if how == "sleep":
        return int(ctypes.PyDLL(None).sleep(60))
    return 1 if re.match(r"(a+)+$", "a" * 60 + "b") else 0


@app.task(retry=Retry(max_attempts=1))
def spin(marks: str) -> int:
    """A busy loop in a thread, deaf to its flag."""
    note(marks, os.getpid())
    while True:
        pass


@app.task(retry=Retry(max_attempts=1))
async def swallow(marks: str) -> int:
    """A coroutine that eats every cancel."""
    note(marks, os.getpid())
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            note(marks + ".eaten", 1)


@app.task(pool="process", retry=no_backoff)
def hold_in_process(marks: str, go_on: str) -> int:
    note(marks, os.getpid())
    pause = threading.Event()
    while not os.path.exists(go_on):
        pause.wait(0.01)
    return os.getpid()


@app.task(retry=no_backoff)
async def speak(ctx: Ctx, marks: str, go_on: str, says: str) -> str:
    """Like ``hold``, and reports when it is let go."""
    note(marks, f"{os.getpid()}:{ctx.attempt}:{ctx.fence}")
    await file_is_there(go_on)
    ctx.progress(1, message=says)
    return f"{says} {ctx.fence}"


@app.task(pool="process", retry=no_backoff)
def nap_apart(marks: str, n: int, ms: int) -> int:
    time.sleep(ms / 1000)  # sleeps: a job that takes its time
    return n
