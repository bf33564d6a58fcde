"""Processes as the kernel lists them."""

from __future__ import annotations

import os
import signal
from collections import defaultdict
from pathlib import Path

RUNNER = "abaca.worker.runner_main"
_FREEZE_ROUNDS = 50


def parents() -> dict[int, int]:
    """The parent of every process of the machine. Empty where there is no ``/proc``."""
    found: dict[int, int] = {}
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():
        if name.isdecimal():
            try:
                stat = Path(f"/proc/{name}/stat").read_text()
            except OSError:
                continue  # it ended meanwhile
            found[int(name)] = int(stat.rpartition(")")[2].split()[1])
    return found


def tree(*pids: int) -> list[int]:
    """Processes and all below them, from the top down."""
    below: dict[int, list[int]] = defaultdict(list)
    for child, parent in parents().items():
        below[parent].append(child)
    found, at = list(pids), 0
    while at < len(found):
        found += below[found[at]]
        at += 1
    return found


def freeze(*pids: int) -> list[int]:
    """SIGSTOP to processes and all below them until no new one is seen; answers them, from the top down.

    What is killed as one must first stand still: a child that is forked between the look and the kill would get away,
    and whoever should have ended it is dead.
    """
    frozen: dict[int, None] = {}
    for _ in range(_FREEZE_ROUNDS):
        fresh = [pid for pid in tree(*pids) if pid not in frozen]
        if not fresh:
            break
        for pid in fresh:
            send(pid, signal.SIGSTOP)
        frozen |= dict.fromkeys(fresh)
    return list(frozen)


def runs_module(pid: int, module: str) -> bool:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return module.encode() in words


def is_alive(pid: int) -> bool:
    """Whether it runs; a process that ended and was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def send(pid: int, number: signal.Signals) -> bool:
    """Signal a process of ours; ``False`` when it is gone."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def end(pid: int) -> None:
    send(pid, signal.SIGKILL)
