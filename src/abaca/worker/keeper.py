"""A keeper stands above one runner or child (Linux) and ends whatever that process leaves behind.

The process that is to run forks at its very beginning: the parent becomes the keeper and sleeps in one system call,
the forked one goes on to load the program. The kernel hands every orphan below to the keeper
(``PR_SET_CHILD_SUBREAPER``), also one that made a session of its own, so nothing that user code starts is out of its
sight. When the kept process is gone the keeper kills all that is left and ends as that process did, with the same
status or by the same signal. When whoever started the keeper dies, the kernel asks it (``PR_SET_PDEATHSIG``) to do the
same. So a kill at any one place of the tree ends all that is below it.

Only the standard library is used here: what is imported before the fork is what a keeper costs.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator

PASS_ON = signal.SIGTERM
"""Sent to a keeper: pass it on to the process group of what it keeps."""
END = getattr(signal, "SIGUSR1", signal.SIGTERM)
"""Sent to a keeper: end what it keeps, and everything below."""

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36
_LONGEST_END = 3.0
_FREEZE_ROUNDS = 20
_BETWEEN_ROUNDS = 0.01


def die_with_parent(parent: int, number: int | None = None) -> None:
    """Ask the kernel for a signal, SIGKILL by default, when the parent dies; off Linux the closed link ends us."""
    if sys.platform == "linux":
        _prctl(_PR_SET_PDEATHSIG, number or signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def adopt_orphans() -> bool:
    """Have every orphan below handed to this process; answers whether the kernel does that."""
    return sys.platform == "linux" and _prctl(_PR_SET_CHILD_SUBREAPER, 1) == 0


def _prctl(option: int, value: int) -> int:
    return int(ctypes.CDLL(None, use_errno=True).prctl(option, ctypes.c_ulong(value), 0, 0, 0))


def end_everything_below(spare: Callable[[], set[int]], seconds: float = _LONGEST_END) -> bool:
    """SIGKILL all descendants of this process but those that ``spare`` names and what is below them, and reap them.

    Answers whether none is left; a process that cannot die (in the middle of I/O that never ends) may be.
    """
    deadline = time.monotonic() + seconds
    while True:
        found = _freeze(spare)
        if not found:
            return True
        for pid in found:
            _signal(pid, signal.SIGKILL)
        while not _reaped(found) and time.monotonic() < deadline:
            time.sleep(_BETWEEN_ROUNDS)
        if time.monotonic() >= deadline:
            return not _freeze(spare)


def end_marked(mark: str) -> None:
    """SIGKILL every process that has this variable in its environment: what is below a keeper that was itself killed.

    Only as good as the mark: a program started below with an environment of its own does not carry it.
    """
    wanted = mark.encode()
    for name in os.listdir("/proc"):
        if name.isdigit() and wanted in _environment(name):
            _signal(int(name), signal.SIGKILL)


def _environment(pid: str) -> list[bytes]:
    try:
        with open(f"/proc/{pid}/environ", "rb") as environ:
            return environ.read().split(b"\0")
    except OSError:
        return []


def _freeze(spare: Callable[[], set[int]]) -> set[int]:
    """Stop them until no new one is seen: something that forks faster than it is killed would get away otherwise."""
    found: set[int] = set()
    for _ in range(_FREEZE_ROUNDS):
        fresh = set(_descendants(os.getpid(), spare())) - found
        if not fresh:
            break
        for pid in fresh:
            _signal(pid, signal.SIGSTOP)
        found |= fresh
    return found


def _reaped(pids: set[int]) -> bool:
    """Collect those that are dead and are ours by now; answers whether all of them are gone."""
    gone = True
    for pid in list(pids):
        try:
            if os.waitpid(pid, os.WNOHANG)[0] == pid:
                pids.discard(pid)
                continue
        except ChildProcessError:
            if not os.path.exists(f"/proc/{pid}"):
                pids.discard(pid)
                continue
        gone = False
    return gone


def _descendants(root: int, spare: set[int]) -> Iterator[int]:
    """Living and dead processes below ``root``, from one reading of ``/proc``."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit() and (parent := _parent_of(name)):
            children.setdefault(parent, []).append(int(name))
    queue = [pid for pid in children.get(root, ()) if pid not in spare]
    while queue:
        pid = queue.pop()
        yield pid
        queue += children.get(pid, ())


def _parent_of(pid: str) -> int:
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            return int(stat.read().rpartition(b")")[2].split()[1])
    except (OSError, IndexError, ValueError):  # it ended while we looked
        return 0


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        pass


def _watched() -> set[signal.Signals]:
    return {PASS_ON, END, signal.SIGCHLD}


def keep(kept: int) -> int:
    """Watch until the kept process is gone, end what it left, and answer its wait status."""
    while True:
        number = signal.sigwaitinfo(_watched()).si_signo
        if number == PASS_ON:
            try:
                os.killpg(kept, PASS_ON)
            except (ProcessLookupError, PermissionError):
                _signal(kept, PASS_ON)
        elif number == END:
            _signal(kept, signal.SIGKILL)
        status = _collect(kept)
        if status is not None:
            if _has_children():
                end_everything_below(set)
            return status


def _collect(kept: int) -> int | None:
    """Reap every dead child; the wait status of the kept one if it is among them."""
    found = None
    try:
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return found
            if pid == kept:
                found = status
    except ChildProcessError:
        return found


def _has_children() -> bool:
    try:
        os.waitpid(-1, os.WNOHANG)
        return True
    except ChildProcessError:
        return False


def _end_as(status: int) -> None:
    """Leave as the kept process did, so that whoever waits for the keeper learns what became of it."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        _prctl(_PR_SET_DUMPABLE, 0)
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [number])
        os.kill(os.getpid(), number)
        os._exit(128 + number)
    os._exit(os.WEXITSTATUS(status))


def main() -> None:
    """``python -m abaca.worker.keeper FD PARENT_PID MODULE``: forks, and runs ``MODULE.main()`` below."""
    descriptor, parent, module = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    for number in _watched():  # whoever started us may have ignored them
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_BLOCK, _watched())
    adopt_orphans()
    die_with_parent(parent, END)
    keeper = os.getpid()
    kept = os.fork()
    if kept:
        os.close(descriptor)
        _end_as(keep(kept))
    os.setpgid(0, 0)
    die_with_parent(keeper)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _watched())
    sys.argv = [module, str(descriptor), str(keeper)]
    importlib.import_module(module).main()


if __name__ == "__main__":
    main()
