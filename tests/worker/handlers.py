"""Tasks that child processes must be able to import. Each does one thing, most of them harm."""

from __future__ import annotations

import ctypes
import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from abaca.app import App
from abaca.context import Ctx
from abaca.errors import Abort, Snooze

app = App("memory://")


def note(path: str, text: object) -> None:
    """Append a line to a file, whole: how a handler tells the test what it did."""
    with open(path, "a") as file:
        file.write(f"{text}\n")


def wait_for_file(path: str) -> None:
    while not os.path.exists(path):
        time.sleep(0.01)  # sleeps: a file that another process makes gives no signal


@app.task(pool="process")
def add(a: int, b: int) -> int:
    return a + b


@app.task
def add_in_a_thread(a: int, b: int) -> int:
    return a + b


@app.task(pool="process")
def pid() -> int:
    return os.getpid()


@app.task(pool="process")
def exit_zero() -> int:
    os._exit(0)


@app.task(pool="process")
def sys_exit() -> int:
    sys.exit(0)


@app.task(pool="process")
def die_of(number: int) -> int:
    os.kill(os.getpid(), number)
    return number


@app.task(pool="process")
def segfault() -> int:
    ctypes.string_at(0)
    return 0


@app.task(pool="process")
def spin(started: str) -> int:
    """A loop that only a signal ends."""
    note(started, os.getpid())
    while True:
        pass


@app.task(pool="process")
def stubborn(started: str) -> int:
    """Ignores SIGTERM, so that only SIGKILL helps."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    note(started, os.getpid())
    while True:
        signal.pause()


@app.task(pool="process")
def hold_gil(started: str) -> bool:
    """C code that never ends, never looks for signals, and never lets go of the interpreter's lock."""
    note(started, os.getpid())
    return all(itertools.repeat(True))


@app.task(pool="process")
def tidy_up(started: str, ended: str) -> int:
    """Notices the order to stop and has time for last words."""
    note(started, os.getpid())
    try:
        signal.pause()
    finally:
        note(ended, "tidied")
    return 0


@app.task(pool="process")
def close_all_files() -> int:
    os.closerange(3, 1024)
    return 1


@app.task(pool="process")
def change_the_house() -> int:
    """Leaves its process in a state that no other job would like."""
    os.chdir("/")
    os.environ.clear()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    return os.getpid()


@app.task(pool="process")
def leave_grandchild(started: str, then_die: bool) -> int:
    """Starts a process in its own group that would live on."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
    note(started, child.pid)
    if then_die:
        os.kill(os.getpid(), signal.SIGKILL)
    return child.pid


@app.task(pool="process")
def fork_and_die(started: str) -> int:
    """The forked process inherits every descriptor, the link to the worker included."""
    child = os.fork()
    if child == 0:
        signal.pause()
        os._exit(0)
    note(started, child)
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


@app.task(pool="process")
def grow(megabytes: int) -> int:
    app.ballast = bytearray(megabytes << 20)  # type: ignore[attr-defined]
    return os.getpid()


@app.task(pool="process")
def count_progress(ctx: Ctx, times: int) -> int:
    for n in range(1, times + 1):
        ctx.progress(n, times)
    ctx.log.info("counted", times=times)
    return times


@app.task(pool="process")
def outcome_of(kind: str) -> int:
    """Ends as it is told to."""
    match kind:
        case "snooze":
            raise Snooze(60)
        case "abort":
            raise Abort("no use")
        case "keyboard":
            raise KeyboardInterrupt
        case "generator":
            raise GeneratorExit
    raise ValueError(kind)


@app.task(pool="process")
def too_large() -> str:
    return "x" * 2_000_000


@app.task(pool="process")
def recursion() -> int:
    return int(recursion.fn()) + 1


@app.task
def pill(marks: str, name: str) -> str:
    """Kills the process that runs it, whichever that is."""
    note(marks, name)
    os.kill(os.getpid(), signal.SIGKILL)
    return name


@app.task
def note_and_wait(path: str, go_on: str) -> int:
    note(path, os.getpid())
    wait_for_file(go_on)
    return os.getpid()


@app.task(pool="process")
def note_and_wait_apart(path: str, go_on: str) -> int:
    note(path, os.getpid())
    wait_for_file(go_on)
    return os.getpid()


@app.task
def quiet() -> int:
    return os.getpid()


def lines(path: str | Path) -> list[str]:
    try:
        return Path(path).read_text().split()
    except FileNotFoundError:
        return []


def undecorated(n: int) -> int:
    """Becomes a task by a call, so that its module's name for it is still the plain function."""
    return n + 1


app.task(pool="process")(undecorated)


@app.task(pool="process")
def stepping(ctx: Ctx, path: str) -> str:
    """Two steps with a failure between, an effect of each in the file."""
    first = ctx.step_sync("first", noted, path, "first")
    if ctx.attempt == 1:
        raise OSError("between")
    return first + ctx.step_sync("second", noted, path, "second")


@app.task(pool="process")
def sleeping(ctx: Ctx, path: str) -> str:
    note(path, "run")
    ctx.sleep_sync("50ms")
    return str(ctx.wait_event_sync("go", type=str))


@app.task
async def stepping_async(ctx: Ctx, path: str) -> str:
    """The same for a coroutine, which runs here when it is under quarantine."""
    first = await ctx.step("first", noted_async, path, "first")
    if ctx.attempt == 1:
        raise OSError("between")
    return first + await ctx.step("second", noted, path, f"second:{os.getpid()}")


def noted(path: str, word: str) -> str:
    note(path, word)
    return word


async def noted_async(path: str, word: str) -> str:
    return noted(path, word)


@app.task(pool="process")
def counting(ctx: Ctx, path: str, until: int) -> Iterator[int]:
    """Yields numbers from where it stopped; its first attempt fails half way."""
    note(path, ctx.resume_from)
    for n in range(ctx.resume_from, until):
        if ctx.attempt == 1 and n == until // 2:
            raise OSError("half way")
        yield n


@app.task
async def counting_async(ctx: Ctx, path: str, until: int) -> AsyncIterator[int]:
    note(path, ctx.resume_from)
    for n in range(ctx.resume_from, until):
        if ctx.attempt == 1 and n == until // 2:
            raise OSError("half way")
        yield n
