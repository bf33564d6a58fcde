"""Which processes belong to a test, and what they use: a mark in their environment finds them wherever they hide."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Iterable

VARIABLE = "ABACA_TEST_MARK"


def marked(mark: str) -> list[int]:
    """Living processes that were started, by whatever detour, with this mark in their environment."""
    wanted = f"{VARIABLE}={mark}".encode()
    return [pid for pid in _all() if pid != os.getpid() and wanted in _environment(pid) and _state(pid) not in "ZX"]


def _all() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _environment(pid: int) -> list[bytes]:
    try:
        with open(f"/proc/{pid}/environ", "rb") as environ:
            return environ.read().split(b"\0")
    except OSError:
        return []


def _stat(pid: int) -> list[str]:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()
    except OSError:
        return ["X", "0"]


def _state(pid: int) -> str:
    return _stat(pid)[0]


def below(root: int) -> list[int]:
    """All living descendants."""
    found = [root]
    for parent in found:
        found += [pid for pid in _all() if _stat(pid)[1] == str(parent)]
    return found[1:]


def freeze(pids: Iterable[int], number: signal.Signals = signal.SIGSTOP) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def resident(pid: int) -> int:
    """Bytes of memory."""
    with open(f"/proc/{pid}/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()


def descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))
