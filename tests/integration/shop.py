"""The application that worker processes of these tests run, as it is today and after its next deploy.

The store is ``$ABACA_URL``.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import subprocess
import threading
from pathlib import Path

from abaca import App, Retry

app = App(name="shop")
next_app = App(name="shop")
ONCE = Retry(max_attempts=1)
THREE_TIMES = Retry(max_attempts=3, backoff="none")


async def square(n: int, ms: int = 0) -> int:
    """Takes its time as a coroutine."""
    try:
        async with asyncio.timeout(ms / 1000):
            await asyncio.Event().wait()
    except TimeoutError:
        pass
    return n * n


def cube(n: int, ms: int = 0) -> int:
    """Takes its time in a thread."""
    threading.Event().wait(ms / 1000)
    return n**3


async def patient(started: str, go_on: str) -> str:
    """Says where it runs, then waits for a file."""
    note(started, str(os.getpid()))
    while not is_there(go_on):
        await square(0, ms=10)
    return "done"


def pill() -> None:
    """Kills the process that it runs in, whichever that is."""
    os.kill(os.getpid(), signal.SIGKILL)


def hold_lock(started: str, seconds: int) -> int:
    """C code that never lets go of the interpreter's lock: nothing in its process runs meanwhile."""
    note(started, "started")
    return int(ctypes.PyDLL(None).sleep(seconds))


def deaf_thread(started: str, seconds: int) -> int:
    """Does not look at its flag."""
    note(started, "started")
    threading.Event().wait(seconds)
    return seconds


async def deaf_coroutine(started: str, seconds: int) -> int:
    """Takes every cancel as a reason to go on."""
    note(started, "started")
    ends = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < ends:
        try:
            await square(0, ms=1000)
        except asyncio.CancelledError:
            continue
    return seconds


def leave() -> None:
    """Ends its process as if all were well."""
    os._exit(0)


def stop_a_program(number: int) -> int:
    """Starts a program that says when it is there, stops it with a signal, and answers how it ended."""
    with subprocess.Popen(["sh", "-c", "echo; exec sleep 50"], stdout=subprocess.PIPE) as program:
        assert program.stdout is not None
        program.stdout.readline()
        program.send_signal(number)
        return program.wait(20)


async def discount(percent: int) -> int:
    """Known only after the deploy."""
    return 100 - percent


def is_there(path: str) -> bool:
    return os.path.exists(path)


def note(path: str, text: str) -> None:
    """Append a line, whole."""
    with Path(path).open("a") as file:
        file.write(f"{text}\n")


for each in (app, next_app):
    each.task(square)
    each.task(cube)
    each.task(patient)
    each.task(retry=THREE_TIMES)(pill)
    each.task(retry=THREE_TIMES)(leave)
    each.task(retry=ONCE)(hold_lock)
    each.task(pool="process", retry=ONCE)(stop_a_program)
    each.task(retry=ONCE)(deaf_thread)
    each.task(retry=ONCE)(deaf_coroutine)
next_app.task(discount)
