"""CPU time of processes that are not ours, to the nanosecond, and how busy the whole machine is."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from dataclasses import dataclass

TICK = os.sysconf("SC_CLK_TCK")
CPUCLOCK_SCHED = 2


@dataclass(frozen=True)
class Usage:
    """What was used up to one moment. Two of them make a measurement."""

    at: float
    root: float
    """CPU seconds of the first process of the tree alone."""
    tree: float
    """CPU seconds of the whole tree, children that ended included."""
    server: float
    machine: float
    """CPU seconds of everything on the machine, other people's work included."""

    def since(self, earlier: Usage) -> Usage:
        return Usage(
            self.at - earlier.at,
            self.root - earlier.root,
            self.tree - earlier.tree,
            self.server - earlier.server,
            self.machine - earlier.machine,
        )


def usage(root: int | None, server: int | None) -> Usage:
    pids = tree(root) if root is not None else []
    seconds = {pid: cpu_seconds(pid) for pid in pids}
    return Usage(
        time.perf_counter(),
        seconds[root] if root is not None else 0.0,
        sum(seconds.values()),
        cpu_seconds(server) if server is not None else 0.0,
        _machine_seconds(),
    )


def cpu_seconds(pid: int) -> float:
    """CPU seconds of a process, its ended threads and its reaped children; 0 when it is gone.

    The kernel's clock of a foreign process has full resolution; the counters of /proc have 10 ms, and are read only
    for children that ended.
    """
    try:
        own = time.clock_gettime((~pid << 3) | CPUCLOCK_SCHED)
        fields = _stat(pid)
    except (OSError, IndexError):
        return 0.0
    return own + (int(fields[13]) + int(fields[14])) / TICK


def tree(root: int) -> list[int]:
    """The process ``root`` and all its living descendants."""
    children: dict[int, list[int]] = defaultdict(list)
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                children[int(_stat(int(name))[1])].append(int(name))
            except (OSError, IndexError):
                continue  # it ended while we looked
    found, waiting = [root], [root]
    while waiting:
        born = children[waiting.pop()]
        found += born
        waiting += born
    return found


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on: parent is 1, time of reaped children is 13 and 14."""
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()


def _machine_seconds() -> float:
    with open("/proc/stat") as file:
        user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, file.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / TICK
