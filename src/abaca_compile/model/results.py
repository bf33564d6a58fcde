"""What is answered: one shape for every state of a compilation."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from abaca_compile.model.base import Value
from abaca_compile.model.diagnostics import Counts, Diagnostic
from abaca_compile.model.environments import Language, Mode


class CompileStatus(StrEnum):
    """The state of a compilation. ``failed`` is about the user's code, ``error`` about us."""

    QUEUED = "queued"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    TIMEOUT = "timeout"
    ERROR = "error"
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        return self not in (CompileStatus.QUEUED, CompileStatus.PROCESSING)


class CompileOutcome(StrEnum):
    """How a run of the compiler ended. Limits are told from signals and counters, never from what was written."""

    COMPILED = "compiled"
    REJECTED = "rejected"
    TIMEOUT = "timeout"
    MEMORY_LIMIT = "memory_limit"
    OUTPUT_LIMIT = "output_limit"
    PROCESS_LIMIT = "process_limit"
    CRASHED = "crashed"
    SANDBOX_ERROR = "sandbox_error"

    @property
    def status(self) -> CompileStatus:
        return _STATUS.get(self, CompileStatus.FAILED)

    @property
    def is_answer(self) -> bool:
        """The compiler ran to its end and decided. Only these are kept in the cache: the rest depends on the load."""
        return self in (CompileOutcome.COMPILED, CompileOutcome.REJECTED)


_STATUS = {
    CompileOutcome.COMPILED: CompileStatus.COMPLETED,
    CompileOutcome.TIMEOUT: CompileStatus.TIMEOUT,
    CompileOutcome.SANDBOX_ERROR: CompileStatus.ERROR,
}


class RunOutcome(StrEnum):
    """How the built program ended. ``crashed``: by a signal of its own."""

    EXITED = "exited"
    TIMEOUT = "timeout"
    MEMORY_LIMIT = "memory_limit"
    OUTPUT_LIMIT = "output_limit"
    PROCESS_LIMIT = "process_limit"
    CRASHED = "crashed"
    SANDBOX_ERROR = "sandbox_error"


class Truncated(Value, frozen=True, kw_only=True):
    stdout: bool = False
    stderr: bool = False


class UsedEnvironment(Value, frozen=True, kw_only=True):
    """The toolchain that was used, and the command line as it ran in the sandbox."""

    id: str
    language: Language
    compiler: str
    version: str
    standard: str | None = None
    command: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()


class Timings(Value, frozen=True, kw_only=True):
    """``duration`` is the compiler's time in nanoseconds, as the source system gives it."""

    queued_ms: int | None = None
    compile_ms: int | None = None
    run_ms: int | None = None
    duration: int | None = None


class Usage(Value, frozen=True, kw_only=True):
    cpu_ms: int
    max_rss_kb: int


class Artifact(Value, frozen=True, kw_only=True):
    """What was built. ``kind``: elf, object, class, archive, bytecode or other."""

    sha256: str
    size: int
    kind: str
    name: str
    url: str | None = None


class CacheUse(Value, frozen=True, kw_only=True):
    hit: bool = False
    key: str | None = None


class RunResult(Value, frozen=True, kw_only=True):
    """What the built program did."""

    outcome: RunOutcome
    exit_code: int | None = None
    signal: int | None = None
    limit: str | None = None
    stdout: str = ""
    stderr: str = ""
    truncated: Truncated = Truncated()
    usage: Usage | None = None
    wall_ms: int | None = None


class Result(Value, frozen=True, kw_only=True):
    """The state of a compilation; every field is there in every state, ``null`` until it is known.

    ``success``: the compiler ran to its end; ``compiled``: it accepted the source. ``limit`` names the limit that ended
    it: wall, cpu, memory, output, file or processes. ``stderr`` is what a person reads; ``raw`` is what the compiler
    wrote where that is another text, such as JSON. ``duration`` is in nanoseconds, all ``_ms`` in milliseconds.
    """

    job_id: str | None = None
    status: CompileStatus = CompileStatus.QUEUED
    outcome: CompileOutcome | None = None
    success: bool | None = None
    compiled: bool | None = None
    mode: Mode | None = None
    exit_code: int | None = None
    signal: int | None = None
    limit: str | None = None
    stdout: str | None = None
    stderr: str | None = None
    raw: str | None = None
    truncated: Truncated = Truncated()
    diagnostics: tuple[Diagnostic, ...] = ()
    counts: Counts = Counts()
    environment: UsedEnvironment | None = None
    timings: Timings = Timings()
    duration: int | None = None
    usage: Usage | None = None
    artifact: Artifact | None = None
    run: RunResult | None = None
    cache: CacheUse | None = None
    error: str | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None


class Built(Value, frozen=True, kw_only=True):
    """A result together with the bytes of its artifact, where they were asked for."""

    result: Result
    artifact: bytes | None = None
