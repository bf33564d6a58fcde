"""Starting a process of our own with one end of a socket pair, and ending it with all that is below it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterable

from abaca.worker import keeper

_HAS_KEEPERS = sys.platform == "linux"
_PATIENCE = 5.0
_LONGEST_SWEEP = 1.0
_MARK = "_ABACA_KEPT"

_kept: set[int] = set()
_adopting = False


class Kept:
    """A started process. On Linux ``pid`` is its keeper's, elsewhere its own; the status is that of the process.

    ``pid`` leads a process group: a signal to the group reaches the process, and on Linux also what it started.
    """

    def __init__(self, process: subprocess.Popen[bytes], mark: str = "") -> None:
        self._process = process
        self._mark = mark
        self.pid = process.pid
        _kept.add(self.pid)

    @property
    def returncode(self) -> int | None:
        """The exit status as last seen; negative is a signal."""
        return self._process.returncode

    def poll(self) -> int | None:
        status = self._process.poll()
        if status is not None:
            _kept.discard(self.pid)
        return status

    def is_alive(self) -> bool:
        return self.poll() is None

    def tell(self, number: int) -> None:
        """A signal to the process and its group."""
        if self.is_alive():
            _signal_group(self.pid, number)

    def kill(self) -> None:
        """End the process and everything below it, soon."""
        if self.is_alive():
            end_tree(self.pid)

    async def wait(self, seconds: float = 0.0) -> int:
        """The exit status. One that lives on after ``seconds`` is ended with all that is below it."""
        try:
            await self._exit(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            try:
                await self._exit(_PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()  # a keeper that does not answer: the kernel ends the process below it
                await self._exit(None)
        status = self.poll()
        assert status is not None
        if not _HAS_KEEPERS:
            _signal_group(self.pid, signal.SIGKILL)  # what it left behind in its process group
        elif status == -signal.SIGKILL and self._mark:  # perhaps the keeper itself, from below
            await asyncio.get_running_loop().run_in_executor(None, keeper.end_marked, self._mark)
        return status

    async def _exit(self, seconds: float | None) -> None:
        if self._process.poll() is None:
            await asyncio.get_running_loop().run_in_executor(None, self._process.wait, seconds)


def spawn(module: str) -> tuple[Kept, socket.socket]:
    """Start ``module.main()`` with the arguments FD and PARENT_PID in a session of its own; answers it and our end.

    It finds what this process can import. Starting takes a few milliseconds and blocks.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        link = [str(theirs.fileno()), str(os.getpid())]
        words = [keeper.__name__, *link, module] if _HAS_KEEPERS else [module, *link]
        mark = uuid.uuid4().hex
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), _MARK: mark}
        process = subprocess.Popen(
            [sys.executable, "-m", *words],
            pass_fds=[theirs.fileno()],
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            env=environment,
        )
    ours.setblocking(False)
    return Kept(process, f"{_MARK}={mark}"), ours


def end_tree(pid: int) -> None:
    """End a process that was started here or by a process of ours, and everything below it."""
    if _HAS_KEEPERS:
        _signal(pid, keeper.END)
        _signal(pid, signal.SIGCONT)  # somebody may have stopped the keeper
    else:
        _signal_group(pid, signal.SIGKILL)


def adopt_orphans() -> None:
    """Make this process the one that gets what a dead keeper left behind. Only for a program that starts nothing else:
    from now on every child that was not started here is taken for such a left-over."""
    global _adopting
    _adopting = keeper.adopt_orphans()


def end_left_over(groups: Iterable[int]) -> None:
    """After a process of ours has ended: end what is still there of ``groups``, which it had started.

    On Linux its keeper has seen to that, unless somebody killed the keeper. Blocks for a second at most.
    """
    if _adopting:
        keeper.end_everything_below(lambda: _kept, _LONGEST_SWEEP)
    elif not _HAS_KEEPERS:
        for pid in groups:
            _signal_group(pid, signal.SIGKILL)


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        pass


def _signal_group(pid: int, number: int) -> None:
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        pass
