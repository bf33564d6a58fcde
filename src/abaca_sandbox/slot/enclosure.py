"""How the process of a slot gives up root and goes into namespaces of its own, before any program is started.

It becomes process 1 of a process namespace: every orphan of a program comes to it, and its end, however it comes, is
the end of all. In its mount namespace it may mount the work folders, for which bubblewrap has no limits.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

from abaca_sandbox.slot import kernel


def give_up_root(uid: int, gid: int) -> None:
    """Become the slot's user for good. Raises OSError."""
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    kernel.prctl(kernel.PR_SET_DUMPABLE, 1)  # otherwise /proc/self stays root's, and with it the maps below


def go_apart() -> None:
    """New user, mount and process namespaces; returns in the first process of them. The caller's stays and waits.

    Raises OSError where this user may not make namespaces.
    """
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    uid, gid = os.getuid(), os.getgid()
    kernel.unshare(kernel.CLONE_NEWUSER | kernel.CLONE_NEWNS | kernel.CLONE_NEWPID)
    map_ids(uid, gid, uid, gid)
    first = os.fork()
    if first:
        wait_outside(first)
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)


def map_ids(uid: int, gid: int, outside_uid: int, outside_gid: int) -> None:
    """What this process's user and group are called in its new user namespace."""
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {outside_uid} 1")
    Path("/proc/self/gid_map").write_text(f"{gid} {outside_gid} 1")


def wait_outside(first: int) -> None:
    """What is left outside: its parent can see and end it, and it holds nothing open. Does not return."""
    os.closerange(0, 1024)
    try:
        _, status = os.waitpid(first, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
    finally:
        os._exit(1)
