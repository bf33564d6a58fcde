"""An application of handlers that do harm, one kind each. The store is ``$ABACA_URL``.

Memory pills run under a limit on their own address space, taken back where the handler survives; the fork bomb under a
limit on processes. None of them is ever run without.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import re
import resource
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from abaca import App, Ctx, Retry
from abaca.model import Job
from abaca.policy.outcome import Outcome
from tests.chaos.yard import file_is_there, note

app = App(name="pills")
ONCE = Retry(max_attempts=1)
TWICE = Retry(max_attempts=2, backoff="none")
THRICE = Retry(max_attempts=3, backoff="none")
ROOM = 300 << 20
LITTLE_ROOM = 24 << 20
"""For frames: more than a million of them take Python half a minute to unwind."""
NOBODY = 65534
BOMBS = 40


@contextmanager
def little_memory(room: int = ROOM) -> Iterator[None]:
    """At most so many bytes more than now."""
    with open("/proc/self/statm") as statm:
        size = int(statm.read().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (size + room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def segfault() -> None:
    ctypes.string_at(0)


def abort() -> None:
    os.abort()


def exit_zero() -> None:
    os._exit(0)


def exit_three() -> None:
    os._exit(3)


def kill_itself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def kill_its_parent() -> None:
    os.kill(os.getppid(), signal.SIGKILL)
    hang()


def stop_its_parent() -> None:
    os.kill(os.getppid(), signal.SIGSTOP)
    segfault()


def close_every_file() -> None:
    os.closerange(3, 4096)


def sys_exit() -> None:
    sys.exit(0)


def interrupt() -> None:
    raise KeyboardInterrupt


def leave_generator() -> None:
    raise GeneratorExit


def cancel_itself() -> None:
    raise asyncio.CancelledError


def eat_memory() -> None:
    with little_memory():
        eaten = []
        while True:
            eaten.append(bytearray(4 << 20))


def recurse_for_ever() -> None:
    def deeper() -> int:
        return deeper() + 1

    sys.setrecursionlimit(10**9)
    try:
        with little_memory(LITTLE_ROOM):
            deeper()
    finally:
        sys.setrecursionlimit(1000)


def hold_the_lock_asleep() -> None:
    ctypes.PyDLL(None).sleep(600)


def hold_the_lock_in_a_regex() -> None:
    re.match(r"(a+)+$", "a" * 60 + "b")


def hold_the_lock_in_a_number() -> None:
    sys.set_int_max_str_digits(0)
    int("9" * 8_000_000)


def spin_deaf() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        pass


def hang() -> None:
    while True:
        signal.pause()


PILLS: dict[str, Callable[[], None]] = {
    pill.__name__: pill
    for pill in (
        segfault,
        abort,
        exit_zero,
        exit_three,
        kill_itself,
        kill_its_parent,
        stop_its_parent,
        close_every_file,
        sys_exit,
        interrupt,
        leave_generator,
        cancel_itself,
        eat_memory,
        recurse_for_ever,
        hold_the_lock_asleep,
        hold_the_lock_in_a_regex,
        hold_the_lock_in_a_number,
        spin_deaf,
    )
}


@app.task(pool="process", retry=TWICE)
def take_apart(marks: str, pill: str) -> str:
    """The pill in a process of its own."""
    note(marks, f"{pill}:{os.getpid()}")
    PILLS[pill]()
    return pill


@app.task(retry=TWICE)
def take_inside(marks: str, go_on: str, pill: str) -> str:
    """The pill in a thread of the runner, once a file is there."""
    note(marks, f"{pill}:{os.getpid()}")
    while not os.path.exists(go_on):
        time.sleep(0.01)  # sleeps: a file that another process makes gives no signal
    PILLS[pill]()
    return pill


@app.task(retry=THRICE)
async def take_when(marks: str, go_on: str, pill: str) -> str:
    """The pill in the runner, once a file is there."""
    note(marks, f"{pill}:{os.getpid()}")
    await file_is_there(go_on)
    PILLS[pill]()
    return pill


@app.task(pool="process")
def wreck_the_house() -> int:
    """Leaves its process in a state that no other job would like, and returns as if nothing were."""
    os.chdir("/")
    os.environ.clear()
    time.time = lambda: 0.0
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.path.clear()
    return os.getpid()


@app.task(pool="process", retry=ONCE)
def wait_in_vain(marks: str) -> int:
    """Until it is told to stop."""
    note(marks, os.getpid())
    hang()
    return 0


@app.task(pool="process", timeout=30)
def house_pid(ctx: Ctx) -> float:
    """Seconds until its deadline, by the clock that the handler sees."""
    assert ctx.deadline is not None
    return ctx.deadline.timestamp() - time.time()


def leave_a_daemon(marks: str) -> None:
    """Start a process as daemons do: forked twice, in a session of its own, deaf to signals, with no file open."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork():
            os._exit(0)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGUSR1):
            signal.signal(number, signal.SIG_IGN)
        os.write(writing, str(os.getpid()).encode())
        os.closerange(0, 4096)
        while True:
            signal.pause()
    os.wait()
    note(marks, os.read(reading, 100).decode())


