"""What the processes of a program use at this moment: all processes of this namespace, but a few known ones."""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import NamedTuple

PAGE = os.sysconf("SC_PAGE_SIZE")
TICK = os.sysconf("SC_CLK_TCK")

# Fields of /proc/PID/stat behind the name, which may itself hold blanks and brackets.
UTIME, STIME, CUTIME, CSTIME, THREADS, RSS = 11, 12, 13, 14, 17, 21
OWN_PAGES = (b"Pss_Anon:", b"Pss_Shmem:")


class Sample(NamedTuple):
    cpu: float
    """Seconds of the living and of everything they waited for."""
    rss: int
    """Resident bytes, pages that several share counted several times: never less than what is used."""
    tasks: int


def look(starters: Collection[int]) -> Sample:
    """One look at all processes. `starters` are bubblewrap's own: their time counts, their memory and number do not."""
    ticks = pages = tasks = 0
    for name in os.listdir("/proc"):
        if not name.isdigit() or name == "1":
            continue
        fields = stat_of(name)
        if not fields:
            continue
        ticks += int(fields[UTIME]) + int(fields[STIME]) + int(fields[CUTIME]) + int(fields[CSTIME])
        if int(name) not in starters:
            pages += int(fields[RSS])
            tasks += int(fields[THREADS])
    return Sample(ticks / TICK, pages * PAGE, tasks)


def stat_of(name: str) -> list[bytes]:
    try:
        handle = os.open(f"/proc/{name}/stat", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return []  # it ended meanwhile
    try:
        return os.read(handle, 1024).rpartition(b")")[2].split()
    except OSError:
        return []
    finally:
        os.close(handle)


def memory(starters: Collection[int]) -> int:
    """Bytes that would come free if all ended: shared pages count once, files of the disk not at all.

    Dearer than `look`, so it is asked only where the sum of that is above the limit.
    """
    total = 0
    for name in os.listdir("/proc"):
        if name.isdigit() and name != "1" and int(name) not in starters:
            total += own_pages(name)
    return total


def own_pages(name: str) -> int:
    try:
        with open(f"/proc/{name}/smaps_rollup", "rb") as lines:
            return sum(int(line.split()[1]) << 10 for line in lines if line.startswith(OWN_PAGES))
    except OSError:
        fields = stat_of(name)  # ended, or hidden from us: then all it holds counts
        return int(fields[RSS]) * PAGE if fields else 0
