"""What is run, under which limits, and what came of it. Sizes are bytes, times seconds unless a name says `_ms`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from abaca_sandbox.errors import BadProgram

MIB = 1 << 20
MAX_NAME = 255  # bytes of one part of a path; what Linux file systems take
MAX_FILES = 4096


class End(StrEnum):
    """How a run ended, told from wait statuses and counters, never from what the program wrote."""

    EXITED = "exited"
    """By itself; `exit_code` says how."""
    SIGNALLED = "signalled"
    """By a signal that no limit of ours explains, such as SIGSEGV; `signal` says which."""
    WALL_LIMIT = "wall_limit"
    CPU_LIMIT = "cpu_limit"
    MEMORY_LIMIT = "memory_limit"
    OUTPUT_LIMIT = "output_limit"
    FILE_LIMIT = "file_limit"
    """A file became larger than `file_size`, or the work folder had no room (`work`) or no names (`inodes`) left."""
    PROCESS_LIMIT = "process_limit"
    SANDBOX_ERROR = "sandbox_error"
    """The program never ran: `reason` says why. Ours to mend, not the program's."""


@dataclass(frozen=True, slots=True)
class Mount:
    """A file or folder of this machine, shown read-only inside. The slot's user must be able to read it."""

    host: Path | str
    inside: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program and all it may see. It starts in the folder `/work`, which holds `files` and nothing else.

    File names are relative to `/work`: no `..`, nothing absolute, no NUL. Names that are not UTF-8 are written with
    `surrogateescape`, as `os.fsdecode` gives them. Raises `BadProgram`.
    """

    argv: tuple[str, ...]
    files: Mapping[str, bytes] = field(default_factory=dict)
    stdin: bytes = b""
    env: Mapping[str, str] = field(default_factory=dict)
    """All of its environment besides `PATH`, `HOME`, `LANG` and `TMPDIR`, which this replaces where it names them."""
    mounts: tuple[Mount, ...] = ()
    root: Path | str | None = None
    """A folder that holds a root file system (a compiler image); None is the `/usr` of this machine."""
    collect: tuple[str, ...] = ()
    """Names below `/work` whose bytes are wanted afterwards. Regular files only; symbolic links are not followed."""

    def __post_init__(self) -> None:
        if not self.argv or not self.argv[0]:
            raise BadProgram("argv is empty: name the program to run")
        if len(self.files) > MAX_FILES:
            raise BadProgram(f"{len(self.files)} files were given, the most is {MAX_FILES}")
        for name in (*self.files, *self.collect):
            check_name(name)
        for text in (*self.argv, *self.env, *self.env.values(), *(mount.inside for mount in self.mounts)):
            if "\0" in text:
                raise BadProgram(f"{text!r} holds a NUL, which no argument, variable or path can")
        for name in self.env:
            if not name or "=" in name:
                raise BadProgram(f"{name!r} cannot name an environment variable")
        for mount in self.mounts:
            if not mount.inside.startswith("/") or ".." in mount.inside.split("/"):
                raise BadProgram(f"{mount.inside!r} is not an absolute path, so nothing can be mounted there")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one run may use. Whatever is used up ends the whole tree of processes."""

    wall: float = 10.0
    cpu: float = 10.0
    """CPU seconds of all processes together."""
    memory: int = 512 * MIB
    """Resident memory of all processes together, shared pages counted once; looked at every 20 ms near it."""
    processes: int = 64
    """Processes and threads at once."""
    output: int = MIB
    """Bytes on standard output, and as many on standard error."""
    work: int = 64 * MIB
    """What `/work`, `/tmp` and `/dev/shm` hold together. They are memory: a run holds at most `memory + work`."""
    inodes: int = 4096
    """Files and folders in them."""
    file_size: int = 64 * MIB
    collected: int = 16 * MIB
    """All collected files together; one that does not fit any more is left out, with the reason."""
    open_files: int = 256
    stack: int = 64 * MIB
    address_space: int | None = None
    """Virtual memory of each process. None where the run-time reserves much and uses little (JVM, Go, V8)."""

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise BadProgram(f"the limit {name} is {value!r}; a limit is above zero")


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What the run used. Peaks are the highest of the samples, so a short peak may be missing."""

    wall_ms: float = 0.0
    cpu_ms: float = 0.0
    """User and system time of the whole tree, the start of the sandbox (a few ms) with it."""
    max_rss: int = 0
    processes: int = 0
    work: int = 0
    inodes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a run."""

    end: End
    exit_code: int | None = None
    """Only for `EXITED`, and for a limit that the program met but outlived."""
    signal: int | None = None
    """The signal that ended the first process, where one did."""
    stdout: bytes = b""
    stderr: bytes = b""
    truncated: bool = False
    """More was written than is kept."""
    collected: Mapping[str, bytes] = field(default_factory=dict)
    not_collected: Mapping[str, str] = field(default_factory=dict)
    """Why a wanted file is not in `collected`: `absent`, `not a regular file`, `too large`."""
    usage: Usage = field(default_factory=Usage)
    touched: frozenset[End] = frozenset()
    """Every limit that was met, also where the program went on and ended well."""
    reason: str = ""
    """For `SANDBOX_ERROR`: what went wrong, for a person."""

    @property
    def ok(self) -> bool:
        """True where the program ended by itself with exit code 0."""
        return self.end is End.EXITED and self.exit_code == 0


def check_name(name: str) -> None:
    """Raise `BadProgram` for a file name that could mean anything outside the work folder."""
    parts = name.split("/")
    if not name or "\0" in name or any(part in ("", ".", "..") for part in parts):
        raise BadProgram(f"{name!r} is no name of a file below /work: relative, no '..', no empty part, no NUL")
    try:
        sizes = [len(os.fsencode(part)) for part in parts]
    except UnicodeEncodeError:
        raise BadProgram(f"{name!r} cannot be written as a file name") from None
    if max(sizes) > MAX_NAME:
        raise BadProgram(f"a part of {name[:40]!r}... is longer than {MAX_NAME} bytes")
