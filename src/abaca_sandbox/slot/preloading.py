"""Runs Python scripts in forks of a process that has their modules loaded, each in namespaces of its own.

What bubblewrap does for other programs is done here by hand, in the same order: namespaces, mounts, a new root, limits,
no capabilities, the filter. A fork shares the memory of the loaded modules, so a script begins within milliseconds.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import site
import sys
from collections.abc import Sequence

from abaca_sandbox.slot import filter, kernel
from abaca_sandbox.slot.command import ENVIRONMENT, UnreadableMount, require_readable
from abaca_sandbox.slot.enclosure import map_ids
from abaca_sandbox.slot.furnishing import INSIDE_ID, Own
from abaca_sandbox.slot.newroot import build_root
from abaca_sandbox.slot.script import run_script
from abaca_sandbox.slot.starting import IGNORED_BY_PYTHON, Child
from abaca_sandbox.wire import Head

APART = (
    *(kernel.CLONE_NEWUSER, kernel.CLONE_NEWNS, kernel.CLONE_NEWPID, kernel.CLONE_NEWNET),
    *(kernel.CLONE_NEWIPC, kernel.CLONE_NEWUTS, kernel.CLONE_NEWCGROUP),
)
ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
STATUS, GO = 3, 4
BROKEN = 125


class Preloaded:
    """Starts scripts in forks of this process. `show` is what they see besides `/usr`, at the same place."""

    def __init__(self, own: Own, modules: Sequence[str], show: Sequence[str], path: Sequence[str]) -> None:
        self._own = own
        self._show = [(path, path) for path in show]
        self._filter = filter.program()
        os.environ |= dict.fromkeys(ONE_THREAD, "1")  # a thread would be missing in a fork
        os.environ["HOME"] = "/tmp"  # libraries look for their settings; there are none
        site.main()  # the packages of the environment; nothing of theirs ran while this was root
        sys.path += path
        for name in modules:
            importlib.import_module(name)
        gc.collect()
        gc.freeze()  # or the first collection of each fork would copy all of it

    def start(self, head: Head) -> Child:
        if head["root"]:
            raise UnreadableMount("a preloaded process has this machine's root; an image cannot take its place")
        for host, _ in head["mounts"]:
            require_readable(host)
        child = Child()
        pid = os.fork()
        if pid == 0:
            self._outside(child.theirs, head)
        child.close_theirs()
        child.started(pid)
        return child

    def _outside(self, pipes: Sequence[int], head: Head) -> None:
        """The process that stays outside of the new process namespace. Does not return."""
        try:
            for number, fd in enumerate(pipes):
                os.dup2(fd, number, inheritable=False)
            os.closerange(GO + 1, 4096)
            os.setsid()
            uid, gid = os.getuid(), os.getgid()
            kernel.unshare(sum(APART))
            map_ids(INSIDE_ID, INSIDE_ID, uid, gid)
            first = os.fork()
            if first == 0:
                self._first(head)
            say({"child-pid": first})
            os.close(STATUS)
            os.waitpid(first, 0)
            os._exit(0)
        except BaseException as error:
            fail(error)

    def _first(self, head: Head) -> None:
        """Process 1 of the new namespace: root, limits, the script, and its end. Does not return."""
        try:
            kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
            build_root(self._own, [*self._show, *head["mounts"]])
            with open("/proc/sys/user/max_user_namespaces", "w") as file:
                file.write("0")
            kernel.drop_capabilities()
            os.read(GO, 1)
            os.close(GO)
            script = os.fork()
            if script == 0:
                os.close(STATUS)
                self._script(head)
            kernel.prctl(kernel.PR_SET_DUMPABLE, 0)  # or the script could reach its descriptors through /proc
            kernel.install_filter(self._filter)
            while True:
                pid, status = os.wait()
                if pid == script:
                    break
            if os.WIFSIGNALED(status):
                say({"exit-signal": os.WTERMSIG(status)})
            else:
                say({"exit-status": os.WEXITSTATUS(status)})
            os._exit(0)
        except BaseException as error:
            fail(error)

    def _script(self, head: Head) -> None:
        try:
            for number in IGNORED_BY_PYTHON:
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            os.chdir("/work")
            os.environ.clear()
            os.environ |= {**ENVIRONMENT, **head["env"]}
            kernel.install_filter(self._filter)
        except BaseException as error:
            fail(error)
        os._exit(run_script(head["argv"]))


def say(fact: dict[str, int]) -> None:
    os.write(STATUS, json.dumps(fact).encode() + b"\n")


def fail(error: BaseException) -> None:
    """Nothing of the script has run: the words are the reason that its outcome gives. Does not return."""
    try:
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
    finally:
        os._exit(BROKEN)
