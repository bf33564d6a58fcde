"""The sandbox: a fixed number of slots, each of which runs one program at a time."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Self

from abaca_sandbox.checking import Report, check, require_kernel, require_parts
from abaca_sandbox.errors import BadProgram, SandboxClosed, SandboxUnavailable
from abaca_sandbox.model import End, Limits, Outcome, Program, Usage
from abaca_sandbox.runtime import Runtime
from abaca_sandbox.slots import Frame, Kind, Slot, SlotFailed
from abaca_sandbox.wire import Head

LOADED_WITHIN = 180.0  # seconds; pandas takes one or two from a warm disk
GRACE = 30.0  # seconds over the wall limit after which the slot's own process is taken for broken
PROBE = Program(argv=("/bin/true",))
DEFAULT = Limits()
UBUNTU = "kernel.apparmor_restrict_unprivileged_userns=0"


class Slots:
    """What `Sandbox` and `Preloaded` share: a fixed number of slots, opened, used and closed in one event loop."""

    _probe_program: Program

    def __init__(self, *, slots: int = 4) -> None:
        if slots < 1:
            raise ValueError(f"a sandbox of {slots} slots runs nothing; give at least 1")
        self._count = slots
        self._free: asyncio.LifoQueue[Slot] | None = None
        self._slots: list[Slot] = []
        self._closed = False

    async def open(self) -> Self:
        """Find the parts and run one program. Raises `SandboxUnavailable` where nothing can be sandboxed."""
        if self._closed:
            raise SandboxClosed("this sandbox was closed; make a new one")
        if self._free is not None:
            return self
        kind = self._kind()
        self._slots = [Slot(kind) for _ in range(self._count)]
        self._free = asyncio.LifoQueue()  # the one used last is warm
        for slot in reversed(self._slots):
            self._free.put_nowait(slot)
        try:
            await self._probe()
        except BaseException:
            await self._stop()
            raise
        return self

    def _kind(self) -> Kind:
        """What the slots are. Raises `SandboxUnavailable` where a part is missing."""
        raise SandboxUnavailable("these slots are of no kind", "use Sandbox or Preloaded")

    async def _probe(self) -> None:
        try:
            await self._slots[0].start()
        except SlotFailed as error:
            raise SandboxUnavailable(str(error), remedy_for(error.step)) from error
        outcome = await self.run(self._probe_program)
        if not outcome.ok:
            reason = outcome.reason or f"{self._probe_program.argv[0]} ended with {outcome.end}"
            raise SandboxUnavailable(f"no program runs inside: {reason}", remedy_for("bubblewrap"))

    async def run(
        self, program: Program, limits: Limits = DEFAULT, *, on_output: Callable[[bytes], None] | None = None
    ) -> Outcome:
        """Run a program when a slot is free, and say how it ended.

        ``on_output`` gets what the program writes on standard output while it runs, in parts that end anywhere. It may
        lag behind a program that writes much; all of it has been handed over, in order, when this returns an outcome,
        which has it as well.

        Cancelling kills every process of the program; when it returns, the slot is free. Raises `BadProgram` where the
        slot's user cannot read a mount or the files do not fit into the work folder. Whatever else goes wrong is an
        outcome: `End.SANDBOX_ERROR` is ours to mend.
        """
        if self._closed:
            raise SandboxClosed("this sandbox was closed, so it runs nothing any more")
        if self._free is None:
            await self.open()
        free = self._free
        assert free is not None
        head, blobs = request(program, limits, is_live=on_output is not None)
        slot = await free.get()
        try:
            if self._closed:
                raise SandboxClosed("the sandbox was closed while this program waited for a slot")
            answer = await slot.ask(head, blobs, limits.wall + GRACE, on_output)
        except SlotFailed as error:
            return Outcome(end=End.SANDBOX_ERROR, reason=str(error))
        finally:
            free.put_nowait(slot)
        return outcome_of(answer)

    async def close(self) -> None:
        """End all slots and whatever runs in them."""
        self._closed = True
        await self._stop()

    async def _stop(self) -> None:
        slots, self._slots, self._free = self._slots, [], None
        for slot in slots:
            await slot.close()

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


class Sandbox(Slots):
    """Runs programs that nobody vouches for.

    `slots` programs run at once; further calls of `run` wait for a free slot. Use it in one event loop, as
    `async with Sandbox() as sandbox`, or with `open` and `close`.
    """

    _probe_program = PROBE

    @staticmethod
    def check() -> Report:
        """What of the sandbox is here and what is missing, without starting anything."""
        return check()

    def _kind(self) -> Kind:
        return Kind(sys.executable, {"bwrap": str(require_parts())})


class Preloaded(Slots):
    """Runs Python scripts in forks of a process that has `modules` loaded: what imports take is paid once.

    Each slot holds the modules in memory (pandas: about 100 MB). `program.argv[0]` is the script, a name below `/work`;
    `root` must be None. Isolation, limits and outcomes are those of `Sandbox`, without bubblewrap: the slot makes the
    namespaces itself. `path` are folders that modules are found in besides the runtime's own; every user must be able
    to read them.
    """

    _probe_program = Program(argv=("probe.py",), files={"probe.py": b""})

    def __init__(
        self, runtime: Runtime, modules: Sequence[str] = (), *, slots: int = 1, path: Sequence[Path] = ()
    ) -> None:
        super().__init__(slots=slots)
        self._runtime = runtime
        self._modules = tuple(modules)
        self._path = [str(folder) for folder in path]

    def _kind(self) -> Kind:
        require_kernel()
        folder = self._runtime.folder
        shown = [str(folder), *(str(mount.host) for mount in self._runtime.mounts[1:]), *self._path]
        settings = {"preload": self._modules, "show": shown, "path": self._path}
        return Kind(str(folder / "bin" / "python"), settings, ready_within=LOADED_WITHIN)


def request(program: Program, limits: Limits, *, is_live: bool = False) -> Frame:
    head: Head = {
        "do": "run",
        "argv": list(program.argv),
        "files": list(program.files),
        "env": dict(program.env),
        "mounts": [(os.path.abspath(mount.host), mount.inside) for mount in program.mounts],
        "root": None if program.root is None else os.path.abspath(program.root),
        "collect": list(program.collect),
        "limits": asdict(limits),
        "live": is_live,
    }
    return head, [program.stdin, *program.files.values()]


def outcome_of(answer: Frame) -> Outcome:
    head, blobs = answer
    if "refused" in head:
        raise BadProgram(head["refused"])
    if "failed" in head:
        return Outcome(end=End.SANDBOX_ERROR, reason=head["failed"])
    stdout, stderr, *collected = blobs
    end = End(head["end"])
    return Outcome(
        end=end,
        exit_code=head["exit_code"],
        signal=head["signal"],
        stdout=stdout,
        stderr=b"" if end is End.SANDBOX_ERROR else stderr,
        truncated=head["truncated"],
        collected=dict(zip(head["collected"], collected, strict=True)),
        not_collected=head["not_collected"],
        usage=Usage(**head["usage"]),
        touched=frozenset(map(End, head["touched"])),
        reason=stderr.decode(errors="replace").strip() if end is End.SANDBOX_ERROR else "",
    )


def remedy_for(step: str) -> str:
    return {
        "giving up root": "run it with CAP_SETUID, or as an ordinary user",
        "making namespaces": f"allow user namespaces: sysctl -w {UBUNTU}, and in a container "
        "--security-opt seccomp=unconfined",
        "mounting": f"show this process all of /proc: in a container --security-opt systempaths=unconfined, on Ubuntu "
        f"sysctl -w {UBUNTU}",
        "loading modules": "install them with python -m abaca_sandbox setup",
        "bubblewrap": "install version 0.8 or newer: apt-get install bubblewrap",
    }.get(step, "see docs/sandbox.md for what it needs")
