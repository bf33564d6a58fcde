"""What is asked: a submission as people write it, and a compilation as it is run."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

import msgspec

from abaca_compile.model.base import Value
from abaca_compile.model.environments import Language, Mode


class CachePolicy(StrEnum):
    """``bypass`` neither reads nor writes the cache; ``refresh`` compiles and writes it."""

    USE = "use"
    BYPASS = "bypass"
    REFRESH = "refresh"


class GivenFile(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file of a submission. ``encoding`` says what ``content`` is: text, or base64 of UTF-8 text."""

    name: str
    content: str
    encoding: Literal["utf8", "base64"] = "utf8"


class GivenLimits(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits that a submission asks for, each at most the server's; without one the server's default holds."""

    wall_ms: int | None = None
    cpu_ms: int | None = None
    memory_mb: int | None = None
    output_kb: int | None = None


class GivenRun(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether and how to run the program that was built. Its limits are stricter, and apart from the compiler's."""

    enabled: bool = False
    stdin: str = ""
    args: tuple[str, ...] = ()
    wall_ms: int | None = None
    cpu_ms: int | None = None
    memory_mb: int | None = None
    output_kb: int | None = None


class Submission(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request as it comes over HTTP or from the command line.

    Exactly one of ``source_code``, ``code`` (base64) and ``files`` holds the source. Exactly one environment is meant:
    by ``environment``, or by ``language`` and ``compiler``, where the language alone means its default compiler; or
    several are, by ``environments``.
    """

    source_code: str | None = None
    code: str | None = None
    files: tuple[GivenFile, ...] | None = None
    filename: str | None = None
    language: str | None = None
    compiler: str | None = None
    environment: str | None = None
    environments: tuple[str, ...] | None = None
    standard: str | None = None
    architecture: str | None = None
    os: str | None = None
    flags: tuple[str, ...] = ()
    mode: Mode | None = None
    entry: str | None = None
    limits: GivenLimits = GivenLimits()
    run: GivenRun = GivenRun()
    cache: CachePolicy = CachePolicy.USE
    callback_url: str | None = None
    idempotency_key: str | None = None
    priority: str | int | None = None
    tags: tuple[str, ...] = ()
    metadata: dict[str, Any] = msgspec.field(default_factory=dict)


class SourceFile(Value, frozen=True, kw_only=True):
    """A file as the compiler gets it. ``name`` is relative and normalised."""

    name: str
    content: bytes


class CompileLimits(Value, frozen=True, kw_only=True):
    """What one run of a compiler or of a built program may use."""

    wall_ms: int = 30_000
    cpu_ms: int = 20_000
    memory_mb: int = 512
    output_kb: int = 1024
    processes: int = 64
    file_mb: int = 64
    work_mb: int = 128


class RunPlan(Value, frozen=True, kw_only=True):
    """The run of the built program."""

    stdin: bytes = b""
    args: tuple[str, ...] = ()
    limits: CompileLimits = CompileLimits(wall_ms=3000, cpu_ms=3000, memory_mb=256, output_kb=64, processes=16)


class Compilation(Value, frozen=True, kw_only=True):
    """One source for one environment, with everything decided: what the engine runs and the cache goes by."""

    environment: str
    language: Language
    files: tuple[SourceFile, ...]
    entry: str
    standard: str | None = None
    flags: tuple[str, ...] = ()
    mode: Mode = Mode.COMPILE
    limits: CompileLimits = CompileLimits()
    run: RunPlan | None = None