@app.task(pool="process", retry=ONCE)
def daemon_apart(marks: str, then: str) -> int:
    leave_a_daemon(marks)
    if then:
        PILLS[then]()
    return os.getpid()


@app.task(retry=ONCE)
def daemon_inside(marks: str, then: str) -> int:
    leave_a_daemon(marks)
    if then:
        PILLS[then]()
    return os.getpid()


@app.task(pool="process", retry=ONCE)
def fork_bomb(marks: str) -> int:
    """A process outside any session of ours that forks as fast as it may, and so does each of its children."""
    if os.fork() == 0:
        os.setsid()
        if os.getuid() == 0:  # the limit does not bind root
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
            resource.setrlimit(resource.RLIMIT_NPROC, (BOMBS, BOMBS))
        else:
            mine = sum(os.stat(f"/proc/{pid}").st_uid == os.getuid() for pid in os.listdir("/proc") if pid.isdigit())
            resource.setrlimit(resource.RLIMIT_NPROC, (mine + BOMBS, mine + BOMBS))
        while True:
            try:
                os.fork()
            except OSError:
                time.sleep(0.01)  # sleeps: as many as it may have are there
    note(marks, os.getpid())
    hang()
    return 0


@app.task(pool="process", retry=TWICE)
def eat_in_a_group(members: str) -> None:
    """Enters a memory group with a limit of its own, and eats until the kernel ends it."""
    Path(members).write_text(str(os.getpid()))
    eaten = [os.urandom(1 << 10) * 1024 for _ in range(400)]  # twice the limit, should there be none after all
    eaten.clear()


@app.task(retry=THRICE)
async def innocent(marks: str, n: int, ms: int) -> int:
    """A job that takes a while in the runner."""
    note(marks, f"innocent:{n}:{os.getpid()}")
    await asyncio.sleep(ms / 1000)  # sleeps: a job that takes its time
    return n


@app.task(pool="process")
def add(a: int, b: int) -> int:
    return a + b


@app.task
def count_up(ctx: Ctx, times: int) -> int:
    for n in range(1, times + 1):
        ctx.progress(n, times)
    return times


@app.task(pool="process")
def flood(lines: int) -> int:
    """Fills standard output."""
    line = "x" * 199 + "\n"
    for _ in range(lines):
        sys.stdout.write(line)
    return lines


@app.task(retry=THRICE)
async def hold_on(marks: str, go_on: str, n: int) -> int:
    note(marks, n)
    await file_is_there(go_on)
    return n


@app.task(retry=THRICE)
async def innocent_at(marks: str, go_on: str, n: int) -> int:
    """Notes when it began."""
    note(marks, time.monotonic())
    await file_is_there(go_on)
    return n


@app.task(pool="process", retry=ONCE)
def deaf_apart(started: str) -> None:
    note(started, os.getpid())
    spin_deaf()


@app.task(retry=ONCE)
def deaf_inside(started: str) -> None:
    note(started, os.getpid())
    while True:
        pass


@app.task(retry=ONCE)
async def tick(marks: str, go_on: str) -> int:
    """Notes that it is alive, again and again."""
    n = 0
    while not os.path.exists(go_on):
        note(marks, f"{os.getpid()}:{time.monotonic()}")
        await asyncio.sleep(0.05)  # sleeps: between two signs of life
        n += 1
    return n


@app.task(pool="process", retry=ONCE)
def tick_apart(marks: str, go_on: str) -> int:
    n = 0
    while not os.path.exists(go_on):
        note(marks, f"{os.getpid()}:{time.monotonic()}")
        time.sleep(0.05)  # sleeps: between two signs of life
        n += 1
    return n


@app.task(retry=ONCE)
async def tell_when_told(marks: str, go_on: str) -> int:
    """Notes when it is cancelled."""
    note(marks, f"begin:{time.monotonic()}")
    try:
        await file_is_there(go_on)
    except asyncio.CancelledError:
        note(marks, f"told:{time.monotonic()}")
        raise
    return 0


dying = App(name="pills")
dying.task(name="innocent", retry=THRICE)(innocent.fn)


@dying.add_middleware
async def die_after_the_handler(job: Job, call_next: Callable[[Job], Awaitable[Outcome | None]]) -> Outcome | None:
    """Once: the handler has returned, and nobody has been told."""
    outcome = await call_next(job)
    died = Path(os.environ["ABACA_TEST_DIED"])
    if not died.exists():
        died.touch()
        os._exit(9)
    return outcome
