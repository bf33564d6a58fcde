"""The key of a compilation by its content: equal keys mean that the compiler would decide the same."""

from __future__ import annotations

import hashlib

import msgspec

from abaca_compile.model import Compilation, CompileLimits, Environment, Result, RunPlan

_EDITION = 1  # counts up when results of the same compilation come to look different


def content_key(compilation: Compilation, environment: Environment) -> str:
    """``sha256:`` and the digest of everything that the result depends on.

    The compiler counts by the fingerprint of its binary, not by its name. Of the limits only those count that show in
    an answer: how much output is kept; what a limit ends is never kept. Files count by name and content in whatever
    order they came, tags and priorities do not count.
    """
    canonical = [
        _EDITION,
        environment.family,
        environment.fingerprint,
        environment.language,
        environment.target,
        compilation.standard,
        [*environment.default_flags, *compilation.flags],
        compilation.mode,
        compilation.entry,
        sorted((file.name, hashlib.sha256(file.content).hexdigest()) for file in compilation.files),
        limits_class(compilation.limits),
        _run(compilation.run),
    ]
    return f"sha256:{hashlib.sha256(msgspec.json.encode(canonical)).hexdigest()}"


def limits_class(limits: CompileLimits) -> str:
    """The limits that show in an answer."""
    return f"output_kb={limits.output_kb},file_mb={limits.file_mb}"


def may_keep(compilation: Compilation, result: Result) -> bool:
    """Whether a result may be given to others: the compiler decided, nothing was cut off, and no program ran.

    What a limit or a signal ended depends on the load, and what a program does on more than its source.
    """
    is_answer = result.outcome is not None and result.outcome.is_answer
    return is_answer and compilation.run is None and not (result.truncated.stdout or result.truncated.stderr)


def _run(run: RunPlan | None) -> list[object] | None:
    return None if run is None else [run.stdin, run.args, msgspec.to_builtins(run.limits)]
