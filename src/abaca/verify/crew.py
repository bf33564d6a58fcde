"""The worker and client processes of a chaos run: started, killed, stopped, continued, replaced."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from abaca.verify import proc
from abaca.verify.client_main import COUNT_SUFFIX, read_count
from abaca.verify.history import SUFFIX, HistoryWriter, Src, Type
from abaca.verify.load import Errand
from abaca.verify.notes import FOLDER, NAME
from abaca.verify.places import VARIABLE as PLACES
from abaca.verify.wallclock import Wallclock

_NUMBERS = 10**9
"""Numbers of jobs that one client process has for itself."""
_RECENT = 0.5


@dataclass(slots=True)
class Member:
    """One process of the crew. ``stopped`` while it is held by SIGSTOP, ``leaving`` once it was told to end."""

    name: str
    seat: int
    process: subprocess.Popen[bytes]
    clock: Wallclock | None = None
    stopped: bool = False
    leaving: bool = False

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def is_running(self) -> bool:
        return self.process.poll() is None

    @property
    def is_at_work(self) -> bool:
        return self.is_running and not self.stopped and not self.leaving


@dataclass(slots=True)
class Quota:
    """What the clients of one seat still have to do."""

    jobs: int
    pills: int


@dataclass(slots=True)
class Crew:
    """``urls`` are the ways to the store, dealt out to the seats in turn; ``flags`` are those of ``abaca worker``.

    ``ends`` is when clients should have met their quotas, on the monotonic clock.
    """

    folder: Path
    urls: Sequence[str]
    application: str
    flags: Sequence[str]
    history: HistoryWriter
    seed: int
    pace: float
    quotas: list[Quota]
    ends: float = 0.0
    places: str = ""
    library: Path | None = None
    shared_clock: Wallclock | None = None
    workers: dict[int, Member] = field(default_factory=dict)
    clients: dict[int, Member] = field(default_factory=dict)
    started: int = 0
    tally: dict[str, int] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)

    def start_worker(self, seat: int) -> Member:
        name = self._name("worker")
        command = [sys.executable, "-m", "abaca.verify.worker_main", str(os.getpid()), self.application, *self.flags]
        self.workers[seat] = member = self._start([*command, "--name", name], name, seat, seat)
        return member

    def start_client(self, seat: int) -> Member:
        """Raises nothing; a seat whose quota is met gets a client that ends at once."""
        name = self._name("client")
        quota = self.quotas[seat]
        errand = Errand(
            name=name,
            folder=str(self.folder),
            seed=self.seed * 1000 + self.started,
            first=self.started * _NUMBERS,
            quota=quota.jobs,
            pills=quota.pills,
            ends=self.ends,
            pace=self.pace / len(self.quotas),
            application=self.application,
        )
        text = msgspec.json.encode(errand).decode()
        command = [sys.executable, "-m", "abaca.verify.client_main", text, str(os.getpid())]
        self.clients[seat] = member = self._start(command, name, seat, seat + 1)
        return member

    def replace_client(self, seat: int) -> None:
        """Start a client that does what is left of a dead one's quota."""
        acked, pills = read_count(self.folder / f"{self.clients[seat].name}{COUNT_SUFFIX}")
        quota = self.quotas[seat]
        self.quotas[seat] = Quota(max(0, quota.jobs - acked), max(0, quota.pills - pills))
        self.start_client(seat)

    @property
    def acked(self) -> int:
        return sum(read_count(path)[0] for path in self.folder.glob(f"*{COUNT_SUFFIX}"))

    def kill(self, member: Member, how: str) -> str | None:
        """SIGKILL to a ``tree``, its ``supervisor`` alone, or one ``runner``; answers what was hit, if anything."""
        if how == "runner":
            runners = [pid for pid in proc.tree(member.pid) if proc.runs_module(pid, proc.RUNNER)]
            if not runners:
                return None
            return self._kill_runner(member, runners[self.tally.get("kills", 0) % len(runners)])
        pids = proc.freeze(member.pid) if how == "tree" else [member.pid]
        self.note("kill", {"p": member.name, "how": how})
        for pid in pids:
            proc.send(pid, signal.SIGKILL)
        self.count("kills")
        return member.name

    def _kill_runner(self, member: Member, runner: int) -> str | None:
        for pid in proc.tree(runner):
            self.note("kill", {"p": f"{member.name}.{pid}", "how": "runner"})
        if not proc.send(runner, signal.SIGKILL):
            return None
        self.count("kills")
        return f"{member.name}.{runner}"

    def stop(self, member: Member, *, runner_only: bool) -> list[int]:
        """SIGSTOP to a whole tree or to its runners; answers whom ``go_on`` is to wake."""
        member.stopped = True
        pids = proc.tree(member.pid)
        if runner_only:
            pids = [pid for pid in pids if proc.runs_module(pid, proc.RUNNER)]
        for pid in pids:
            proc.send(pid, signal.SIGSTOP)
        if not runner_only:
            self.note("stop", {"p": member.name})
        return pids

    def go_on(self, member: Member, pids: Sequence[int]) -> None:
        self.note("cont", {"p": member.name})
        for pid in reversed(pids):
            proc.send(pid, signal.SIGCONT)
        member.stopped = False

    def terminate(self, member: Member) -> None:
        member.leaving = True
        self.note("drain", {"p": member.name})
        proc.send(member.pid, signal.SIGTERM)

    def refusal(self) -> str | None:
        """The last words of a worker that ended by itself."""
        for member in self.workers.values():
            if not member.is_running:
                words = (self.folder / f"{member.name}.log").read_text(errors="replace").strip().splitlines()
                return " / ".join(words[-3:]) or f"it ended with status {member.process.returncode} and wrote nothing"
        return None

    def is_busy(self, member: Member) -> bool:
        """Whether one of its handlers wrote something in the last moment."""
        recent = time.time() - _RECENT
        return any(path.stat().st_mtime > recent for path in self.folder.glob(f"{member.name}.*{SUFFIX}"))

    def look(self) -> list[Member]:
        """Note the processes that are gone; answers the workers that ended."""
        ended = [member for member in self.workers.values() if not member.is_running]
        for member in [*ended, *(client for client in self.clients.values() if not client.is_running)]:
            self._note_exit(member.name)
        names = tuple(f"{member.name}." for member in self.workers.values())
        for entry in os.scandir(self.folder):
            p = entry.name.removesuffix(SUFFIX)
            if p != entry.name and p.startswith(names) and not proc.is_alive(int(p.rpartition(".")[2])):
                self._note_exit(p)
        return ended

    def _note_exit(self, p: str) -> None:
        if p not in self._seen:
            self._seen.add(p)
            self.history.write(Src.WORKER, Type.EVENT, "exit", val={"p": p})
            if "." in p:
                self.count("runners and children ended")

    def note(self, f: str, val: dict[str, object]) -> None:
        self.history.write(Src.NEMESIS, Type.EVENT, f, val=val)

    def count(self, what: str, by: int = 1) -> None:
        self.tally[what] = self.tally.get(what, 0) + by

    def end(self) -> None:
        """SIGKILL to whatever still runs."""
        for member in [*self.workers.values(), *self.clients.values()]:
            for pid in proc.tree(member.pid) if member.is_running else ():
                proc.send(pid, signal.SIGKILL)
            member.process.wait()

    def _name(self, role: str) -> str:
        self.started += 1
        return f"{role}-{self.started}"

    def _start(self, command: list[str], name: str, seat: int, way: int) -> Member:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("ABACA_")}
        clock = self.shared_clock
        if self.library is not None and clock is None:
            clock = Wallclock(self.folder / f"{name}.clock")
        environment = {
            **kept,
            **(clock.environment(self.library) if clock is not None and self.library is not None else {}),
            "ABACA_URL": self.urls[way % len(self.urls)],
            "ABACA_CONFIG": os.devnull,
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "PYTHONFAULTHANDLER": "",
            FOLDER: str(self.folder),
            PLACES: self.places,
            NAME: name,
        }
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
        return Member(name, seat, process, clock=clock)
