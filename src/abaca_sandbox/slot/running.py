"""One run, from the start of bubblewrap until nothing of it is left."""

from __future__ import annotations

import json
import os
import select
import signal
import time
from collections.abc import Callable, Mapping
from typing import Any

from abaca_sandbox.slot import starting, watching
from abaca_sandbox.slot.owner import AT_ONCE, Owner
from abaca_sandbox.slot.work import Work

PERIOD = 0.02  # seconds between two looks at all processes, where they may be near a limit
LONGEST = 0.1  # the same where they are far from each
CORES = len(os.sched_getaffinity(0))
FASTEST = (2 << 30) * CORES  # bytes a second that programs can touch for the first time
WORK_PERIOD = 0.002  # the same at a work folder that is filling up
MOST_BUSY = 10  # a look that takes CPU time t is not repeated before MOST_BUSY * t
CHUNK = 1 << 16
SIGNAL_BASE = 128
LAST_SIGNAL = 64


class Facts:
    """What is known of a run, for the verdict."""

    def __init__(self) -> None:
        self.killed_for = ""
        self.exit_code: int | None = None
        self.signal: int | None = None
        self.truncated = False
        self.touched: set[str] = set()
        self.streams: dict[str, bytearray] = {"stdout": bytearray(), "stderr": bytearray()}
        self.cpu = 0.0
        self.wall = 0.0
        self.peak_memory = 0
        self.peak_tasks = 0
        self.peak_work = 0
        self.peak_inodes = 0


