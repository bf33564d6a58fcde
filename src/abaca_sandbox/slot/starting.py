"""Starts a program with nothing but its pipes, and holds it back until its limits are set."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Mapping, Sequence
from typing import Any

FIRST_FREE_FD = 10  # those below are kept free, so that no pipe is in the way of the numbers in the child
STATUS_FD, GO_FD, ARGS_FD, FILTER_FD = 3, 4, 5, 6
IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)
USUAL_STACK = 8 << 20  # what programs expect; those that need more raise it themselves, up to the limit

Limits = Mapping[str, Any]


def keep_low_fds_free() -> None:
    """Called once, before anything is opened: occupies the low numbers, and no child inherits them."""
    while (handle := os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)) < FIRST_FREE_FD - 1:
        pass
    if handle >= FIRST_FREE_FD:
        os.close(handle)


class Child:
    """A program's first process, held back until `go` is written to, and this side of its pipes.

    On `status` it tells, as JSON lines, the process whose end is the end of all, and at last how the program ended.
    """

    pid: int

    def __init__(self) -> None:
        self.theirs: list[int] = []
        child_in, self.stdin = os.pipe()
        self.stdout, child_out = os.pipe()
        self.stderr, child_err = os.pipe()
        self.status, child_status = os.pipe()
        child_go, self.go = os.pipe()
        self.pidfd = -1
        self.theirs = [child_in, child_out, child_err, child_status, child_go]
        for fd in (self.stdin, self.stdout, self.stderr, self.status):
            os.set_blocking(fd, False)

    def started(self, pid: int) -> None:
        self.pid = pid
        self.pidfd = os.pidfd_open(pid)

    def close_theirs(self) -> None:
        while self.theirs:
            os.close(self.theirs.pop())

    def close(self) -> None:
        self.close_theirs()
        for fd in (self.stdin, self.stdout, self.stderr, self.status, self.go, self.pidfd):
            if fd >= 0:
                os.close(fd)


def start_bwrap(bwrap: str, args: Sequence[str], argv: Sequence[str], bpf: int) -> Child:
    """Raises OSError where bubblewrap cannot be started."""
    child = Child()
    try:
        child.theirs.append(memory_file(args))
        os.lseek(bpf, 0, os.SEEK_SET)
        fixed = ["bwrap", "--json-status-fd", str(STATUS_FD), "--block-fd", str(GO_FD), "--seccomp", str(FILTER_FD)]
        pid = os.posix_spawn(
            bwrap,
            [*fixed, "--args", str(ARGS_FD), "--", *argv],
            {},  # what bubblewrap itself has can be read inside, as /proc/1/environ
            file_actions=[(os.POSIX_SPAWN_DUP2, fd, number) for number, fd in enumerate((*child.theirs, bpf))],
            setsigmask=(),
            setsigdef=IGNORED_BY_PYTHON,
        )
    except BaseException:
        child.close()
        raise
    child.close_theirs()
    child.started(pid)
    return child


def memory_file(args: Sequence[str]) -> int:
    """A file of the arguments, each ended by NUL: they may be many, and other users can read a command line."""
    handle = os.memfd_create("args", os.MFD_CLOEXEC)
    view = memoryview(b"".join(os.fsencode(arg) + b"\0" for arg in args))
    while view:
        view = view[os.write(handle, view) :]
    os.lseek(handle, 0, os.SEEK_SET)
    return handle


def limit(pid: int, limits: Limits) -> None:
    """Set what the kernel itself watches, on the first process of the program's namespaces; its children inherit it.

    The number of processes is counted per user *and* user namespace, so slots of one user do not count each other's.
    """
    seconds = int(limits["cpu"]) + 1
    both = {
        resource.RLIMIT_CPU: (seconds, seconds + 1),
        resource.RLIMIT_FSIZE: limits["file_size"],
        resource.RLIMIT_NOFILE: limits["open_files"],
        resource.RLIMIT_NPROC: limits["processes"] + 1,  # the init of the namespace is one
        resource.RLIMIT_STACK: (min(USUAL_STACK, limits["stack"]), limits["stack"]),
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 1 << 16,
        resource.RLIMIT_MSGQUEUE: 0,
    }
    if limits["address_space"] is not None:
        both[resource.RLIMIT_AS] = limits["address_space"]
    for kind, value in both.items():
        soft, hard = value if isinstance(value, tuple) else (value, value)
        ceiling = resource.prlimit(pid, kind)[1]  # it can be lowered, not raised
        if ceiling != resource.RLIM_INFINITY:
            soft, hard = min(soft, ceiling), min(hard, ceiling)
        resource.prlimit(pid, kind, (soft, hard))
