"""Handlers that end their process, or will not end. Each is called by a job of a task of ``tasks.py``.

Those that eat memory run under ``RLIMIT_AS``, set for them alone: without it one of them takes the machine down.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable

_ROOM, _STACK_ROOM = 192 << 20, 32 << 20
"""Bytes of address space beyond what the process has when a memory pill begins, or one that recurses."""
_LONG = 600
_ORPHAN_SECONDS = "90"


def segfault() -> None:
    ctypes.string_at(0)


def abort() -> None:
    os.abort()


def exit_zero() -> None:
    os._exit(0)


def sys_exit() -> None:
    sys.exit(0)


def kill_self() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def kill_parent() -> None:
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(_LONG)


def out_of_memory() -> None:
    _limited(_eat_memory, _ROOM)


def recursion() -> None:
    _limited(_recurse, _STACK_ROOM)


def hold_gil() -> None:
    ctypes.PyDLL(None).sleep(_LONG)


def ignore_sigterm() -> None:
    try:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    except ValueError:
        pass  # only the main thread may; a thread has no SIGTERM to ignore
    while True:
        pass


def close_descriptors() -> None:
    os.closerange(3, 4096)


PILLS: dict[str, Callable[[], None]] = {
    "segfault": segfault,
    "abort": abort,
    "exit-zero": exit_zero,
    "sys-exit": sys_exit,
    "kill-self": kill_self,
    "kill-parent": kill_parent,
    "out-of-memory": out_of_memory,
    "recursion": recursion,
    "hold-gil": hold_gil,
    "ignore-sigterm": ignore_sigterm,
    "close-descriptors": close_descriptors,
}

DEADLY = frozenset(PILLS) - {"sys-exit", "out-of-memory", "recursion"}
"""Those whose process certainly ends. The others may raise, and then fail like any handler."""

CHILD_ONLY = frozenset({"out-of-memory", "recursion", "close-descriptors", "kill-parent", "ignore-sigterm"})
"""Those that run with ``pool="process"`` only: they would take a runner's other jobs with them at every attempt."""


def orphans() -> list[int]:
    """Start two processes and forget them, one of them in a session of its own; answers their ids."""
    left = [_leave(own_session=False), _leave(own_session=True)]
    return [process.pid for process in left]


def _leave(*, own_session: bool) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(["sleep", _ORPHAN_SECONDS], stdin=subprocess.DEVNULL, start_new_session=own_session)
    process.returncode = 0  # so that nobody waits for it or warns of it
    return process


def _limited(act: Callable[[], None], room: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    with open("/proc/self/statm", "rb") as statm:
        now = int(statm.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + room, hard))
    try:
        act()
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _eat_memory() -> None:
    eaten = []
    while True:
        eaten.append(bytearray(8 << 20))


def _recurse() -> None:
    def deeper(n: int) -> int:
        return deeper(n + 1) + 1

    before = sys.getrecursionlimit()
    sys.setrecursionlimit(10**9)
    try:
        deeper(0)
    finally:
        sys.setrecursionlimit(before)