class Watch:
    """Feeds, reads and limits one started program."""

    def __init__(
        self, child: starting.Child, limits: Mapping[str, Any], stdin: bytes, work: Work, is_live: bool = False
    ) -> None:
        self.facts = Facts()
        self._child = child
        self._limits = limits
        self._work = work
        self._stdin = memoryview(stdin)
        self._began = time.monotonic()
        self._first = -1  # process descriptor of the namespace's init
        self._starters = {child.pid}
        self._status = b""
        self._poll = select.poll()
        self._handlers: dict[int, Callable[[], None]] = {}
        self._over = False
        self._next_look = self._began + PERIOD
        self._filling = False
        self._is_live = is_live
        self._told = 0

    def until_over(self, owner: Owner) -> Facts:
        """Returns when every process of the program is dead and reaped."""
        child = self._child
        for fd in owner.fds:
            self._on(fd, select.POLLIN, lambda: self._cancel(owner))
        self._on(child.pidfd, select.POLLIN, self._end)
        self._on(child.status, select.POLLIN, self._read_status)
        self._on(child.stdout, select.POLLIN, lambda: self._read("stdout", child.stdout))
        self._on(child.stderr, select.POLLIN, lambda: self._read("stderr", child.stderr))
        self._on(child.stdin, select.POLLOUT, self._write)
        while not self._over:
            for fd, _ in self._poll.poll(self._patience()):
                if fd in self._handlers:
                    self._handlers[fd]()
            self._look()
            self._tell(owner)
        self._kill_rest()
        self._drain()
        self.facts.wall = time.monotonic() - self._began
        return self.facts

    def kill(self, reason: str) -> None:
        """End all of it now; the first reason is the one that counts."""
        if not self.facts.killed_for:
            self.facts.killed_for = reason
            self.facts.touched.add(reason)
            self._sample()  # the kernel does not add up the time of processes that die with their namespace
        send_kill(self._first if self._first >= 0 else self._child.pidfd)

    def _tell(self, owner: Owner) -> None:
        """Hands on what of the output is new. A slot that waited for a busy owner would watch no limits; what is left
        at the end goes with the answer."""
        written = self.facts.streams["stdout"]
        if self._is_live and self._told < len(written):
            part = bytes(written[self._told : self._told + AT_ONCE])
            if owner.send_if_free({"output": "stdout"}, [part]):
                self._told += len(part)

    def _cancel(self, owner: Owner) -> None:
        """Whatever comes while a program runs says that its outcome is not wanted any more."""
        owner.receive()
        self.kill("cancelled")

    def _on(self, fd: int, event: int, handler: Callable[[], None]) -> None:
        self._poll.register(fd, event)
        self._handlers[fd] = handler

    def _off(self, fd: int) -> None:
        if self._handlers.pop(fd, None):
            self._poll.unregister(fd)

    def _end(self) -> None:
        self._over = True

    def _patience(self) -> float:
        """Milliseconds until the next look, rounded up."""
        now = time.monotonic()
        until: float = min(self._next_look, self._began + self._limits["wall"])
        if self._filling or (self._is_live and self._told < len(self.facts.streams["stdout"])):
            until = min(until, now + WORK_PERIOD)
        return max(0.0, until - now) * 1000 + 0.5

    def _look(self) -> None:
        now = time.monotonic()
        limits, facts = self._limits, self.facts
        if now - self._began >= limits["wall"]:
            self.kill("wall_limit")
        if self._first < 0:
            return
        used, inodes, full = self._work.used()
        facts.peak_work, facts.peak_inodes = max(facts.peak_work, used), max(facts.peak_inodes, inodes)
        self._filling = not full and (used > limits["work"] // 2 or inodes > limits["inodes"] // 2)
        if full:
            facts.touched.add("file_limit")
        if now < self._next_look or self._over:
            return
        cpu = time.process_time()
        seen = self._sample()
        if seen.rss > limits["memory"] and watching.memory(self._starters) > limits["memory"]:
            self.kill("memory_limit")
        if seen.cpu >= limits["cpu"]:
            self.kill("cpu_limit")
        spent = time.process_time() - cpu
        self._next_look = time.monotonic() + max(self._pause(seen), MOST_BUSY * spent)

    def _pause(self, seen: watching.Sample) -> float:
        """Seconds in which no limit can be met that is not met yet, between PERIOD and LONGEST."""
        room: float = (self._limits["memory"] - seen.rss) / FASTEST
        time_left: float = (self._limits["cpu"] - seen.cpu) / CORES
        return max(PERIOD, min(LONGEST, room, time_left))

    def _sample(self) -> watching.Sample:
        seen, facts = watching.look(self._starters), self.facts
        facts.cpu = max(facts.cpu, seen.cpu)
        facts.peak_memory, facts.peak_tasks = max(facts.peak_memory, seen.rss), max(facts.peak_tasks, seen.tasks)
        if seen.tasks >= self._limits["processes"]:
            facts.touched.add("process_limit")
        return seen

    def _read_status(self) -> None:
        """The process whose end is the end of all, and at last the program's exit status, if it could be started."""
        part = read(self._child.status)
        if part == b"":
            self._off(self._child.status)
        self._status += part or b""
        *lines, self._status = self._status.split(b"\n")
        for told in map(json.loads, lines):
            if "child-pid" in told:
                self._let_go(int(told["child-pid"]))
            elif "exit-code" in told:
                self._ended(int(told["exit-code"]))
            elif "exit-status" in told:
                self.facts.exit_code = int(told["exit-status"])
            elif "exit-signal" in told:
                self.facts.signal = int(told["exit-signal"])

    def _ended(self, code: int) -> None:
        """bubblewrap answers 128 + n for a program that signal n ended."""
        if SIGNAL_BASE < code <= SIGNAL_BASE + LAST_SIGNAL:
            self.facts.signal = code - SIGNAL_BASE
        else:
            self.facts.exit_code = code

    def _let_go(self, pid: int) -> None:
        try:
            self._first = os.pidfd_open(pid)
            self._starters.add(pid)
            starting.limit(pid, self._limits)
            os.write(self._child.go, b"1")
        except (ProcessLookupError, BrokenPipeError):
            return  # it failed before it began; its exit status and words tell
        if self.facts.killed_for:
            send_kill(self._first)

    def _read(self, name: str, fd: int) -> None:
        part = read(fd)
        if part == b"":
            self._off(fd)
        elif part:
            self._keep(name, part)

    def _keep(self, name: str, part: bytes) -> None:
        kept = self.facts.streams[name]
        room = self._limits["output"] - len(kept)
        kept += part[:room]
        if len(part) > room:
            self.facts.truncated = True
            self.kill("output_limit")

    def _write(self) -> None:
        try:
            if self._stdin:
                self._stdin = self._stdin[os.write(self._child.stdin, self._stdin[:CHUNK]) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._stdin = memoryview(b"")
        if not self._stdin:
            self._off(self._child.stdin)
            os.close(self._child.stdin)
            self._child.stdin = -1

    def _kill_rest(self) -> None:
        """Processes that the program left behind die with the init of their namespace; reaping counts their time."""
        send_kill(self._first)
        send_kill(self._child.pidfd)
        reaped = 0.0
        while True:
            try:
                pid, _, used = os.wait4(-1, 0)
            except ChildProcessError:
                break
            reaped += used.ru_utime + used.ru_stime
            if pid != self._child.pid:  # its highest is this process's own, before it became bubblewrap
                self.facts.peak_memory = max(self.facts.peak_memory, used.ru_maxrss << 10)
        self.facts.cpu = max(self.facts.cpu, reaped)
        if self._first >= 0:
            os.close(self._first)
            self._first = -1

    def _drain(self) -> None:
        """What is still in the pipes, which nobody can write to any more."""
        for name, fd in (("stdout", self._child.stdout), ("stderr", self._child.stderr)):
            while part := read(fd):
                self._keep(name, part)
        self._read_status()


def read(fd: int) -> bytes | None:
    """What is there, nothing at the end, None where there is nothing yet."""
    try:
        return os.read(fd, CHUNK)
    except BlockingIOError:
        return None


def send_kill(pidfd: int) -> None:
    if pidfd >= 0:
        try:
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        except ProcessLookupError:
            pass
