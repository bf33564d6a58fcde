"""A result as text for people."""

from __future__ import annotations

from abaca_compile.diagnostics import Sources, render
from abaca_compile.model import Counts, Result


def text(result: Result, sources: Sources | None = None) -> str:
    """The messages with the lines that they are about, and one line that sums up; it ends in a newline."""
    parts = [render(diagnostic, sources) for diagnostic in result.diagnostics]
    if not parts and result.stderr and not result.compiled:
        parts.append(result.stderr if result.stderr.endswith("\n") else f"{result.stderr}\n")
    return "".join([*parts, f"{summary(result)}\n"])


def summary(result: Result) -> str:
    """``g++-12: did not compile (2 errors, 1 warning, 812 ms)``."""
    name = f"{result.environment.id}: " if result.environment else ""
    if result.outcome is None:
        return f"{name}{result.status}"
    if result.error is not None:
        return f"{name}{result.outcome.replace('_', ' ')}: {result.error}"
    verdict = "compiled" if result.compiled else "did not compile"
    facts = _counted(result.counts)
    if result.timings.compile_ms is not None:
        facts.append(f"{result.timings.compile_ms} ms")
    return f"{name}{verdict}" + (f" ({', '.join(facts)})" if facts else "")


def _counted(counts: Counts) -> list[str]:
    kinds = (("error", counts.error), ("warning", counts.warning))
    return [f"{number} {kind}{'' if number == 1 else 's'}" for kind, number in kinds if number]
